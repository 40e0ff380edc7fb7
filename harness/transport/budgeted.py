"""A hard stop: nothing is sent that this process's part of the budget does not cover, at its worst."""

from __future__ import annotations

from urllib.parse import urlsplit

from harness.model import Fault, Outcome
from harness.spending.amount import ONE_REQUEST
from harness.spending.meter import UnboundedError
from harness.transport.base import HttpRequest, HttpResponse, Transport, TransportError
from harness.transport.metered import MeteredResponse
from harness.transport.till import Till
from harness.wire.base import Parsed
from harness.wire.choose import wire_for_path

#: The code of a request whose cost nobody can bound.
COST_UNBOUNDED = "cost_unbounded"


class BudgetedTransport:
    """Passes requests on while the till covers them, then refuses.

    Every request that is passed on counts as one. Its tokens and its money are held at their most until its
    reply has told them.
    """

    def __init__(self, inner: Transport, till: Till) -> None:
        self._inner = inner
        self._till = till

    async def open(self, request: HttpRequest) -> HttpResponse:
        """Send the request if the budget allows."""
        if self._till.meter.reads:
            return await self._open_metered(request)
        await self._till.reserve(ONE_REQUEST)
        self._till.settle(ONE_REQUEST, ONE_REQUEST)
        return await self._inner.open(request)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._inner.aclose()

    async def _open_metered(self, request: HttpRequest) -> HttpResponse:
        till, meter, body = self._till, self._till.meter, request.content
        try:
            most = meter.most(body)
        except UnboundedError as error:
            raise TransportError(Outcome.FATAL, Fault.NONE, str(error), COST_UNBOUNDED) from error
        await till.reserve(most)
        try:
            response = await self._inner.open(request)
        except TransportError as error:
            till.settle(most, meter.unanswered(body, error.outcome, error.fault))
            raise
        except BaseException:
            till.settle(most, most)
            raise

        def settle(status: int, parsed: Parsed) -> None:
            till.settle(most, meter.billed(body, status, parsed))

        return MeteredResponse(response, wire_for_path(urlsplit(request.url).path), settle)
