"""Whether the client's own limits were what calls waited for, and whether the API had room for more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports.findings import say
from reports.findings.facts import Facts, marked
from reports.findings.finding import Drawn, note, problem
from reports.reading.run import NS_PER_MS, NS_PER_S, Bools

#: Less is a turn of the event loop, no wait.
LEAST_WAIT_NS = 50 * NS_PER_MS

#: Calls kept waiting or turned away before it is told: one in fifty.
LEAST_HELD = 0.02

#: A stretch is where one call in five was.
HELD_IN_STRETCH = 0.2

#: Permits are in use where so large a part of them is, on average over a stretch.
IN_USE = 0.85

#: The API has room where it refuses or leaves unanswered less than one request in fifty...
MOST_REFUSED = 0.02

#: ...and replies take at most this many times as long as with few requests on the wire.
MOST_SLOWED = 1.3

#: As long as these are not reached, more permits could not have served more.
_PRESSED = ("throttled", "overloaded", "timeout")


@dataclass(frozen=True, slots=True)
class Hold:
    """Calls that waited for leave to send or were turned away, and what the wire looked like meanwhile."""

    held: int
    turned_away: int
    waited_s: float
    stretch: Bools
    in_use: float
    limit: tuple[float, float]
    refused: float
    slowed: float | None

    @property
    def by_permits(self) -> bool:
        """Whether the permits were used up: else it was the client's own rate, or a pause it was told."""
        return self.in_use >= IN_USE

    @property
    def room(self) -> bool:
        """Whether nothing showed that the API was short of room."""
        return self.refused < MOST_REFUSED and (self.slowed is None or self.slowed <= MOST_SLOWED)


def limits_low(facts: Facts) -> list[Drawn]:
    """Permits were used up while the API had room: more of them would have served more."""
    hold = hold_of(facts)
    if hold is None or not hold.by_permits or not hold.room:
        return []
    text = (
        f"{_when(facts, hold)}permits were the limit while the API had room: all {_permits(hold)} were in"
        " use,"
        f" {_held(facts, hold)}"
    )
    return [problem("limits_low", f"{text}.", _evidence(facts, hold), hold.held / facts.calls)]


def permits_bound(facts: Facts) -> list[Drawn]:
    """Permits were used up, and the API was short of room, too: they did what they are for."""
    hold = hold_of(facts)
    if hold is None or not hold.by_permits or hold.room:
        return []
    signs = []
    if hold.refused >= MOST_REFUSED:
        signs.append(f"{say.share(hold.refused)} of the requests met 429, 503 or no answer")
    if hold.slowed is not None and hold.slowed > MOST_SLOWED:
        signs.append(f"a reply took {hold.slowed:.1f} times as long as in quiet")
    text = (
        f"{_when(facts, hold)}permits were the limit, and the API was short of room, too: all"
        f" {_permits(hold)} were"
        f" in use, {_held(facts, hold)}; {say.listed(signs)}"
    )
    return [note("permits_bound", f"{text}.", _evidence(facts, hold), hold.held / facts.calls)]


def held_back(facts: Facts) -> list[Drawn]:
    """Calls waited for leave to send while permits were free: for the client's own rate, or a pause."""
    hold = hold_of(facts)
    if hold is None or hold.by_permits:
        return []
    rates = [f"{key} {facts.setting('rate', key)}" for key in ("rpm", "tpm") if facts.setting("rate", key)]
    pauses = int(np.count_nonzero(facts.run.events.name == "pause"))
    why = (
        "its own rate limit"
        if rates
        else "the pause that a 429 asked for"
        if pauses
        else "the API's rate limit"
    )
    when, held = _when(facts, hold), _held(facts, hold)
    text = f"{when}permits were free, but the client held calls back for {why}: {held}."
    evidence = _evidence(facts, hold) + [f"set: {say.listed(rates)}"] * bool(rates)
    make = problem if rates and hold.room else note
    return [make("held_back", text, evidence, hold.held / facts.calls)]


def hold_of(facts: Facts) -> Hold | None:
    """What held calls back before the wire; None where nothing did to speak of."""
    calls = facts.run.calls
    turned_away = facts.stopped("admission")
    held = (calls.permit_wait_ns >= LEAST_WAIT_NS) | turned_away
    count = int(np.count_nonzero(held))
    if not count or count < LEAST_HELD * facts.calls:
        return None
    stretch = marked(facts.bins.count(facts.due[held]), facts.due_count, HELD_IN_STRETCH)
    if not stretch.any():
        stretch = facts.due_count > 0
    waited = calls.permit_wait_ns[held & ~turned_away]
    in_use, limit = _use(facts, stretch)
    return Hold(
        count,
        int(np.count_nonzero(turned_away)),
        float(waited.mean()) / NS_PER_S if len(waited) else 0.0,
        stretch,
        in_use,
        limit,
        _refused(facts, stretch),
        _slowed(facts, stretch),
    )


def _use(facts: Facts, stretch: Bools) -> tuple[float, tuple[float, float]]:
    """Requests on the wire / permits over the stretch, and the least and most permits there were."""
    moments = facts.moments
    if moments.limit is None:
        return 0.0, (0.0, 0.0)
    then = stretch[facts.bins.of(moments.at_ns)]
    limit = moments.limit[then]
    return float(moments.in_flight[then].sum() / max(limit.sum(), 1.0)), (
        float(limit.min()),
        float(limit.max()),
    )


def _refused(facts: Facts, stretch: Bools) -> float:
    pressed = facts.run.attempts.outcome.isin(_PRESSED)
    sent = facts.sent_count[stretch].sum()
    return float(facts.bins.count(facts.sent[pressed])[stretch].sum() / sent) if sent else 0.0


def _slowed(facts: Facts, stretch: Bools) -> float | None:
    """How many times as long a reply took in the stretch as with few on the wire; None of too few replies."""
    levels = facts.levels
    attempts, ok = facts.run.attempts, facts.answered
    if levels is None or levels.quiet.reply_s <= 0:
        return None
    then = ok & (facts.sent >= 0) & stretch[facts.sent]
    if not then.any():
        return None
    return float((attempts.end_ns - attempts.sent_ns)[then].mean() / NS_PER_S / levels.quiet.reply_s)


def _when(facts: Facts, hold: Hold) -> str:
    when = facts.bins.told(hold.stretch)
    return "Throughout, " if when == "throughout" else f"{when}: "


def _permits(hold: Hold) -> str:
    low, high = (round(bound) for bound in hold.limit)
    return str(low) if low == high else f"{low} to {high}"


def _held(facts: Facts, hold: Hold) -> str:
    waiting = hold.held - hold.turned_away
    parts = []
    if waiting:
        parts.append(
            f"{say.share(waiting / facts.calls)} of calls waited {say.seconds(hold.waited_s)} for leave"
            " to send"
            " on average"
        )
    if hold.turned_away:
        parts.append(f"{say.share(hold.turned_away / facts.calls)} of calls were turned away")
    return say.listed(parts)


def _evidence(facts: Facts, hold: Hold) -> list[str]:
    lines = [f"{say.part(hold.held, facts.calls)} calls waited or were turned away"]
    if facts.moments.limit is not None:
        lines.append(f"{say.share(hold.in_use)} of the permits were in use then, on average")
    lines.append(f"{say.share(hold.refused)} of the requests sent then met 429, 503 or no answer")
    if hold.slowed is not None:
        lines.append(f"a reply took {hold.slowed:.1f} times as long as with few requests on the wire")
    return lines
