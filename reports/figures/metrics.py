"""The metrics of a run, each a pure function with its formula. Names as in the design's glossary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from reports.figures import streams
from reports.figures.objectives import Objective
from reports.reading.names import Names
from reports.reading.run import NS_PER_MS, Bools, Calls, Events, Floats, Ints, Run


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens the API counted, over all attempts; `wasted` is the part that reached no customer."""

    prompt: int
    completion: int
    wasted: int


def call_latency_all_ms(calls: Calls) -> Floats:
    """Of every call: end - intended, infinite where it failed: failing fast is not fast."""
    latency = (calls.end_ns - calls.intended_ns) / NS_PER_MS
    return np.where(calls.outcome == "ok", latency, np.inf)


def call_latency_ms(calls: Calls) -> Floats:
    """Of ok calls: end - intended, all attempts and waits included: what the customer feels."""
    latency = call_latency_all_ms(calls)
    return latency[np.isfinite(latency)]


def schedule_lag_ms(calls: Calls) -> Floats:
    """Of every call: start - intended, how late the generator itself was."""
    return (calls.start_ns - calls.intended_ns) / NS_PER_MS


def loop_lag_ms(events: Events, worker: int | None = None) -> Floats:
    """How late the event loop woke a sleeper, of a worker or of all of them; sampled ten times a second."""
    sampled = events.name == "loop_lag"
    if worker is not None:
        sampled &= events.worker == worker
    return np.asarray(events.value[sampled] * 1000)


def e2el_by_call_ms(run: Run) -> Floats:
    """Of every call: end - sent of its last attempt; nan for a call without a recorded attempt."""
    return run.of_last_attempt((run.attempts.end_ns - run.attempts.sent_ns) / NS_PER_MS)


def e2el_ms(run: Run) -> Floats:
    """Of ok calls: end - sent of the last attempt, one request, as the API made it."""
    took = e2el_by_call_ms(run)[run.ok]
    return took[~np.isnan(took)]


_OF_LAST_ATTEMPT: dict[str, Callable[[Run], Floats]] = {
    "e2el": e2el_by_call_ms,
    "ttft": streams.ttft_by_call_ms,
    "itl": streams.mean_itl_by_call_ms,
    "tpot": streams.tpot_by_call_ms,
}


def good(run: Run, objectives: Sequence[Objective]) -> Bools:
    """Which calls are ok and met every objective. What was not recorded is not met."""
    met = run.ok.copy()
    for objective in objectives:
        met &= _judged(run, objective.metric) <= objective.limit_ms
    return met


def _judged(run: Run, metric: str) -> Floats:
    """Of every call: the value its objective is held against."""
    if metric == "call_latency":
        return call_latency_all_ms(run.calls)
    return _OF_LAST_ATTEMPT[metric](run)


def per_s(count: int, window_s: float) -> float | None:
    """A rate: count / arrival window; None without a window."""
    return count / window_s if window_s > 0 else None


def share(part: int, whole: int) -> float | None:
    """A share: part / whole; None of nothing."""
    return part / whole if whole else None


def tokens(run: Run) -> Tokens:
    """prompt, completion: sums over attempts. wasted: both, of attempts ok in calls that were not.

    An attempt we gave up on may still have been generated and billed; a client cannot know, so it counts
    nothing. Attempts of calls that were never recorded are not called wasted either.
    """
    attempts = run.attempts
    prompt = np.maximum(attempts.prompt_tokens, 0)
    completion = np.maximum(attempts.completion_tokens, 0)
    wasted = (attempts.outcome == "ok") & run.of_call(~run.ok, without=False)
    return Tokens(
        prompt=int(prompt.sum()),
        completion=int(completion.sum()),
        wasted=int(prompt[wasted].sum() + completion[wasted].sum()),
    )


def counts(names: Names, known: Sequence[str] = ()) -> dict[str, int]:
    """How often each name occurs, in the order of `ordered`."""
    return ordered(names.counts(), known)


def ordered(found: Counter[str], known: Sequence[str] = ()) -> dict[str, int]:
    """Counts by name: `known` ones first and even when zero, then the others by frequency."""
    rest = sorted((n for n in found if n not in known), key=lambda n: (-found[n], n))
    return {name: found[name] for name in (*known, *rest)}


def selectors(outcome: Names, fault: Names) -> Names:
    """The finest name of how each attempt ended, as `transient.connect`; the outcome where no fault is."""
    return outcome.with_each(fault, lambda ended, by: f"{ended}.{by}" if by else ended)


def duplicated(ids: Ints) -> int:
    """How many of sorted ids stand there once more than they should."""
    return int(np.count_nonzero(ids[1:] == ids[:-1]))
