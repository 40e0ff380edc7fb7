"""What held calls back before the wire, and what the wire looked like meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from reports.findings.facts import Facts, marked
from reports.findings.moments import permits
from reports.reading.run import NS_PER_MS, NS_PER_S, Bools

#: Less is a turn of the event loop, no wait.
LEAST_WAIT_NS = 50 * NS_PER_MS

#: Calls kept waiting or turned away before it is told: one in fifty.
LEAST_HELD = 0.02

#: A stretch is where one call in five was.
HELD_IN_STRETCH = 0.2

#: Permits are used up where so large a part of them is in use while somebody waits: all, but for the moment
#: between one that is given back and the next that is taken.
IN_USE = 0.85

#: They are free where at most so large a part of them is. In between it cannot be told what calls waited for:
#: permits that come and go faster than moments show, or a rate.
FREE = 0.6

#: Permits were few because of a breaker where they were so for half of the waiting.
MOSTLY = 0.5

#: The API has room where it refuses or leaves unanswered less than one request in fifty...
MOST_REFUSED = 0.02

#: ...and replies take at most this many times as long as with few requests on the wire.
MOST_SLOWED = 1.3

#: Ends of requests by which an API says, or shows, that it has no room.
PRESSED = ("throttled", "overloaded", "timeout")


@dataclass(frozen=True, slots=True)
class Hold:
    """Calls that waited for leave to send or were turned away.

    `in_use`: requests on the wire / permits, while somebody waited; `least`, `most`: permits there were then.
    `stretch`: the bins where many waited. Over it, `refused` is the share of requests that ended as one of
    PRESSED, and `slowed` a reply's time over that with few requests on the wire; None of too few. `rated`:
    whether a rate can have been the cause: calls waited in truth, or the policy or the API named one.
    """

    held: int
    turned_away: int
    waited_s: float
    stretch: Bools
    in_use: float
    least: float
    most: float
    ramping: bool
    refused: float
    slowed: float | None
    rated: bool

    @property
    def by_permits(self) -> bool:
        """Whether the permits were used up."""
        return self.in_use >= IN_USE and not self.ramping

    @property
    def by_rate(self) -> bool:
        """Whether they were free: what calls waited for was a rate limit, or a pause."""
        return self.rated and self.in_use <= FREE and not self.ramping

    @property
    def room(self) -> bool:
        """Whether nothing showed that the API was short of room."""
        return self.refused < MOST_REFUSED and (self.slowed is None or self.slowed <= MOST_SLOWED)


def hold_of(facts: Facts) -> Hold | None:
    """What held calls back before the wire; None where nothing did to speak of."""
    calls = facts.run.calls
    turned_away = facts.turned_away
    held = (calls.permit_wait_ns >= LEAST_WAIT_NS) | turned_away
    count = int(np.count_nonzero(held))
    if not count or count < LEAST_HELD * facts.calls:
        return None
    due = facts.bins.count(facts.due[held])
    if not due.any():
        return None
    stretch = marked(due, facts.due_count, HELD_IN_STRETCH)
    if not stretch.any():
        stretch = facts.due_count > 0
    waited = calls.permit_wait_ns[held & ~turned_away]
    use = _use(facts, turned_away)
    return Hold(
        held=count,
        turned_away=int(np.count_nonzero(turned_away)),
        waited_s=float(waited.mean()) / NS_PER_S if len(waited) else 0.0,
        stretch=stretch,
        in_use=use.share,
        least=use.least,
        most=use.most,
        ramping=use.ramping >= MOSTLY,
        refused=_refused(facts, stretch),
        slowed=_slowed(facts, stretch),
        rated=len(waited) > 0 or bool(own_rates(facts)) or paused(facts),
    )


def own_rates(facts: Facts) -> list[str]:
    """The rate limits that the policy sets, in words."""
    found = ((key, facts.setting("rate", key)) for key in ("rpm", "tpm"))
    return [f"{key} = {value:,}" for key, value in found if isinstance(value, int)]


def paused(facts: Facts) -> bool:
    """Whether a client held everything back because a 429 told it when to come back."""
    return bool((facts.run.events.name == "pause").any())


@dataclass(frozen=True, slots=True)
class _Use:
    """The permits while somebody waited for leave to send, each moment weighed by how many did."""

    share: float
    least: float
    most: float
    ramping: float


def _use(facts: Facts, turned_away: Bools) -> _Use:
    calls, moments = facts.run.calls, facts.moments
    begun_ns = calls.start_ns
    if facts.run.queued is not None:  # there the worker waits, not the caller
        begun_ns = np.maximum(begun_ns, facts.run.queued.taken_up_ns)
    waiting = moments.between(begun_ns, begun_ns + calls.permit_wait_ns)
    waiting += moments.count(calls.end_ns[turned_away])
    if moments.limit is None or not waiting.any():
        return _Use(0.0, 0.0, 0.0, 0.0)
    then = waiting > 0
    weight, limit = waiting[then], moments.limit[then]
    used = np.minimum(moments.in_flight[then] / np.maximum(limit, 1.0), 1.0)
    ramping = float(np.average(limit < _floor(facts), weights=weight))
    return _Use(float(np.average(used, weights=weight)), float(limit.min()), float(limit.max()), ramping)


def _floor(facts: Facts) -> float:
    """The fewest permits the policy itself would set: fewer are those of a breaker that has just closed."""
    values = facts.run.manifest.policy.values
    concurrency = values.get("concurrency")
    if isinstance(concurrency, Mapping) and concurrency.get("kind") == "aimd":
        return float(concurrency.get("min", 0))
    return permits(values) or 0.0


def _refused(facts: Facts, stretch: Bools) -> float:
    pressed = facts.run.attempts.outcome.isin(PRESSED)
    sent = facts.sent_count[stretch].sum()
    return float(facts.bins.count(facts.sent[pressed])[stretch].sum() / sent) if sent else 0.0


def _slowed(facts: Facts, stretch: Bools) -> float | None:
    levels = facts.levels
    timed, end_ns = facts.replies
    if levels is None or levels.quiet.reply_s <= 0:
        return None
    then = timed & (facts.sent >= 0) & stretch[facts.sent]
    if not then.any():
        return None
    took_ns = (end_ns - facts.run.attempts.sent_ns)[then]
    return float(took_ns.mean() / NS_PER_S / levels.quiet.reply_s)
