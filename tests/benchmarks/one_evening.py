"""One evening in virtual time, in a process of its own: what it took, and the most memory it held meanwhile.

python -m tests.benchmarks.one_evening PROFILE SECONDS PEAK

Only counts are kept of it, as a sweep keeps them. Prints one line of JSON.
"""

import gc
import json
import sys
import time
from collections import Counter
from collections.abc import Callable

import psutil

from harness.model import CallFinished, Event
from harness.play.offer import evening_offer
from harness.policy.presets import preset
from harness.workload.spans import parse_window
from mockserver.profile_file import load_profile
from reports.virtual.play import VirtualRun, play

WINDOW = "18:00-23:00"
ARRIVALS = "gamma"
SEED = 1


def evening(policy: str, profile: str, length_s: float, peak_rps: float) -> VirtualRun:
    """The Thai evening, played in so long."""
    offer = evening_offer(parse_window(WINDOW), length_s, peak_rps, ARRIVALS, SEED)
    return VirtualRun(preset(policy), offer, load_profile(profile), SEED)


def count(run: VirtualRun, look: Callable[[], None] = lambda: None) -> Counter[str]:
    """Play it; its calls by outcome. `look` is called every few seconds of it."""
    outcomes: Counter[str] = Counter()

    def take(events: list[Event]) -> None:
        look()
        outcomes.update(str(event.call.outcome) for event in events if isinstance(event, CallFinished))

    play(run, take)
    return outcomes


def main() -> None:
    """The command."""
    profile, length_s, peak_rps = sys.argv[1:]
    run = evening("tuned", profile, float(length_s), float(peak_rps))
    process, most_bytes = psutil.Process(), 0
    gc.disable()  # as the cells of a sweep play

    def look() -> None:
        nonlocal most_bytes
        most_bytes = max(most_bytes, process.memory_info().rss)

    wall_s, cpu_s = time.perf_counter(), time.process_time()
    outcomes = count(run, look)
    wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    found = {
        "calls": outcomes.total(),
        "ok": outcomes["ok"],
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "most_rss_bytes": most_bytes,
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
