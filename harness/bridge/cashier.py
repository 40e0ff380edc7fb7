"""The head's side of a run's budget: portions for its workers, and what all of them have spent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from harness.play.tally import Tally
from harness.spending.amount import NOTHING, Amount
from harness.spending.said import part_spent
from harness.spending.terms import Terms
from harness.spending.treasury import Ask, Grant, Treasury


@dataclass(frozen=True, slots=True)
class Spent:
    """What a run has spent so far, and its budget; None for what is not counted, or has no limit."""

    requests: int
    tokens: int | None
    usd: float | None
    max_requests: int | None
    max_tokens: int | None
    max_usd: float | None


class Cashier:
    """Serves one run. `trial` is what was spent on it before it began."""

    def __init__(self, terms: Terms, workers: Iterable[str], trial: Amount) -> None:
        self.terms = terms
        self.trial = trial
        workers = list(workers)
        self._treasury = Treasury(terms.limit, len(workers))
        self._treasury.spend(trial)
        self._exhausted = False
        #: What each worker has to begin with, for the plan.
        self.first = {worker: self._treasury.open(worker).total.message() for worker in workers}

    def ask(self, worker: str, asked: Ask) -> Grant:
        """A worker's wish for more."""
        return self._treasury.ask(worker, asked)

    def hear(self, worker: str, tally: Tally) -> None:
        """What a worker has spent; once it has finished, the rest of its portions is there for others."""
        if not tally.spent and not tally.finished:
            return
        spent = Amount.of(tally.spent) if tally.spent else NOTHING  # who never began has nothing to say
        self._exhausted = self._exhausted or tally.exhausted
        if tally.finished:
            self._treasury.close(worker, spent)
        else:
            self._treasury.tell(worker, spent)

    def close(self) -> None:
        """The run is over: who has not finished is gone, with all that it had been given."""
        for worker in self.first:
            self._treasury.lose(worker)

    @property
    def spent(self) -> Spent:
        """For those who look on."""
        spent, limit = self._treasury.spent, self.terms.limit.document()
        meter = self.terms.meter
        return Spent(
            requests=spent.requests,
            tokens=spent.tokens if meter.tokens else None,
            usd=spent.usd if meter.prices is not None else None,
            max_requests=limit["requests"],
            max_tokens=limit["tokens"],
            max_usd=limit["usd"],
        )

    @property
    def said(self) -> str:
        """What has been spent of what is limited, for a line: $0.12 of $0.25."""
        return part_spent(self._treasury.spent, self.terms.limit)

    def document(self) -> dict[str, Any]:
        """An ending's `spent`."""
        spent, forfeited = self._treasury.spent, self._treasury.forfeited
        return spent_document(self.terms, spent, forfeited, self.trial, exhausted=self._exhausted)


def budget_document(terms: Terms) -> dict[str, Any]:
    """A manifest's `budget`; null for what has no limit."""
    prices = terms.meter.prices
    return {**terms.limit.document(), "prices": None if prices is None else prices.source}


def spent_document(
    terms: Terms, spent: Amount, forfeited: Amount, trial: Amount, *, exhausted: bool
) -> dict[str, Any]:
    """What was spent in all; of that, what lost processes had been given and did not account for, and what
    the trial request before the run cost. Null for what was not counted. `exhausted` where it ended the run.
    """
    return {
        **_counted(terms, spent),
        "forfeited": _counted(terms, forfeited) if forfeited != NOTHING else None,
        "trial": _counted(terms, trial) if trial != NOTHING else None,
        "exhausted": exhausted,
    }


def ask_from(message: dict[str, Any]) -> Ask:
    """A worker's message."""
    return msgspec.convert(message, Ask)


def grant_from(message: dict[str, Any]) -> Grant:
    """The head's message."""
    return msgspec.convert(message, Grant)


def _counted(terms: Terms, amount: Amount) -> dict[str, Any]:
    return {
        "requests": amount.requests,
        "tokens": amount.tokens if terms.meter.tokens else None,
        "usd": amount.usd if terms.meter.prices is not None else None,
    }
