"""Ten thousand slow calls at once in one process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil

from reports.figures.metrics import schedule_lag_ms
from reports.figures.quantiles import quantile
from reports.reading.run import Run
from tests.benchmarks.cores import ours_apart
from tests.benchmarks.load.ours import playing
from tests.benchmarks.load.section import Effort, Result
from tests.benchmarks.load.servers import slow
from tests.benchmarks.table import Check

POLICY = Path(__file__).with_name("open_gates.toml")

RATE = 1_000.0
ANSWER_AFTER_S = 10.0
PLATEAU_S = 20.0

MOST_LAG_MS = 10.0
NS = 1_000_000_000
SAMPLE_EVERY_S = 0.25


class Memory:
    """The resident memory of a process while it plays, sampled in a thread of its own."""

    def __init__(self) -> None:
        self.rss_bytes: list[int] = []
        self._thread: threading.Thread | None = None

    def watch(self, process: psutil.Process) -> None:
        """Until the process ends."""
        self._thread = threading.Thread(target=self._sample, args=(process,), daemon=True)
        self._thread.start()

    def _sample(self, process: psutil.Process) -> None:
        try:
            while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                self.rss_bytes.append(process.memory_info().rss)
                time.sleep(SAMPLE_EVERY_S)
        except psutil.NoSuchProcess:
            return


def measure(effort: Effort, say: Callable[[str], None]) -> Result:
    """Ours alone: nobody else here holds so many calls with a policy each."""
    rate, after_s, plateau_s = (200.0, 2.0, 2.0) if effort.quick else (RATE, ANSWER_AFTER_S, PLATEAU_S)
    wanted = int(rate * after_s)
    say(f"in flight: {wanted:,} slow calls at once")
    options = ("--rate", f"{rate:g}", "--arrivals", "constant", "--length", f"{after_s + plateau_s:g}s")
    options += ("--policy", str(POLICY), "--transport", "fast")
    few, most = Memory(), Memory()
    with ours_apart() as cores, slow(cores, after_s) as server:
        host = ("--host", f"http://127.0.0.1:{server.port}")
        with playing("--rate", "1", "--length", "3s", *options[4:], *host, during=few.watch):
            pass
        with playing(*options, *host, during=most.watch, within_s=240) as played:
            run, summary = played.run, played.summary
    at_once = in_flight(run)
    lag_ms = np.sort(schedule_lag_ms(run.calls))
    per_call = (max(most.rss_bytes) - max(few.rss_bytes)) / at_once
    errors = int(np.count_nonzero(run.calls.outcome != "ok"))
    p99_ms = quantile(lag_ms, 0.99)
    checks = [
        Check(
            f"calls in flight at once (at least {0.98 * wanted:,.0f})",
            at_once,
            "calls",
            at_once >= 0.98 * wanted,
            0,
        ),
        Check(f"schedule lag p99 (under {MOST_LAG_MS:g} ms)", p99_ms, "ms", p99_ms < MOST_LAG_MS, 2),
        Check("calls that did not end ok (none: the server made no error)", errors, "calls", errors == 0, 0),
    ]
    table = (
        f"{len(run.calls):,} calls at {rate:g}/s, each answered after {after_s:g} s\n"
        f"memory a call in flight  {per_call / 1024:.1f} KiB"
        f" ({max(few.rss_bytes) / 2**20:.0f} MiB before, {max(most.rss_bytes) / 2**20:.0f} MiB at most)\n"
        f"schedule lag  p50 {quantile(lag_ms, 0.5):.3f} ms, p99 {p99_ms:.3f} ms, most {lag_ms[-1]:.1f} ms"
    )
    figures = {
        "in_flight": at_once,
        "bytes_a_call": per_call,
        "schedule_lag_ms": {"p50": quantile(lag_ms, 0.5), "p99": p99_ms, "max": float(lag_ms[-1])},
        "errors": errors,
        "degraded": summary["degraded"],
    }
    return Result("In flight: slow calls in one process", table, checks, figures)


def in_flight(run: Run) -> int:
    """The most calls that were under way at one instant."""
    instants = np.concatenate([run.calls.start_ns, run.calls.end_ns])
    steps = np.concatenate([np.ones(len(run.calls), np.int64), np.full(len(run.calls), -1)])
    return int(np.cumsum(steps[np.lexsort((steps, instants))]).max(initial=0))
