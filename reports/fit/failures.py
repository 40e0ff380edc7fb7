"""What goes wrong, how often and when: as rules of a profile."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reports.fit import intervals
from reports.fit.bursts import Burst, find_burst
from reports.fit.latency import Latency
from reports.fit.observed import Observed
from reports.reading.run import ABSENT, Bools, Floats

#: Never reached the API, or say nothing of it.
_CONNECTING = ("connect", "connect_timeout")
_OUR_OWN = ("local", "cancelled", "rejected")

#: A stream that was given up had fallen silent if it was so for so many of its usual gaps, and a second.
_SILENT_GAPS = 50
_SILENT_MS = 1000.0

_REFUSING = ("status", "reset", "garbage", "hang")


@dataclass(frozen=True, slots=True)
class Failure:
    """A rule: its action and what belongs to it, its chance with a 95 % interval, `count` of `among`.

    `rate` is how often it was seen; the chance differs from it where rules before it took some. `burst` is
    the only stretch of the run in which it is in force; None for always.
    """

    action: str
    settings: dict[str, Any]
    probability: float
    low: float
    high: float
    count: int
    among: int
    burst: Burst | None = None

    @property
    def name(self) -> str:
        """What it is called in the profile."""
        kind = f"status_{self.settings['status']}" if self.action == "status" else self.action
        return f"{kind}_burst" if self.burst else kind

    @property
    def rate(self) -> float:
        """As it was seen."""
        return self.count / self.among


@dataclass(frozen=True, slots=True)
class Failures:
    """The rules of requests, in order; those of connections; and what none of them can say, counted."""

    requests: tuple[Failure, ...]
    connections: tuple[Failure, ...]
    refused: int
    connect_timeouts: int
    quota: int
    cut: int


def find_failures(observed: Observed, latency: Latency, explained: Bools, places: Floats) -> Failures:
    """What limits and a full queue do not explain; `explained` are the refusals they do."""
    attempts = observed.attempts
    never_there = attempts.fault.isin(_CONNECTING) | attempts.outcome.isin(_OUR_OWN)
    quota = attempts.fault == "quota"
    reached = ~never_there & ~quota
    kinds = _kinds(observed, latency, explained)
    refusing = [kind for kind in kinds if kind.action in _REFUSING]
    spoiling = [kind for kind in kinds if kind.action not in _REFUSING]
    refused = np.zeros(len(attempts), dtype=np.bool_)
    for kind in refusing:
        refused |= kind.met
    # A reply is spoiled only where one was written.
    written = reached & ~refused & ~explained
    return Failures(
        requests=(*_rules(refusing, reached, places), *_rules(spoiling, written, places)),
        connections=_connections(attempts.fault == "connect", reached, places),
        refused=int(np.count_nonzero(attempts.fault == "connect")),
        connect_timeouts=int(np.count_nonzero(attempts.fault == "connect_timeout")),
        quota=int(np.count_nonzero(quota)),
        cut=int(np.count_nonzero(reached & ~observed.ok & ~_any(kinds, len(attempts)) & ~explained)),
    )


@dataclass(frozen=True, slots=True)
class _Kind:
    """Who met it."""

    action: str
    met: Bools
    settings: dict[str, Any]


def _kinds(observed: Observed, latency: Latency, explained: Bools) -> list[_Kind]:
    """The failures that were seen, most frequent first of those that refuse, then of those that spoil."""
    attempts = observed.attempts
    headed, streamed = attempts.headers_ns != ABSENT, observed.streamed
    hung = latency.hung > 0.5  # noqa: PLR2004 - rather than not
    silent = _fell_silent(observed, latency)
    broke = attempts.fault == "read"
    reported = attempts.fault == "stream"
    spoiled = {
        "hang": hung & ~headed,
        "reset": broke & ~headed,
        "garbage": (attempts.fault == "protocol") & ~headed,
        "hang_after_headers": hung & headed & ~silent,
        "stall": silent,
        "reset_mid": (broke | (attempts.fault == "protocol")) & headed,
        "stream_error": reported & (attempts.code != ""),
        "truncate": reported & (attempts.code == ""),
        "malformed_sse": (attempts.fault == "body") & streamed,
        "half_json": (attempts.fault == "body") & ~streamed,
    }
    counts_events = {"stall", "reset_mid", "stream_error", "truncate", "malformed_sse"}
    found = [
        _Kind(action, met, _events(observed, met) if action in counts_events else {})
        for action, met in spoiled.items()
        if met.any()
    ]
    return sorted(
        [*_statuses(observed, explained), *found], key=lambda kind: -int(np.count_nonzero(kind.met))
    )


def _statuses(observed: Observed, explained: Bools) -> list[_Kind]:
    attempts = observed.attempts
    refused = (attempts.fault == "status") & ~explained & (attempts.status >= 400)  # noqa: PLR2004
    found = []
    for status in Counter(attempts.status[refused].tolist()):
        met = refused & (attempts.status == status)
        hints = attempts.retry_after_ns[met & (attempts.retry_after_ns != ABSENT)]
        settings: dict[str, Any] = {"status": status}
        if 2 * len(hints) > int(np.count_nonzero(met)):
            settings["retry_after_s"] = round(float(np.median(hints)) / 1e9, 3)
        found.append(_Kind("status", met, settings))
    return found


def _fell_silent(observed: Observed, latency: Latency) -> Bools:
    """Streams that were given up after they had said nothing for much longer than between two tokens."""
    attempts = observed.attempts
    given_up = attempts.outcome.isin(("timeout", "partial", "deadline")) & attempts.fault.isin(
        ("idle_timeout", "read_timeout", "attempt_timeout", "")
    )
    silence_ms = (attempts.end_ns - attempts.output_ns.last) / 1e6
    longest_ms = _SILENT_MS + _SILENT_GAPS * latency.gaps.mean_ms * (1 + latency.gaps.slowdown)
    return np.asarray(given_up & observed.streamed & (np.nan_to_num(silence_ms) > longest_ms))


def _events(observed: Observed, met: Bools) -> dict[str, Any]:
    """After how many events of the stream it was met, half of the time; of whole replies nothing is known."""
    streams = met & observed.streamed
    lengths = observed.attempts.output_ns.lengths[streams]
    return {"after_events": int(np.median(lengths))} if len(lengths) else {}


def _rules(kinds: list[_Kind], among: Bools, places: Floats) -> list[Failure]:
    """Rules in order: the first that matches is met, so that each has a chance only with those left to it."""
    found = []
    left = among.copy()
    for kind in kinds:
        found += _bursting(kind, left, places)
        left &= ~kind.met
    return found


def _bursting(kind: _Kind, among: Bools, places: Floats) -> list[Failure]:
    """One rule, or two where it was met mostly in one stretch: that of the stretch first."""
    burst = find_burst(places, kind.met, among)
    if burst is None:
        return [_rule(kind, among)]
    outside, inside = among & ~burst.inside, among & burst.inside
    rules = [replace(_rule(kind, inside), burst=burst)]
    if (kind.met & outside).any():
        base = _rule(kind, outside)
        # Within the stretch both are in force: 1 - (1 - p) (1 - base) is what was seen there.
        less = [max(0.0, 1 - (1 - p) / (1 - base.probability)) for p in _chances(rules[0])]
        rules = [replace(rules[0], probability=less[0], low=less[1], high=less[2]), base]
    return rules


def _chances(rule: Failure) -> tuple[float, float, float]:
    return rule.probability, rule.low, rule.high


def _rule(kind: _Kind, among: Bools) -> Failure:
    count, n = int(np.count_nonzero(kind.met & among)), int(np.count_nonzero(among))
    low, high = intervals.share(count, n)
    return Failure(kind.action, kind.settings, count / n, low, high, count, n)


def _connections(refused: Bools, reached: Bools, places: Floats) -> tuple[Failure, ...]:
    """Connections that were refused: of those who asked, for the kept ones nobody had to."""
    if not refused.any():
        return ()
    kind = _Kind("refuse", refused, {})
    return tuple(_bursting(kind, refused | reached, places))


def _any(kinds: list[_Kind], n: int) -> Bools:
    found = np.zeros(n, dtype=np.bool_)
    for kind in kinds:
        found |= kind.met
    return found
