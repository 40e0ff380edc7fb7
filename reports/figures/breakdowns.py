"""A run taken apart: by kind of copy, by model, by how calls ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from harness.prices import Prices
from reports.figures import metrics
from reports.figures.cost import Ledger, Used, cost, usd
from reports.figures.failures import took_ms
from reports.figures.totals import percentiles
from reports.reading.names import Names
from reports.reading.run import Bools, Run

Group = dict[str, Any]

#: The figures of some calls, from which they are.
Figures = Callable[[Bools], Group]


def by_kind(run: Run, good: Bools, ledger: Ledger, prices: Prices) -> dict[str, Group]:
    """Of each kind of copy, the most frequent first: see `_served`."""
    return _by(run.calls.kind, _served(run, good), ledger, prices)


def by_model(run: Run, good: Bools, ledger: Ledger, prices: Prices) -> dict[str, Group]:
    """The same of each model that calls asked for, whatever fallback served some of them."""
    return _by(run.calls.model, _served(run, good), ledger, prices)


def by_outcome(run: Run, ledger: Ledger, prices: Prices) -> dict[str, Group]:
    """Of each outcome that calls had: how long they took to end so, their attempts, tokens and cost.

    `took_ms` = end - intended, of failed calls too: how long a customer waited to be told no.
    """

    def figures(mine: Bools) -> Group:
        return {"attempts": _attempts(run, mine), "took_ms": percentiles(took_ms(run.calls, mine))}

    return _by(run.calls.outcome, figures, ledger, prices)


def _served(run: Run, good: Bools) -> Figures:
    def figures(mine: Bools) -> Group:
        return {
            "ok": int(np.count_nonzero(run.ok & mine)),
            "good": int(np.count_nonzero(good & mine)),
            "attempts": _attempts(run, mine),
            "call_latency_ms": percentiles(took_ms(run.calls, mine & run.ok)),
        }

    return figures


def _attempts(run: Run, mine: Bools) -> int:
    return int(run.calls.attempts[mine].sum())


def _by(names: Names, figures: Figures, ledger: Ledger, prices: Prices) -> dict[str, Group]:
    """One group a name that occurs, with its count of calls, its `figures`, its tokens and their cost."""
    used = dict(zip(names.words, ledger.used_by(names.codes, len(names.words)), strict=True))
    return {
        name: {
            "calls": count,
            **figures(names == name),
            "tokens": _tokens(used[name]),
            "cost_usd": usd(cost(used[name], prices).total),
        }
        for name, count in metrics.counts(names).items()
    }


def _tokens(used: list[Used]) -> dict[str, int]:
    """As `tokens` of the whole run; attempts of calls that were never recorded are in no group."""
    return {
        "prompt": sum(u.prompt for u in used),
        "completion": sum(u.completion for u in used),
        "wasted": sum(u.wasted_prompt + u.wasted_completion for u in used),
    }
