"""What a run comes to, taken whole or in parts: counts add, samples join, figures follow from both."""

from __future__ import annotations

import math
import tempfile
import weakref
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import IO, Any

import numpy as np

from harness.model import Outcome
from reports.figures import breaker, metrics, quantiles, streams
from reports.figures.objectives import Objective
from reports.reading.run import NS_PER_MS, NS_PER_S, Bools, Events, Floats, Run

#: JSON has no Infinity; a percentile that reaches into the failures is this word.
INFINITE = "inf"

ATTEMPT_OUTCOMES = tuple(str(o) for o in Outcome if o is not Outcome.REJECTED)

#: Beyond this, samples wait in a file: a long evening needs no more memory than a short one.
MOST_HELD_BYTES = 1 << 20


class Samples:
    """Numbers in the order they came; many of them on disk, in a file that nobody else sees."""

    def __init__(self) -> None:
        self._held: list[Floats] = []
        self._later: list[Callable[[], Floats]] = []
        self._held_bytes = 0
        self._file: IO[bytes] | None = None

    def add(self, values: Floats) -> None:
        """Some more."""
        self._held.append(values)
        self._held_bytes += values.nbytes
        if self._held_bytes > MOST_HELD_BYTES:
            self._spill()

    def add_later(self, source: Callable[[], Floats]) -> None:
        """Some more, which are nowhere until they are asked for; they follow all others."""
        self._later.append(source)

    def all(self) -> Floats:
        """Every one."""
        parts = [*self._held, *(source() for source in self._later)]
        if self._file is not None:
            self._file.seek(0)
            parts = [np.frombuffer(self._file.read(), dtype=np.float64), *parts]
        return parts[0] if len(parts) == 1 else np.concatenate((np.empty(0), *parts))

    def _spill(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the samples
            weakref.finalize(self, self._file.close)
        self._file.seek(0, 2)
        for values in self._held:
            self._file.write(np.ascontiguousarray(values, dtype=np.float64).tobytes())
        self._held, self._held_bytes = [], 0


class Totals:
    """The sums of a run: `add` it, or its parts, each with whole calls and all their attempts."""

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self._objectives = objectives
        self._outcomes: Counter[str] = Counter()
        self._attempt_outcomes: Counter[str] = Counter()
        self._attempt_faults: Counter[str] = Counter()
        self._stopped_by: Counter[str] = Counter()
        self._prompt = self._completion = self._wasted = self._good = 0
        self._samples = {name: Samples() for name in (*_SAMPLED, *_STREAMED)}
        self._failed = 0
        self._streamed = False
        self._breakers: list[Events] = []

    @property
    def calls(self) -> int:
        """Calls there are."""
        return self._outcomes.total()

    def add(self, run: Run, *, whole: bool = False) -> Bools:
        """A run, or one more part of it; which of its calls are good.

        A `whole` run stays as it is: its samples are taken when they are asked for, and not kept.
        """
        calls, attempts, ok = run.calls, run.attempts, run.ok
        self._outcomes.update(calls.outcome.counts())
        self._attempt_outcomes.update(attempts.outcome.counts())
        self._attempt_faults.update(metrics.selectors(attempts.outcome, attempts.fault).counts())
        self._stopped_by.update(calls.stopped_by[~ok].counts())
        good = metrics.good(run, self._objectives)
        self._good += int(good.sum())
        spent = metrics.tokens(run)
        self._prompt += spent.prompt
        self._completion += spent.completion
        self._wasted += spent.wasted
        self._failed += int(np.count_nonzero(~ok))
        self._streamed |= streams.recorded(run)
        for name, of in (_SAMPLED | _STREAMED if streams.recorded(run) else _SAMPLED).items():
            if whole:
                self._samples[name].add_later(partial(of, run))
            else:
                self._samples[name].add(of(run))
        self._breakers.append(run.events.named("breaker"))
        return good

    def figures(self, *, offered: int, clients: Sequence[int], window_ns: int) -> dict[str, Any]:
        """The figures of all that was added, by their names in `summary.json`; rates are over the window.

        `clients` are the numbers of the processes that have one.
        """
        window_s, ok = window_ns / NS_PER_S, self._outcomes["ok"]
        attempts = self._attempt_outcomes.total()
        return {
            "calls": self.calls,
            "attempts": attempts,
            "outcomes": metrics.ordered(self._outcomes, tuple(Outcome)),
            "attempt_outcomes": metrics.ordered(self._attempt_outcomes, ATTEMPT_OUTCOMES),
            "attempt_faults": metrics.ordered(self._attempt_faults),
            "stopped_by": metrics.ordered(self._stopped_by),
            "offered_rate": metrics.per_s(offered, window_s),
            "request_throughput": metrics.per_s(ok, window_s),
            "request_goodput": metrics.per_s(self._good, window_s),
            "good_calls": self._good,
            "goodput_objectives_ms": {o.metric: o.limit_ms for o in self._objectives},
            "amplification": metrics.share(attempts, self.calls),
            "shed_rate": metrics.share(self._outcomes["rejected"], self.calls),
            "breaker_open_fraction": breaker.open_fraction(Events.joined(self._breakers), clients, window_ns),
            "quantile_definition": quantiles.DEFINITION,
            **self._latencies(),
            "tokens": {"prompt": self._prompt, "completion": self._completion, "wasted": self._wasted},
        }

    def _latencies(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, samples in self._samples.items():
            every = samples.all()
            shown = name not in _STREAMED or self._streamed
            found[name] = percentiles(every) if shown else None
            if name == "call_latency_ms":
                failed = np.full(self._failed, math.inf)
                found["call_latency_all_ms"] = percentiles(np.concatenate((every, failed)))
            del every  # one at a time
        return found


def percentiles(samples: Floats) -> dict[str, float | int | str | None]:
    """Percentiles as JSON holds them."""
    return {name: finite(value) for name, value in quantiles.percentiles(samples).items()}


def finite(value: float | None) -> float | int | str | None:
    """A figure as JSON holds it."""
    if value is None or isinstance(value, int):
        return value
    # Six decimals of a millisecond are the nanosecond that was recorded.
    if math.isinf(value):
        return INFINITE if value > 0 else f"-{INFINITE}"
    return round(value, 6)


Sampled = dict[str, Callable[[Run], Floats]]

#: Samples that every run has, and those of streams.
_SAMPLED: Sampled = {
    "call_latency_ms": lambda run: metrics.call_latency_ms(run.calls),
    "e2el_ms": metrics.e2el_ms,
    "permit_wait_ms": lambda run: run.calls.permit_wait_ns / NS_PER_MS,
    "backoff_ms": lambda run: run.calls.backoff_ns / NS_PER_MS,
    "schedule_lag_ms": lambda run: metrics.schedule_lag_ms(run.calls),
    "loop_lag_ms": lambda run: metrics.loop_lag_ms(run.events),
}
_STREAMED: Sampled = {"ttft_ms": streams.ttft_ms, "itl_ms": streams.itl_ms, "tpot_ms": streams.tpot_ms}
