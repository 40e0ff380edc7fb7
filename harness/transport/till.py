"""Where the requests of one process wait for their part of the budget."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from harness.model import Fault, Outcome
from harness.spending.amount import Amount
from harness.spending.meter import Meter
from harness.spending.purse import Purse
from harness.spending.treasury import Grant
from harness.transport.base import TransportError

#: The code of what it refuses: a limit of this process, whatever the request is.
BUDGET_SPENT = "budget_spent"

#: The code of a request that waited in vain for what is in flight to come back from the budget.
BUDGET_HELD = "budget_held"

#: How long a request waits until the budget covers it: for a portion that is on its way, or for the
#: difference between the most that requests in flight can cost and what they do.
WAIT_S = 5.0


class Till:
    """A purse, and those who wait at it; `spent` is called at the first refusal. For one event loop."""

    def __init__(self, purse: Purse, meter: Meter, spent: Callable[[], None]) -> None:
        self.purse = purse
        self.meter = meter
        self.exhausted = False  # whether it has refused a request
        self._spent = spent
        self._changed = asyncio.Event()

    def take(self, grant: Grant) -> None:
        """Another portion, or the word that there is none."""
        self.purse.take(grant)
        self._wake()

    async def reserve(self, most: Amount) -> None:
        """Hold so much, and wait for it if it may come. Raises TransportError where it does not."""
        if self.purse.reserve(most):
            return
        give_up_s = asyncio.get_running_loop().time() + WAIT_S
        while not self.purse.reserve(most):
            if self.purse.is_hopeless(most):
                raise self._refusal()
            try:
                async with asyncio.timeout_at(give_up_s):
                    await self._changed.wait()
            except TimeoutError:
                detail = f"the budget did not cover the request within {WAIT_S:g} s: too much is in flight"
                raise TransportError(Outcome.LOCAL, Fault.NONE, detail, BUDGET_HELD) from None

    def settle(self, most: Amount, cost: Amount) -> None:
        """A request for which `most` is held cost so much."""
        self.purse.settle(most, cost)
        self._wake()

    def _refusal(self) -> TransportError:
        if not self.exhausted:
            self.exhausted = True
            self._spent()
        detail = "the budget is used up: what is left of it does not cover the request"
        return TransportError(Outcome.FATAL, Fault.NONE, detail, BUDGET_SPENT)

    def _wake(self) -> None:
        """Everybody who waits looks again."""
        if not self._changed.is_set():
            self._changed.set()
            self._changed = asyncio.Event()
