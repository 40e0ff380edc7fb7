"""What a run cost: its tokens as the API counted them, times the price of the model each attempt was sent to.

Token counts and prices are whole numbers (picodollars), and so are their sums: no order of adding shows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.prices import PICODOLLARS, Prices
from reports.figures.pieces import pieces
from reports.figures.totals import INFINITE
from reports.reading.names import Codes
from reports.reading.run import Bools, Ints, Run, narrow

#: In place of a model's name: of attempts whose calls were never recorded, where calls asked for several.
UNKNOWN = "(unknown)"


@dataclass(frozen=True, slots=True)
class Used:
    """Attempts sent to `model`, and the tokens the API counted of them; wasted ones are among the others."""

    model: str
    attempts: int
    prompt: int
    completion: int
    wasted_prompt: int
    wasted_completion: int

    def picodollars(self, prices: Prices) -> tuple[int, int] | None:
        """All of it, and the wasted part; None where the model has no price. Nothing costs nothing."""
        if self.prompt == self.completion == 0:
            return 0, 0
        price = prices.of(self.model)
        if price is None:
            return None
        return (
            self.prompt * price.prompt + self.completion * price.completion,
            self.wasted_prompt * price.prompt + self.wasted_completion * price.completion,
        )


@dataclass(frozen=True, slots=True)
class Cost:
    """In picodollars; None where a model among them has no price: `unpriced` names each that has none."""

    total: int | None
    wasted: int | None
    unpriced: tuple[str, ...]


class Ledger:
    """Of every attempt: its call, the model it was sent to, its tokens, and whether they were wasted.

    The first choice is the model the call asked for; the fallback is the policy's `fallback.model`, or that
    same model where it names none. An attempt whose call was never recorded went to the one model that all
    calls asked for, and to an unknown one where they asked for several.
    """

    def __init__(self, run: Run) -> None:
        attempts = run.attempts
        self._run = run
        self._model, self._models = _models_of(run)
        self._tokens = (attempts.prompt_tokens, attempts.completion_tokens)
        self._wasted: Bools = run.of_call(~run.ok, without=False) & (attempts.outcome == "ok")

    def used(self) -> list[Used]:
        """By the whole run: one a model that attempts were sent to, in the order of their names."""
        return self._sums(np.zeros(len(self._model), dtype=np.uint8), 1)[0]

    def used_by(self, group: Codes, groups: int) -> list[list[Used]]:
        """The same of each group of calls; `group` is each call's, from 0 to `groups` - 1."""
        # Attempts of calls that were never recorded belong to no group: to one more, which is left out.
        return self._sums(self._run.of_call(group.astype(narrow(groups)), without=groups), groups + 1)[
            :groups
        ]

    def _sums(self, group: Ints, groups: int) -> list[list[Used]]:
        kinds = len(self._models)
        found = np.zeros((groups * kinds, 5), dtype=np.int64)
        for piece in pieces(len(self._model)):
            cell = group[piece].astype(np.int64) * kinds + self._model[piece]
            # What the API did not count counts nothing.
            tokens = [np.maximum(column[piece], 0) for column in self._tokens]
            wasted = self._wasted[piece]
            columns = [
                np.bincount(cell, minlength=len(found)),
                *(_sum(cell, each, len(found)) for each in tokens),
                *(_sum(cell[wasted], each[wasted], len(found)) for each in tokens),
            ]
            found += np.stack(columns, axis=1)
        rows = found.reshape(groups, kinds, -1).tolist()
        return [
            [Used(model, *row) for model, row in zip(self._models, of_group, strict=True) if row[0]]
            for of_group in rows
        ]


def cost(used: Iterable[Used], prices: Prices) -> Cost:
    """What some use of models comes to."""
    total = wasted = 0
    unpriced = []
    for one in used:
        found = one.picodollars(prices)
        if found is None:
            unpriced.append(one.model)
        else:
            total, wasted = total + found[0], wasted + found[1]
    if unpriced:
        return Cost(None, None, tuple(unpriced))
    return Cost(total, wasted, ())


def document(used: list[Used], good: int, prices: Prices) -> dict[str, Any]:
    """`cost_usd` of a summary, in US dollars; `per_good_call` = total / good calls, infinite without any."""
    whole = cost(used, prices)
    return {
        "total": usd(whole.total),
        "wasted": usd(whole.wasted),
        "per_good_call": per_call(whole.total, good),
        "by_model": {one.model: _of_model(one, prices) for one in used},
        "unpriced": list(whole.unpriced),
        "prices": prices.source,
    }


def usd(picodollars: int | None) -> float | None:
    """Dollars: the nearest number that JSON holds."""
    return None if picodollars is None else picodollars / PICODOLLARS


def per_call(picodollars: int | None, calls: int) -> float | str | None:
    """Dollars / calls; infinite where money went and no call came of it, None of nothing."""
    if picodollars is None or (picodollars == 0 and calls == 0):
        return None
    return picodollars / (PICODOLLARS * calls) if calls else INFINITE


def _of_model(one: Used, prices: Prices) -> dict[str, Any]:
    of_it, price = cost([one], prices), prices.of(one.model)
    return {
        "attempts": one.attempts,
        "prompt_tokens": one.prompt,
        "completion_tokens": one.completion,
        # Picodollars a token are millionths of a dollar per million tokens.
        "usd_per_million_prompt_tokens": None if price is None else price.prompt / 1e6,
        "usd_per_million_completion_tokens": None if price is None else price.completion / 1e6,
        "total": usd(of_it.total),
        "wasted": usd(of_it.wasted),
    }


def _models_of(run: Run) -> tuple[Ints, list[str]]:
    """Of every attempt: the index of the model it was sent to; and the models, by name."""
    asked = run.calls.model.unique()
    second = _second(run)
    models = sorted({*asked, UNKNOWN} if second is None else {*asked, UNKNOWN, second})
    of_call = np.zeros(len(run.calls), dtype=np.int16)
    for name in asked:
        of_call[run.calls.model == name] = models.index(name)
    model = run.of_call(of_call, without=models.index(asked[0] if len(asked) == 1 else UNKNOWN))
    if second is not None:
        model[run.attempts.route == 1] = models.index(second)
    return model, models


def _second(run: Run) -> str | None:
    """The model of the fallback, where the policy names one."""
    fallback = run.manifest.policy.values.get("fallback")
    model = fallback.get("model") if isinstance(fallback, dict) else None
    return model if isinstance(model, str) else None


def _sum(cell: Ints, tokens: Ints, cells: int) -> Ints:
    # Sums as float64 are exact up to 2**53: nine thousand million million tokens.
    return np.bincount(cell, weights=tokens, minlength=cells).astype(np.int64)
