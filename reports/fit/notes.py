"""What a fit could not tell, and what it rests on: in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from reports.fit.beside import Beside, Laws
from reports.fit.fit import Fit
from reports.fit.gaps import USUAL_CV
from reports.fit.line import AMPLE, overloads
from reports.fit.observed import Observed
from reports.reading.run import ABSENT, Bools, Run
from reports.telling import words

THROTTLED = 429

#: What a limit counts.
_COUNTED = {"rpm": "requests", "tpm": "tokens", "itpm": "input tokens", "otpm": "output tokens"}

#: Files that are named of runs that are not whole.
_FILES = 3

#: A share of attempts that is worth a sentence.
_SOME = 0.01

#: A rise of the time to first token with load that is worth one.
_RISE = 0.1

#: Rather than not.
_HUNG = 0.5

#: Replies at the fewest for a p99 that is known to some percent.
_FEW = 3000


def notes(fit: Fit, laws: Laws) -> list[str]:
    """In the order of the profile's sections."""
    return [
        *_runs(fit),
        *_first_token(fit, laws),
        *_gaps(fit, laws),
        *_length(fit, laws),
        *_limits(fit),
        *_capacity(fit),
        *_failures(fit),
    ]


def _runs(fit: Fit) -> Iterator[str]:
    observed = fit.observed
    degraded = [run for run in observed.runs if run.ending is not None and run.ending.degraded]
    if degraded:
        why = words.clean(degraded[0].ending.degraded[0]) if degraded[0].ending else ""
        yield (
            f"{len(degraded)} of the runs are degraded ({why}): what the client added is taken for the API's"
        )
    cut = [run for run in observed.runs if run.ending is None or run.cut or run.missing]
    if cut:
        yield f"{len(cut)} of the runs are not whole: what was recorded is fitted ({_lacking(cut)})"
    seeds = [run.manifest.seed for run in observed.runs]
    if len(set(seeds)) < len(seeds) and any(run.manifest.target.get("bundled") for run in observed.runs):
        yield (
            "runs of one seed meet the same draws of the bundled server: together they tell little more"
            " than one"
        )
    if observed.elsewhere:
        yield f"{observed.elsewhere:,} attempts went to the fallback: they are left out"
    if not fit.span.alike:
        yield "the runs differ in length or hours: what happens at a time of its own is not looked for"


def _lacking(runs: Sequence[Run]) -> str:
    """What is not there of runs that are not whole."""
    files = [f"{words.clean(one.name)} is cut short" for run in runs for one in run.cut]
    files += [f"{words.clean(name)} is missing" for run in runs for name in run.missing]
    found = files if len(files) <= _FILES else [*files[:_FILES], f"{len(files) - _FILES:,} more files so"]
    if any(run.ending is None for run in runs):
        found.append("without an ending")
    # What calls say of attempts that were never recorded; calls that were not recorded say nothing.
    fewer = sum(
        max(0, int(run.calls.attempts.sum()) - int(np.count_nonzero(run.call_of_attempt != ABSENT)))
        for run in runs
    )
    if fewer:
        found.append(f"{fewer:,} attempts fewer than the calls say")
    return "; ".join(found)


def _first_token(fit: Fit, laws: Laws) -> Iterator[str]:
    latency = fit.latency
    if not latency.streamed:
        yield (
            "no streams: the time to first token is what is left of a whole reply without its tokens' time;"
            " record with --stream to see it"
        )
    if latency.waited:
        yield f"{latency.waited:,} of the times to first token had a wait, which follows from the slots"
    yield from _few(laws.ttft, "times to first token")
    if not latency.per_1k_prompt_ms:
        prompt = fit.observed.attempts.prompt_tokens
        seen = prompt[prompt >= 0]
        if len(seen):
            low, high = int(seen.min()), int(seen.max())
            yield (
                f"no share of the prompt shows in the time to first token: prompts had {low:,} to {high:,}"
                " tokens; longer ones may"
            )
    if latency.rise > _RISE:
        yield (
            f"the first token came {words.percent(latency.rise)} later where most others were there, and no"
            " line explains it: the model has no such rise, only the law of all that was seen"
        )
    if not laws.ttft.goodness.close:
        yield f"the time to first token has another form than the model: shares differ by {_off(laws.ttft)}"
    yield from _tail(laws.ttft)


def _gaps(fit: Fit, laws: Laws) -> Iterator[str]:
    gaps = fit.latency.gaps
    if gaps.together:
        yield (
            "the API sends several tokens an event: only their mean time is known, and"
            f" inter_token.cv = {USUAL_CV:g} is the mock server's own"
        )
    elif gaps.cv is None and not fit.latency.streamed:
        yield (
            f"whole replies do not tell how gaps vary: inter_token.cv = {USUAL_CV:g} is the mock server's own"
        )
    if laws.gap is not None and not laws.gap.goodness.close:
        yield f"the time between tokens has another form than the model: shares differ by {_off(laws.gap)}"
    if laws.gap is not None:
        yield from _tail(laws.gap)


def _length(fit: Fit, laws: Laws) -> Iterator[str]:
    if fit.lengths is None or laws.length is None:
        yield (
            "hardly a reply ended by itself: [length] is left to the mock server's own; ask with a greater"
            " max_tokens"
        )
        return
    yield from _few(laws.length, "lengths of replies that ended by themselves")
    cut = len(fit.lengths.cut)
    total = cut + len(fit.lengths.ended)
    if 2 * cut > total:
        share = words.percent(cut / total)
        yield f"{share} of the replies were cut by max_tokens: the upper half of the law is not seen"
    if fit.observed.planned:
        yield "the lengths are those the schedule asked the bundled server for: a trace's, not the API's"
    if not laws.length.goodness.close:
        yield f"the length of replies has another form than the model: shares differ by {_off(laws.length)}"
    yield from _tail(laws.length)


def _limits(fit: Fit) -> Iterator[str]:
    limits = fit.limits
    for limit in limits.known:
        if limit.others:
            others = ", ".join(f"{value:,}" for value in limit.others)
            yield f"limits.{limit.key} changed: {limit.value:,} was told most, and {others}"
    throttled = int(np.count_nonzero(fit.observed.attempts.outcome == "throttled"))
    if not limits.known:
        by = f"{throttled:,} 429s do not tell which" if throttled else "no 429 was seen"
        yield f"no header told a limit, and {by}: [limits] has none"
    elif limits.wider_s:
        wider = ", ".join(f"{window_s:g}" for window_s in limits.wider_s)
        yield (
            f"limits.window_s = {limits.window_s:g} is the smallest that explains what was left of tokens;"
            f" so would {wider}"
        )
    elif not limits.window_told:
        buckets = " and that of ".join(_COUNTED[limit.key] for limit in limits.known)
        yield (
            f"the bucket of {buckets} was never seen full: limits.window_s is a minute's worth, as providers"
            " document it"
        )


def _capacity(fit: Fit) -> Iterator[str]:
    line = fit.line
    overloaded = overloads(fit.observed) & ~fit.throttled
    if line is not None:
        overloaded &= ~line.refused
    if overloaded.any():
        yield _overloads(fit.observed, overloaded)
    if line is None:
        most = int(fit.latency.crowd.ahead.max(initial=0)) + 1
        if overloaded.any():
            yield (
                f"no one number of slots explains what was seen, with up to {most:,} at once: [capacity]"
                " makes nobody wait"
            )
        else:
            yield (
                f"no request waited for another, with up to {most:,} at once: what the API does beyond that"
                " is not known, and [capacity] makes nobody wait"
            )
        if fit.latency.gaps.slowdown:
            longer = fit.latency.gaps.slowdown * most / fit.latency.ample
            yield (
                f"tokens took {words.percent(longer)} longer with {most:,} at once: capacity.slots and"
                " slowdown stand for that rise, not for a bound that was seen"
            )
        return
    if overloaded.any() and not line.full:
        yield f"capacity.queue = {AMPLE:,} stands for one whose length is not known"
    elif not line.full:
        yield f"the queue was never seen full: capacity.queue = {AMPLE:,} stands for ample"
    given_up = int(
        np.count_nonzero((fit.observed.attempts.outcome == "timeout") & (fit.latency.hung < _HUNG))
    )
    if given_up > _SOME * len(fit.observed.attempts):
        yield (
            f"{given_up:,} attempts were given up by the client: if the API went on with them, it has more"
            " slots than it seems; record with longer timeouts"
        )
    if line.slots.points:
        yield (
            "capacity.slots is what was ours at best; what others held beyond that all the time cannot be"
            " told from a smaller API"
        )


def _overloads(observed: Observed, who: Bools) -> str:
    """Refusals for want of room that a queue does not explain."""
    attempts = observed.attempts
    statuses = "/".join(str(status) for status in np.unique(attempts.status[who]))
    hints = attempts.retry_after_ns[who & (attempts.retry_after_ns != ABSENT)]
    hint = f" with Retry-After {np.median(hints) / 1e9:g} s" if len(hints) else ""
    return (
        f"{np.count_nonzero(who):,} overload refusals ({statuses}{hint}) were seen; no one queue length"
        " explains them: they are written as a rule that does not depend on load"
    )


def _failures(fit: Fit) -> Iterator[str]:
    failures = fit.failures
    if failures.refused:
        yield (
            f"{failures.refused:,} connections were refused: their chance is of all requests, those on kept"
            " connections, too"
        )
    if failures.connect_timeouts:
        yield (
            f"{failures.connect_timeouts:,} connections timed out: whether the edge, the network or the"
            " address did it does not show; [front] has no limit"
        )
    if failures.quota:
        yield f"{failures.quota:,} requests were refused for want of credit: they are left out"
    unexplained = sum(one.count for one in failures.requests if one.settings.get("status") == THROTTLED)
    if unexplained and fit.limits.known:
        yield f"{unexplained:,} 429s came while limits were not reached: they are a rule of their own"


def _few(law: Beside, what: str) -> Iterator[str]:
    n = law.goodness.n
    if n < _FEW:
        yield f"{n:,} {what}: p99 is known to {_width(law)}; {_FEW:,} replies or more tell it better"


def _tail(law: Beside) -> Iterator[str]:
    """What the greatest difference of shares does not show: few are in the tail."""
    if not law.tail_off:
        return
    fitted, (low, high) = law.goodness.fitted["p99"], law.interval["p99"]
    yield (
        f"the p99 seen of the {law.name}, {law.goodness.observed['p99']:,.4g} {law.unit}, lies outside of the"
        f" fitted one's interval ({fitted:,.4g}; {low:,.4g} to {high:,.4g}, 95 %): the tail may have another"
        " form than the model"
    )


def _width(law: Beside) -> str:
    low, high = law.interval["p99"]
    return f"{words.percent((high - low) / (high + low))} either way"


def _off(law: Beside) -> str:
    return f"up to {words.percent(law.goodness.distance)}"
