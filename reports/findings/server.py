"""Where the time of requests went: a server past its knee, or the way there and back."""

from __future__ import annotations

import numpy as np

from reports.findings import say
from reports.findings.facts import Facts
from reports.findings.finding import Drawn, problem
from reports.reading.run import NS_PER_S

#: A knee: with at least twice as many requests on the wire, and at least ten of them...
LEAST_CROWDING, LEAST_IN_FLIGHT = 2.0, 10.0

#: ...a reply takes at least half as long again.
LEAST_SLOWING = 1.5

#: The way is slow where it takes at least so long a request on average: beyond any continent...
LEAST_WAY_S = 0.15

#: ...and so much of the whole time of a request.
LEAST_WAY_SHARE = 0.2

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
        f"Replies slowed down as requests piled up: {say.seconds(quiet.reply_s)} with {quiet.in_flight:.0f}"
        f" on the wire, {say.seconds(busy.reply_s)} with {busy.in_flight:.0f}. The API was past its knee, or"
        f" slow for reasons of its own{_or_connections(facts)}."
    )
    timed, end_ns = facts.replies
    slow = timed & (end_ns - facts.run.attempts.sent_ns >= LEAST_SLOWING * quiet.reply_s * NS_PER_S)
    share = np.count_nonzero(slow) / np.count_nonzero(timed)
    evidence = [
        f"{levels.crowding:.1f} times the requests on the wire: {levels.slowing:.1f} times the time",
        f"answered then: {say.rate(busy.served_per_s)}, with few on the wire {say.rate(quiet.served_per_s)}",
        f"{say.share(float(share))} of the replies took {LEAST_SLOWING:g} times that of few or more",
    ]
    if facts.by_server is not None:
        evidence.append("times are the server's own, by its log")
    return [problem("server_knee", text, evidence, float(share) * LOSS_OF_SLOW)]


def _or_connections(facts: Facts) -> str:
    """A client that opens a connection for each request may wait for those, where no log tells."""
    if facts.by_server is not None or facts.setting("connections", "reuse") is not False:
        return ""
    return ", or short of connections (the client opens a new one for each)"


#: A slow call is seldom a lost one: slowness stands behind what cost calls outright.
LOSS_OF_SLOW = 0.1


def slow_network(facts: Facts) -> list[Drawn]:
    """By the server's own log: what requests took beyond what the server spent on them."""
    if facts.by_server is None:
        return []
    attempts, (seen, spent_s) = facts.run.attempts, facts.by_server
    ok = facts.answered & seen
    count = int(np.count_nonzero(ok))
    took_s = (attempts.end_ns - attempts.sent_ns)[ok] / NS_PER_S
    way_s = np.maximum(took_s - spent_s[ok], 0)
    mean_s, share = float(way_s.mean()), float(way_s.sum() / took_s.sum())
    if mean_s < LEAST_WAY_S or share < LEAST_WAY_SHARE:
        return []
    each = " (the client opens a new one for each)" if facts.setting("connections", "reuse") is False else ""
    text = (
        f"The way to the server was slow: of the {say.seconds(float(took_s.mean()))} that a request took,"
        f" {say.seconds(mean_s)} ({say.share(share)}) were not the server's, but a connection's{each} or the"
        " way's there and back."
    )
    evidence = [
        f"by the server's own log: {say.seconds(float(spent_s[ok].mean()))} from request to reply's end",
        f"{say.part(count, int(np.count_nonzero(facts.answered)))} ok requests were found in it",
    ]
    unseen = int(np.count_nonzero(~seen))
    if unseen > LEAST_UNSEEN * facts.requests:
        evidence.append(f"{say.part(unseen, facts.requests)} requests never reached it")
    if facts.log is not None and facts.log.unreadable:
        evidence.append(f"{say.count(facts.log.unreadable, 'line')} of the log could not be read")
    return [problem("slow_network", text, evidence, share * LOSS_OF_SLOW)]
