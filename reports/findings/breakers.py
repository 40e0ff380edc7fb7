"""What the breakers cost, and whether they opened for cause."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports.figures import breaker
from reports.findings import say
from reports.findings.facts import Facts
from reports.findings.finding import Drawn, note, problem
from reports.reading.run import NS_PER_S, Ints
from reports.telling import words

#: What a breaker saw is looked for in so long a time before it opened: the window of the usual ones.
BEFORE_NS = 10 * NS_PER_S

#: A breaker is too eager when, before it opened, at least so many of the requests were answered...
MOST_ANSWERED = 0.6

#: ...or when it counts 429s and at least so many of the failures were that: an API that says "later" is up.
MOST_THROTTLED = 0.5

#: ...and it shut out calls: one in two hundred.
LEAST_SHUT_OUT = 0.005

#: One that opened for cause is a problem, too, where it shut out one call in fifty.
MUCH_SHUT_OUT = 0.02


@dataclass(frozen=True, slots=True)
class Openings:
    """How often breakers opened, how many calls they shut out, and what the requests before it came to."""

    times: int
    shut_out: int
    ended: int
    answered: float
    throttled: float
    counts_throttled: bool

    @property
    def eager(self) -> bool:
        """Whether most of what went before was no failure of the API."""
        return self.answered >= MOST_ANSWERED or (self.counts_throttled and self.throttled >= MOST_THROTTLED)


def breaker_eager(facts: Facts) -> list[Drawn]:
    """Breakers that shut calls out although the API was answering, or only asked to slow down."""
    found = facts.once(openings)
    if found is None or not found.eager or found.shut_out < LEAST_SHUT_OUT * facts.calls:
        return []
    text = (
        f"The breaker was too eager: it opened {say.times(found.times)}{_why(found)}. It was open"
        f" {_open(facts)}, {_cost(facts, found)}."
    )
    return [problem("breaker_eager", text, _evidence(facts, found), found.shut_out / facts.calls)]


def breaker_opened(facts: Facts) -> list[Drawn]:
    """Breakers that opened for cause, or at no cost, or nobody knows why."""
    found = facts.once(openings)
    if found is None or (found.eager and found.shut_out >= LEAST_SHUT_OUT * facts.calls):
        return []
    text = (
        f"The breaker opened {say.times(found.times)}{_why(found)}. It was open {_open(facts)},"
        f" {_cost(facts, found)}."
    )
    shut_out = found.shut_out / facts.calls
    make = problem if shut_out >= MUCH_SHUT_OUT else note
    return [make("breaker_opened", text, _evidence(facts, found), shut_out)]


def _why(found: Openings) -> str:
    """What went before, as it goes on after "opened once"."""
    if not found.ended:
        return "; no request had ended in the ten seconds before"
    if not found.eager:
        failed = say.share(1 - found.answered)
        return f", for cause: {failed} of the requests in the ten seconds before had failed"
    if found.answered >= MOST_ANSWERED:
        return (
            f" although {say.share(found.answered)} of the requests in the ten seconds before were answered"
        )
    return (
        f" on 429s, which are answers of an API that is up: they were {say.share(found.throttled)} of the"
        " failures in the ten seconds before"
    )


def openings(facts: Facts) -> Openings | None:
    """Every opening of every worker's breaker in the window; None where there was none."""
    events = facts.run.events.named("breaker")
    opened_ns = events.at_ns[events.text == breaker.OPEN]
    opened_ns = opened_ns[opened_ns <= facts.run.window_ns]
    if not len(opened_ns):
        return None
    attempts = facts.run.attempts
    ended = _before(facts, attempts.end_ns, opened_ns)
    answered = _before(facts, attempts.end_ns[facts.answered], opened_ns)
    throttled = _before(facts, attempts.end_ns[facts.throttled], opened_ns)
    counts = facts.setting("breaker", "counts") or ()
    return Openings(
        len(opened_ns),
        int(np.count_nonzero(facts.stopped("breaker"))),
        ended,
        answered / ended if ended else 0.0,
        throttled / (ended - answered) if ended > answered else 0.0,
        any(str(name).partition(".")[0] == "throttled" for name in counts),
    )


def _before(facts: Facts, at_ns: Ints, opened_ns: Ints) -> int:
    """Instants in the time before each opening, summed over the openings; to the nearest moment."""
    moments = facts.moments
    upto = np.concatenate(([0], np.cumsum(moments.count(at_ns))))
    last = moments.of(opened_ns)
    first = moments.of(np.maximum(opened_ns - BEFORE_NS, 0))
    return int((upto[last + 1] - upto[first]).sum())


def _open(facts: Facts) -> str:
    """When any worker's was, and for how much of the workers' time."""
    marked = np.zeros(len(facts.bins), dtype=np.bool_)
    for start_ns, end_ns in _spans(facts):
        first, last = facts.bins.of(np.array([start_ns, end_ns - 1])).tolist()
        marked[first : last + 1] = True
    share = f"{say.share(facts.summary['breaker_open_fraction'])} of the time"
    return f"{facts.bins.told(marked)} ({share})" if marked.any() else share


def _spans(facts: Facts) -> list[tuple[int, int]]:
    """When breakers were open within the window."""
    events, until_ns = facts.run.events, facts.run.window_ns
    return [
        (span.start_ns, span.end_ns)
        for worker in facts.run.manifest.clients
        for span in breaker.spans(events, worker, until_ns)
        if span.state == breaker.OPEN
    ]


def _cost(facts: Facts, found: Openings) -> str:
    if not found.shut_out:
        return "and no call was shut out"
    return f"and shut out {say.share(found.shut_out / facts.calls)} of calls"


def _evidence(facts: Facts, found: Openings) -> list[str]:
    spans = [(end_ns - start_ns) / NS_PER_S for start_ns, end_ns in _spans(facts)]
    lines = [f"{say.count(found.shut_out, 'call')} stopped by the breaker"]
    if spans:
        average = "" if len(spans) == 1 else " each time, on average"
        lines.append(f"open for {words.duration(float(np.mean(spans)))}{average}")
    if found.ended:
        lines.append(
            f"before it opened: {say.share(found.answered)} of the requests that ended were ok;"
            f" {say.share(found.throttled)} of the failures were 429s"
        )
    if found.counts_throttled:
        lines.append("its policy counts 429s as failures")
    return lines
