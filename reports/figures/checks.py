"""Why a run is not to be trusted as it stands: the reasons in `degraded`."""

from __future__ import annotations

import numpy as np

from reports.figures import generator, metrics
from reports.figures.quantiles import quantile
from reports.reading.run import ABSENT, Run

#: A generator this late at its p99 measures itself, not the server.
LAG_LIMIT_MS = 50.0

#: So is one this late whose lateness is more than what a reply takes.
LAG_LEAST_MS = 10.0

#: A worker this busy in a second had no more to give: Python runs on one core a process.
FULL_CPU = 0.9

#: How the reason begins that says so of a generator.
BOTTLENECK = "the generator was the bottleneck"


def in_flight_at_end(run: Run) -> int:
    """Scheduled arrivals without a recorded call. A call recorded twice does not stand in for a lost one."""
    if run.ending is None:
        return 0
    recorded = len(run.calls) - metrics.duplicated(run.calls.call_id)
    return max(0, sum(run.ending.scheduled.values()) - recorded)


def unrecorded(calls: int) -> str:
    """The reason that says so of calls that were scheduled."""
    return f"{calls} calls were scheduled but not recorded"


def degraded(run: Run) -> list[str]:
    """Every reason, the run's own first; empty when the run is clean."""
    reasons = [] if run.ending is None else list(run.ending.degraded)
    reasons += _ending(run) + _files(run) + _conservation(run) + _generator(run)
    return list(dict.fromkeys(reasons))


def _ending(run: Run) -> list[str]:
    return [] if run.ending is not None else ["no ending was written: the run was cut off"]


def _files(run: Run) -> list[str]:
    return [f"{name} is cut short: its worker was killed or is still writing" for name in run.cut]


def _conservation(run: Run) -> list[str]:
    reasons = []
    if lost := in_flight_at_end(run):
        reasons.append(unrecorded(lost))
    if twice := metrics.duplicated(run.calls.call_id):
        reasons.append(f"{twice} calls were recorded more than once")
    if run.ending is not None and len(run.calls) - twice > sum(run.ending.scheduled.values()):
        extra = len(run.calls) - twice - sum(run.ending.scheduled.values())
        reasons.append(f"{extra} calls were recorded but never scheduled")
    sent = int(run.calls.attempts.sum())
    recorded = int(np.count_nonzero(run.call_of_attempt != ABSENT))
    if sent != recorded:
        reasons.append(f"the calls counted {sent} attempts, but {recorded} were recorded")
    return reasons


def _generator(run: Run) -> list[str]:
    lag = metrics.schedule_lag_ms(run.calls)
    lag.sort()
    if not run.manifest.schedule.open_loop or len(lag) == 0:
        return []
    p99_ms, usual_ms = quantile(lag, 0.99), _usual_ms(run)
    if p99_ms <= LAG_LIMIT_MS and (p99_ms <= LAG_LEAST_MS or p99_ms <= usual_ms):
        return []
    beside = "" if p99_ms <= usual_ms else f", more than a reply took (e2el p50 = {usual_ms:.1f} ms)"
    return [f"{BOTTLENECK}: schedule lag p99 = {p99_ms:.1f} ms{beside}{_exhausted(run)}"]


def _usual_ms(run: Run) -> float:
    """The median of what an ok reply took; infinite where there is none."""
    took_ms = metrics.e2el_ms(run)
    took_ms.sort()
    return quantile(took_ms, 0.5) if len(took_ms) else np.inf


def _exhausted(run: Run) -> str:
    """The worker that came nearest to a whole core, and what would relieve it."""
    workers = generator.cpu(generator.busy(run.events), run.window_ns)
    peak, worker = max(((c.peak or 0.0, c.worker) for c in workers), default=(0.0, 0))
    if not peak:
        return ""
    others = "" if peak >= FULL_CPU else ": other processes may have held the rest"
    reliefs = _reliefs(run)
    advice = f"; try {' or '.join(reliefs)}" if reliefs else ""
    return f"; worker {worker} used {100 * peak:.0f} % of a core in its busiest second{others}{advice}"


def _reliefs(run: Run) -> list[str]:
    """Options that would, where the manifest tells that they are not in use."""
    found = []
    if run.manifest.generator.get("transport") == "httpx":
        found.append("--transport fast")
    cpus = run.manifest.machine.get("cpus")
    if isinstance(cpus, int) and cpus > run.manifest.workers:
        found.append(f"--processes {min(cpus, 2 * run.manifest.workers)}")
    return found
