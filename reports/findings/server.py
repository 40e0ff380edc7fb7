"""Where the time of requests went: a server past its knee, or the way there and back."""

from __future__ import annotations

import numpy as np

from reports.findings import say
from reports.findings.facts import Facts
from reports.findings.finding import Drawn, problem
from reports.reading.run import NS_PER_S
from reports.reading.server_log import spent_by_server_s

#: A knee: with at least twice as many requests on the wire, and at least ten of them...
LEAST_CROWDING, LEAST_IN_FLIGHT = 2.0, 10.0

#: ...a reply takes at least half as long again.
LEAST_SLOWING = 1.5

#: The way is slow where it takes at least so long a request on average: beyond any continent...
LEAST_WAY_S = 0.15

#: ...and so much of the whole time of a request.
LEAST_WAY_SHARE = 0.2

#: Requests found in the server's log before it is believed: of fewer, it is another run's.
LEAST_MATCHED = 0.2

#: Requests that never reached the server before it is told.
LEAST_UNSEEN = 0.01


def server_knee(facts: Facts) -> list[Drawn]:
    """Replies took longer the more requests were on the wire."""
    levels = facts.levels
    if levels is None or levels.busy.in_flight < LEAST_IN_FLIGHT:
        return []
    if levels.crowding < LEAST_CROWDING or levels.slowing < LEAST_SLOWING:
        return []
    quiet, busy = levels.quiet, levels.busy
    text = (
        f"Replies slowed down as requests piled up: {say.seconds(quiet.reply_s)} with"
        f" {quiet.in_flight:.0f} on the wire, {say.seconds(busy.reply_s)} with {busy.in_flight:.0f}."
        " The API was past its knee, or slow for reasons of its own."
    )
    evidence = [
        f"{levels.crowding:.1f} times the requests on the wire: {levels.slowing:.1f} times the time",
        f"answered then: {say.rate(busy.served_per_s)}, with few on the wire {say.rate(quiet.served_per_s)}",
    ]
    slow = facts.run.of_last_attempt((facts.run.attempts.end_ns - facts.run.attempts.sent_ns) / NS_PER_S)
    with np.errstate(invalid="ignore"):
        crowded = int(np.count_nonzero(slow >= LEAST_SLOWING * quiet.reply_s))
    evidence.append(
        f"{say.part(crowded, facts.calls)} calls took {LEAST_SLOWING:g} times that of few or more"
    )
    return [problem("server_knee", text, evidence, crowded / facts.calls * LOSS_OF_SLOW)]


#: A slow call is seldom a lost one: slowness stands behind what cost calls outright.
LOSS_OF_SLOW = 0.1


def slow_network(facts: Facts) -> list[Drawn]:
    """By the server's own log: what requests took beyond what the server spent on them."""
    log = facts.log
    if log is None or not len(log):
        return []
    attempts = facts.run.attempts
    seen, spent_s = spent_by_server_s(attempts, log)
    ok = facts.answered & seen
    count = int(np.count_nonzero(ok))
    if count < LEAST_MATCHED * np.count_nonzero(facts.answered) or not count:
        return []
    took_s = (attempts.end_ns - attempts.sent_ns)[ok] / NS_PER_S
    way_s = np.maximum(took_s - spent_s[ok], 0)
    mean_s, share = float(way_s.mean()), float(way_s.sum() / took_s.sum())
    if mean_s < LEAST_WAY_S or share < LEAST_WAY_SHARE:
        return []
    each = " (the client opens a new one for each)" if facts.setting("connections", "reuse") is False else ""
    text = (
        f"The way to the server was slow: of the {say.seconds(float(took_s.mean()))} that a request took,"
        f" {say.seconds(mean_s)} ({say.share(share)}) were not the server's, but a connection's{each} or"
        " the way's"
        " there and back."
    )
    evidence = [
        f"by the server's own log: {say.seconds(float(spent_s[ok].mean()))} from request to reply's end",
        f"{say.part(count, int(np.count_nonzero(facts.answered)))} ok requests were found in it",
    ]
    unseen = int(np.count_nonzero(~seen))
    if unseen > LEAST_UNSEEN * facts.requests:
        evidence.append(f"{say.part(unseen, facts.requests)} requests never reached it")
    if log.unreadable:
        evidence.append(f"{say.count(log.unreadable, 'line')} of the log could not be read")
    return [problem("slow_network", text, evidence, share * LOSS_OF_SLOW)]
