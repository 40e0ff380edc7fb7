"""The metrics of a run, each a pure function with its formula. Names as in the design's glossary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reports.objectives import Objective
from reports.run import NS_PER_MS, Bools, Calls, Floats, Ints, Run, Texts


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


def e2el_by_call_ms(run: Run) -> Floats:
    """Of every call: end - sent of its last attempt; nan for a call without a recorded attempt."""
    ids = run.attempts.call_id
    found = np.full(len(run.calls), np.nan)
    if len(ids) == 0:
        return found
    # Attempts are ordered by call and number, so the last one stands left of where the next id would go.
    last = np.searchsorted(ids, run.calls.call_id, side="right") - 1
    known = (last >= 0) & (ids[last] == run.calls.call_id)
    took = (run.attempts.end_ns - run.attempts.sent_ns) / NS_PER_MS
    found[known] = took[last[known]]
    return found


def e2el_ms(run: Run) -> Floats:
    """Of ok calls: end - sent of the last attempt, one request, as the API made it."""
    took = e2el_by_call_ms(run)[run.ok]
    return took[~np.isnan(took)]


def good(run: Run, objectives: Sequence[Objective]) -> Bools:
    """Which calls are ok and met every objective. What was not recorded is not met."""
    values = {"call_latency": call_latency_all_ms(run.calls), "e2el": e2el_by_call_ms(run)}
    met = run.ok.copy()
    for objective in objectives:
        met &= values[objective.metric] <= objective.limit_ms
    return met


def per_s(count: int, window_s: float) -> float | None:
    """A rate: count / arrival window; None without a window."""
    return count / window_s if window_s > 0 else None


def share(part: int, whole: int) -> float | None:
    """A share: part / whole; None of nothing."""
    return part / whole if whole else None


def amplification(run: Run) -> float | None:
    """Amplification = attempts / calls: what the API gets for one call of a customer."""
    return share(len(run.attempts), len(run.calls))


def shed_rate(run: Run) -> float | None:
    """Shed rate = rejected calls / calls: turned away before any attempt."""
    return share(int(np.count_nonzero(run.calls.outcome == "rejected")), len(run.calls))


def tokens(run: Run) -> Tokens:
    """prompt, completion: sums over attempts. wasted: both, of attempts ok in calls that were not.

    An attempt we gave up on may still have been generated and billed; a client cannot know, so it counts
    nothing. Attempts of calls that were never recorded are not called wasted either.
    """
    attempts = run.attempts
    prompt = np.maximum(attempts.prompt_tokens, 0)
    completion = np.maximum(attempts.completion_tokens, 0)
    failed = np.isin(attempts.call_id, run.calls.call_id[~run.ok])
    wasted = failed & (attempts.outcome == "ok")
    return Tokens(
        prompt=int(prompt.sum()),
        completion=int(completion.sum()),
        wasted=int((prompt + completion)[wasted].sum()),
    )


def counts(names: Texts, known: Sequence[str] = ()) -> dict[str, int]:
    """How often each name occurs: `known` ones first and even when zero, then the others by frequency."""
    found = Counter(names.tolist())
    rest = sorted((n for n in found if n not in known), key=lambda n: (-found[n], n))
    return {name: found[name] for name in (*known, *rest)}


def selectors(outcome: Texts, fault: Texts) -> Texts:
    """The finest name of how each attempt ended, as `transient.connect`; the outcome where no fault is."""
    dotted = np.char.add(np.char.add(outcome, "."), fault)
    return np.asarray(np.where(fault == "", outcome, dotted), dtype=np.str_)


def duplicated(ids: Ints) -> int:
    """How many ids stand there once more than they should."""
    return len(ids) - len(np.unique(ids))
