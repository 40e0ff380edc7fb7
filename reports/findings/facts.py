"""What the rules look at: a run's series over its bins, each computed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np

from reports.figures import checks, metrics
from reports.figures.objectives import Objective
from reports.findings.levels import Levels, levels_of
from reports.findings.moments import Moments, moments_of
from reports.findings.stretches import THROUGHOUT, Bins, bins_of, bridged, merged
from reports.reading.run import ABSENT, NS_PER_S, Bools, Floats, Ints, Run
from reports.reading.server_log import ServerLog, read_server_log, spent_by_server_s

#: Of the ok requests so many are in the server's log before it is believed: of fewer, it is another run's.
LEAST_MATCHED = 0.2

#: In a bin with fewer requests or calls a share says nothing.
LEAST_IN_BIN = 5

T = TypeVar("T")


@dataclass(frozen=True)
class Facts:
    """A run and its summary. (No slots: its series are computed once.)"""

    run: Run
    summary: Mapping[str, Any]
    bins: Bins
    log: ServerLog | None
    _drawn: dict[Callable[[Facts], Any], Any] = field(default_factory=dict, repr=False, compare=False)

    def once(self, of: Callable[[Facts], T]) -> T:
        """What a function makes of these facts, computed when it is first asked for."""
        if of not in self._drawn:
            self._drawn[of] = of(self)
        return cast("T", self._drawn[of])

    @property
    def calls(self) -> int:
        """Calls that were recorded."""
        return len(self.run.calls)

    @property
    def requests(self) -> int:
        """Attempts that were recorded."""
        return len(self.run.attempts)

    @cached_property
    def late_generator(self) -> list[str]:
        """Why the generator's own measurements are not to be trusted."""
        return [r for r in self.summary["degraded"] if r.startswith(checks.BOTTLENECK)]

    @cached_property
    def good(self) -> Bools:
        """Which calls were served in time."""
        return good_calls(self.run, self.summary)

    @cached_property
    def due(self) -> Ints:
        """The bin each call was due in."""
        return self.bins.of(self.run.calls.intended_ns)

    @cached_property
    def due_count(self) -> Ints:
        """Calls due in each bin."""
        return self.bins.count(self.due)

    @cached_property
    def lost_count(self) -> Ints:
        """Of them, those not served in time."""
        return self.bins.count(self.due[~self.good])

    @cached_property
    def sent(self) -> Ints:
        """The bin each request was sent in."""
        return self.bins.of(self.run.attempts.sent_ns)

    @cached_property
    def sent_count(self) -> Ints:
        """Requests sent in each bin."""
        return self.bins.count(self.sent)

    @cached_property
    def answered(self) -> Bools:
        """Which requests ended ok."""
        return self.run.attempts.outcome == "ok"

    @cached_property
    def throttled(self) -> Bools:
        """Which were refused with 429."""
        return self.run.attempts.outcome == "throttled"

    @cached_property
    def overloaded(self) -> Bools:
        """Which were turned away with 503 or 529."""
        return self.run.attempts.outcome == "overloaded"

    @cached_property
    def retries(self) -> Bools:
        """Which were not the first of their call."""
        return self.run.attempts.attempt > 1

    @cached_property
    def moments(self) -> Moments:
        """Requests on the wire and permits, at instants close together."""
        return moments_of(self.run)

    @cached_property
    def levels(self) -> Levels | None:
        """What a reply took with few and with many requests on the wire."""
        timed, end_ns = self.replies
        return levels_of(self.run.attempts.sent_ns, end_ns, timed, self.moments)

    @cached_property
    def by_server(self) -> tuple[Bools, Floats] | None:
        """Requests that the server's log has, and what it spent on them, in s; None without a log."""
        if self.log is None or not len(self.log):
            return None
        seen, spent_s = spent_by_server_s(self.run.attempts, self.log)
        ok = int(np.count_nonzero(self.answered))
        return (
            (seen, spent_s) if ok and np.count_nonzero(seen & self.answered) >= LEAST_MATCHED * ok else None
        )

    @cached_property
    def replies(self) -> tuple[Bools, Ints]:
        """The ok requests whose time is the server's, and when they would have ended without the way.

        By its log where there is one; else the time of the whole request is all that is known.
        """
        attempts = self.run.attempts
        if self.by_server is None:
            return self.answered, attempts.end_ns
        seen, spent_s = self.by_server
        spent_ns = (np.where(seen, spent_s, 0) * NS_PER_S).astype(np.int64)
        return self.answered & seen, attempts.sent_ns + spent_ns

    def calls_lost_by(self, attempts: Bools) -> int:
        """Failed calls whose last attempt is one of these."""
        last = self.run.last_attempt[~self.run.ok]
        return int(np.count_nonzero(attempts[last[last != ABSENT]]))

    def stopped(self, by: str) -> Bools:
        """Which calls went no further for this reason."""
        return self.run.calls.stopped_by == by

    @cached_property
    def refused_by_queue(self) -> Bools:
        """Which calls the queue did not take."""
        refused = self.stopped("admission")
        return refused & (self.run.queued.accepted_ns == ABSENT) if self.run.queued else refused & False

    @cached_property
    def turned_away(self) -> Bools:
        """Which calls the client's own admission refused."""
        return self.stopped("admission") & ~self.refused_by_queue

    def setting(self, section: str, key: str) -> Any:
        """A value of the policy, as the manifest has it; None where it has not."""
        table = self.run.manifest.policy.values.get(section)
        return table.get(key) if isinstance(table, Mapping) else None

    def seconds_setting(self, key: str) -> float | None:
        """A time of the policy's top level; None where none is set."""
        value = self.run.manifest.policy.values.get(key)
        return float(value) if isinstance(value, int | float) else None


def good_calls(run: Run, summary: Mapping[str, Any]) -> Bools:
    """Which calls met the objectives that a summary names."""
    limits = summary["goodput_objectives_ms"]
    return metrics.good(run, [Objective(name, limit) for name, limit in limits.items()])


def facts_of(run: Run, summary: Mapping[str, Any]) -> Facts:
    """The facts of a run; the server's own log where it lies beside it. Raises RunError."""
    bins = bins_of(run.window_s, len(run.calls), run.manifest.schedule.clock)
    log = None if run.folder is None else read_server_log(run.folder)
    return Facts(run, summary, bins, log)


#: A stretch stands out where a share is twice that of the whole run, or half way from it to all.
STANDS_OUT = 2.0

#: More stretches than these are no matter of time.
MOST_WORST = 3


def worst(part: Ints, whole: Ints, least_share: float) -> Bools | None:
    """The stretches that stand out by their share of `part` in `whole`; None where it was even.

    They are few, they are not the whole run, and they hold at least half of `part`.
    """
    overall = part.sum() / max(whole.sum(), 1)
    outstanding = min(STANDS_OUT * overall, (1 + overall) / 2)
    found = marked(part, whole, max(least_share, outstanding))
    stretches = merged(found)
    if not 1 <= len(stretches) <= MOST_WORST or sum(b - a for a, b in stretches) >= THROUGHOUT * len(whole):
        return None
    found = bridged(found)
    return found if 2 * part[found].sum() >= part.sum() else None


def marked(part: Ints, whole: Ints, least_share: float) -> Bools:
    """The bins in which `part` is at least so large a share of `whole`, of those with enough to tell."""
    return (whole >= LEAST_IN_BIN) & (part > 0) & (part >= least_share * whole)
