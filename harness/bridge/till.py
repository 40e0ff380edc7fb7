"""Where a load process pays for its requests."""

from __future__ import annotations

import logging
from collections.abc import Callable

from harness.bridge.plan import Plan
from harness.play.player import DRAIN_S
from harness.spending.amount import Amount
from harness.spending.purse import Purse
from harness.spending.terms import Terms
from harness.spending.treasury import Grant
from harness.transport.till import Till

logger = logging.getLogger(__name__)


def till_of(plan: Plan, worker: str, stop: Callable[[float], None]) -> Till | None:
    """That of a worker, with its first portion; None in a run without a budget.

    Once it can pay no more the worker's arrivals stop, and calls under way end as ever.
    """
    if plan.terms is None:
        return None
    terms = Terms.of(plan.terms)

    def spent() -> None:
        """On the loop."""
        logger.warning("stopping: the budget is used up, or does not cover another request")
        stop(DRAIN_S)

    return Till(Purse(Grant(Amount.of(plan.portions[worker]))), terms.meter, spent)
