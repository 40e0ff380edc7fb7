"""Why a run is not to be trusted as it stands: the reasons in `degraded`."""

from __future__ import annotations

import numpy as np

from reports.figures import elsewhere, generator, metrics
from reports.figures.quantiles import quantile
from reports.reading.run import ABSENT, NS_PER_S, Cut, Run

#: A generator this late at its p99 measures itself, not the server.
LAG_LIMIT_MS = 50.0

#: So is one this late whose lateness is more than what a reply takes.
LAG_LEAST_MS = 10.0

#: A worker this busy in a second had no more to give: Python runs on one core a process.
FULL_CPU = 0.9

#: How the reason begins that says so of a generator.
BOTTLENECK = "the generator was the bottleneck"


def in_flight_at_end(run: Run) -> int:
    """Scheduled arrivals without a recorded call. A call recorded twice does not stand in for a lost one.

    Of a run without an ending it is known only how many the whole schedule had, if it had a number.
    """
    scheduled = run.manifest.schedule.count or 0 if run.ending is None else sum(run.ending.scheduled.values())
    recorded = len(run.calls) - metrics.duplicated(run.calls.call_id)
    return max(0, scheduled - recorded)


def unrecorded(calls: int) -> str:
    """The reason that says so of calls that were scheduled."""
    return f"{calls} calls were scheduled but not recorded"


def degraded(run: Run) -> list[str]:
    """Every reason, the run's own first; empty when the run is clean."""
    reasons = [] if run.ending is None else list(run.ending.degraded)
    reasons += _ending(run) + elsewhere.reasons(run) + _files(run) + _conservation(run) + _generator(run)
    return list(dict.fromkeys(reasons))


def _ending(run: Run) -> list[str]:
    if run.ending is not None:
        return []
    length_s, last_ns = run.manifest.schedule.duration_s, run.last_ns
    of = "" if length_s is None else f"; arrivals were to go on until second {length_s:g}"
    last = "there is no record" if last_ns is None else f"the last record is of second {_second(last_ns)}"
    return ["no ending was written: the run was cut off", f"{last}{of}"]


def _files(run: Run) -> list[str]:
    told = elsewhere.files(run)
    cut = [f"{one.name} is cut short: {_of_cut(one)}" for one in run.cut if one.name not in told]
    missing = (name for name in run.missing if name not in told)
    return cut + [f"{name} is missing, and what it held is in no figure" for name in missing]


def _second(at_ns: int) -> str:
    return f"{at_ns / NS_PER_S:.1f}"


def _of_cut(one: Cut) -> str:
    if not one.name.endswith(".arrow"):
        return "the disk was full, or the run was killed while it was written"
    until = "it holds no record" if one.until_ns is None else f"it goes to second {_second(one.until_ns)}"
    return f"its worker was killed, had no disk left or is still writing; {until}"


def _conservation(run: Run) -> list[str]:
    reasons = []
    if lost := in_flight_at_end(run):
        due = ", those not yet due among them" if run.ending is None else ""
        reasons.append(f"{unrecorded(lost)}{due}")
    if twice := metrics.duplicated(run.calls.call_id):
        reasons.append(f"{twice} calls were recorded more than once")
    if run.ending is not None and len(run.calls) - twice > sum(run.ending.scheduled.values()):
        extra = len(run.calls) - twice - sum(run.ending.scheduled.values())
        reasons.append(f"{extra} calls were recorded but never scheduled")
    sent = int(run.calls.attempts.sum())
    recorded = int(np.count_nonzero(run.call_of_attempt != ABSENT))
    if sent != recorded:
        reasons.append(f"the calls counted {sent} attempts, but {recorded} were recorded")
    return reasons + _unmatched(run)


def _unmatched(run: Run) -> list[str]:
    """Attempts without their calls, and calls without any attempt that they made."""
    orphans = int(np.count_nonzero(run.call_of_attempt == ABSENT))
    bare = int(np.count_nonzero((run.calls.attempts > 0) & (run.last_attempt == ABSENT)))
    reasons = []
    if orphans:
        reasons.append(f"{orphans} attempts were recorded whose calls were not")
    if bare:
        reasons.append(f"{bare} calls were recorded without any of their attempts")
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
    # A queue's workers have the transport, not the load processes.
    if run.manifest.generator.get("transport") == "httpx" and run.manifest.queue is None:
        found.append("--transport fast")
    cpus = run.manifest.machine.get("cpus")
    if isinstance(cpus, int) and cpus > run.manifest.workers:
        found.append(f"--processes {min(cpus, 2 * run.manifest.workers)}")
    return found
