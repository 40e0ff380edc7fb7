"""A hard stop on the number of requests: what a real API may cost at most."""

from __future__ import annotations

from collections.abc import Callable

from harness.model import Fault, Outcome
from harness.transport.base import HttpRequest, HttpResponse, Transport, TransportError

#: The code of what it refuses: a limit of this process, whatever the request is.
BUDGET_SPENT = "max_requests_spent"


class BudgetedTransport:
    """Passes at most `most` requests on, then refuses; `spent` is called at the first refusal."""

    def __init__(self, inner: Transport, most: int, spent: Callable[[], None]) -> None:
        self._inner = inner
        self._left = most
        self._spent = spent
        self._told = False

    async def open(self, request: HttpRequest) -> HttpResponse:
        """Send the request if the budget allows."""
        if self._left <= 0:
            if not self._told:
                self._told = True
                self._spent()
            detail = "the budget of --max-requests is used up"
            raise TransportError(Outcome.FATAL, Fault.NONE, detail, BUDGET_SPENT)
        self._left -= 1
        return await self._inner.open(request)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._inner.aclose()
