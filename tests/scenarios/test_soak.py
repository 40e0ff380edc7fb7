"""What takes minutes to show itself: `pytest -m soak`, by hand; the rest of the tests is no substitute."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from statistics import median

import numpy as np
import psutil
import pytest

from harness.units import NS
from harness.workload.curve import evening
from harness.workload.spans import parse_window
from tests.scenarios.running import SLOW, Played, finish, master_port, start, table
from tests.scenarios.test_conservation import HERE, assert_conserved

FAST = ("--transport", "fast")
SENT = ("--mock-profile", str(HERE / "faults.toml"), "--policy", str(HERE / "soak.toml"))

EVENING_S = 300
PEAK_RPS = 20.0
WINDOW = "19:30-20:30"

STEADY_S = 1800
WARM_S = 300
#: Where freed memory is not given back, and the dictionaries of Locust that gain an entry a second.
MOST_GROWTH = 0.05


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_five_minute_evening_is_sent_as_its_curve_says_on_one_process_and_on_two(tmp_path: Path) -> None:
    runs = []
    for processes in (1, 2):  # side by side
        several = ("--processes", str(processes)) if processes > 1 else ()
        options = ("--evening", f"{EVENING_S}s", "--peak-rps", f"{PEAK_RPS:g}", "--window", WINDOW)
        options += ("--arrivals", "poisson", "--mock-profile", "instant", *FAST, *several)
        run_dir = tmp_path / str(processes)
        process = start("primetime.py", "--headless", *master_port(options), *options, run_dir=run_dir)
        runs.append((process, run_dir))
    played = [finish(process, run_dir, timeout_s=EVENING_S + 90) for process, run_dir in runs]

    curve = evening(parse_window(WINDOW), EVENING_S, PEAK_RPS)
    ends_s = np.arange(EVENING_S + 1, dtype=np.float64)
    expected = np.diff(np.interp(ends_s, *_integral(curve.times_s, curve.rates)))
    for one in played:
        one.assert_whole()
        sent_s = np.array([a["sent_ns"] for a in table(one.folder, "attempts") if a["attempt"] == 1]) / NS
        counts = np.histogram(sent_s, bins=ends_s)[0]
        chi_square = float(((counts - expected) ** 2 / expected).sum())
        # Of 300 degrees of freedom: mean 300, variance 600; five sigma on either side.
        sys.stdout.write(f"chi-square {chi_square:.1f} of {EVENING_S} seconds, {len(sent_s)} calls\n")
        assert abs(chi_square - EVENING_S) < 5 * (2 * EVENING_S) ** 0.5
    ids = [{c["call_id"] for c in table(one.folder, "calls")} for one in played]
    assert ids[0] == ids[1]


def _integral(times_s: np.ndarray, rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The curve's expected count at fine steps, by the trapezium rule: exact on straight lines."""
    fine_s = np.linspace(times_s[0], times_s[-1], 60 * (len(times_s) - 1) + 1)
    values = np.interp(fine_s, times_s, rates)
    areas = np.diff(fine_s) * (values[1:] + values[:-1]) / 2
    return fine_s, np.concatenate([[0.0], np.cumsum(areas)])


class Watched:
    """Memory and descriptors of a process, every two seconds."""

    def __init__(self, process: psutil.Process) -> None:
        self.samples: list[tuple[float, int, int]] = []
        self._process = process
        self._began_s = time.monotonic()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        try:
            while self._process.is_running():
                at_s = time.monotonic() - self._began_s
                rss, descriptors = self._process.memory_info().rss, self._process.num_fds()
                self.samples.append((at_s, rss, descriptors))
                time.sleep(2.0)
        except psutil.Error:
            return

    def middle(self, from_s: float, to_s: float) -> tuple[float, float]:
        """Medians of memory and descriptors between two instants."""
        found = [(rss, fds) for at_s, rss, fds in self.samples if from_s <= at_s < to_s]
        return median(rss for rss, _ in found), median(fds for _, fds in found)


@pytest.mark.soak
@pytest.mark.timeout(STEADY_S + 300)
def test_half_an_hour_of_steady_load_under_faults_leaks_nothing(tmp_path: Path) -> None:
    options = ("--rate", "100", "--length", f"{STEADY_S}s", *FAST, *SENT)
    process = start("steady.py", "--headless", *options, run_dir=tmp_path)
    watched = Watched(psutil.Process(process.pid))
    played: Played = finish(process, tmp_path, timeout_s=STEADY_S + 240)

    assert all(SLOW in reason for reason in played.summary["degraded"])
    assert_conserved(played)
    before_rss, before_fds = watched.middle(WARM_S, 2 * WARM_S)
    after_rss, after_fds = watched.middle(STEADY_S - WARM_S, STEADY_S)
    sys.stdout.write(
        f"{played.summary['calls']} calls, {played.summary['attempts']} attempts;"
        f" memory {before_rss / 2**20:.1f} MiB after {WARM_S} s, {after_rss / 2**20:.1f} at the end;"
        f" descriptors {before_fds:g} and {after_fds:g}\n"
    )
    assert after_rss < before_rss * (1 + MOST_GROWTH)
    assert after_fds <= before_fds + 5
