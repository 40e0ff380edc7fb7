"""Evenings of hours in virtual time, each in a process of its own: how long they take, and what they hold."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.table import Check

HOUR_S = 3600.0
PROFILE = "primetime"
QUIET_RPS, BUSY_RPS = 20.0, 33.0

#: What five hours may hold more than one, at the same peak: 160,000 more arrivals, already drawn, are 2 MB.
MOST_GROWTH_MB = 10.0

BYTES_PER_MB = 1_000_000

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Found:
    """An evening, and what it took."""

    length_s: float
    peak_rps: float
    calls: int
    ok: int
    wall_s: float
    cpu_s: float
    most_rss_bytes: int


def measure(hour_s: float, progress: Callable[[str], None]) -> list[Found]:
    """One hour at the lower peak, five hours at it, five hours at the higher one; of hours of so long."""
    plans = ((1, QUIET_RPS), (5, QUIET_RPS), (5, BUSY_RPS))
    found = []
    for hours, peak_rps in plans:
        progress(f"an evening of {hours} h, at most {peak_rps:g} calls a second")
        found.append(_played(hours * hour_s, peak_rps))
    return found


def check(found: Sequence[Found]) -> Check:
    """The bound on the memory."""
    growth_mb = (found[1].most_rss_bytes - found[0].most_rss_bytes) / BYTES_PER_MB
    what = f"growth of the most memory held while playing, one hour to five (at most {MOST_GROWTH_MB:g} MB)"
    return Check(what, growth_mb, "MB", growth_mb <= MOST_GROWTH_MB)


def text(found: Sequence[Found]) -> str:
    """The table."""
    lines = [f"{'evening':>10}  {'peak/s':>6}  {'calls':>8}  {'ok':>8}  {'wall':>8}  {'most RSS':>9}"]
    lines += [
        f"{item.length_s:>8,.0f} s  {item.peak_rps:>6g}  {item.calls:>8,}  {item.ok:>8,}"
        f"  {item.wall_s:>6.1f} s  {item.most_rss_bytes / BYTES_PER_MB:>6.1f} MB"
        for item in found
    ]
    return "\n".join(lines)


def _played(length_s: float, peak_rps: float) -> Found:
    command = [sys.executable, "-m", "tests.benchmarks.one_evening", PROFILE, str(length_s), str(peak_rps)]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"an evening in a process of its own: {done.stderr.strip().splitlines()[-1:]}")
    return Found(length_s, peak_rps, **json.loads(done.stdout))
