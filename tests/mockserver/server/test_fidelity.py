"""The server serves what it drew: its clock is the law's, also under load."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from mockserver.core.decide import Arrival, Core, Generate
from mockserver.profile_file import load_profile
from tests.benchmarks.cores import ours_apart, started_on
from tests.mockserver.server.running import start

SEED = 7
RATE_PER_S = 1_000
SECONDS = 10
# Calls of the first second: connections are opened, the interpreter warms up.
WARM_UP_CALLS = RATE_PER_S
TRIES = 3
MOST_US = 2_000

# A third of a second a reply, so that some 350 are under way at any time; every tenth is a stream.
PROFILE = """
[ttft]
median_ms = 150
sigma = 0.28
slow_share = 0.02
slow_median_ms = 400
slow_sigma = 0.40
per_1k_prompt_ms = 27
[inter_token]
mean_ms = 2
cv = 0.15
[length]
median_tokens = 80
sigma = 0.5
"""


@dataclass(frozen=True)
class Lateness:
    """Of one try, each in ascending order: microseconds that a time was later than drawn."""

    ends: list[int]
    first_tokens: list[int]
    seen_ends: list[int]
    seen_first_tokens: list[int]

    def __str__(self) -> str:
        named = {
            "served, end": self.ends,
            "served, first token of streams": self.first_tokens,
            "seen by the client, end": self.seen_ends,
            "seen by the client, first byte of streams": self.seen_first_tokens,
        }
        return "\n".join(
            f"  {name:42} p50 {median(values):6.0f}  p99 {_p99(values):6}  max {values[-1]:6}  us later"
            f" than drawn, {len(values)} calls"
            for name, values in named.items()
        )

    @property
    def good(self) -> bool:
        return _p99(self.ends) <= MOST_US and _p99(self.first_tokens) <= MOST_US


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_served_times_are_the_drawn_ones_within_2_ms_at_p99_at_1000_requests_a_second(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every request's service time, from the start of its generation to the hand-over of its last byte, is
    never shorter than drawn, and at p99 at most 2 ms longer; so is the first token of a stream.

    Retry rule: a machine that does something else for 20 ms delays 20 calls, more than the 1 % allowed here.
    So up to three tries are made, each printed, and one that is within the bound is enough. No try may serve
    a call early, or lose one. Two idle cores give 2.0 to 2.1 ms with uvloop's timers, which count whole
    milliseconds of a clock that is read once a turn.
    """
    path = tmp_path / "fidelity.toml"
    path.write_text(PROFILE, encoding="utf-8")
    for number in range(1, TRIES + 1):
        lateness = _lateness(path, tmp_path / f"requests-{number}.jsonl")
        with capsys.disabled():
            sys.stdout.write(f"\nfidelity, try {number} of {TRIES}:\n{lateness}\n")
        assert lateness.ends[0] >= 0
        assert lateness.first_tokens[0] >= 0
        if lateness.good:
            return
    pytest.fail(f"served later than drawn by more than {MOST_US} us at p99, {TRIES} times")


def _lateness(profile_path: Path, log: Path) -> Lateness:
    """Play one run, and hold the log and the client against what the core draws."""
    with ours_apart() as cores:
        with started_on(cores):
            mock = start("--profile", str(profile_path), "--seed", str(SEED), log=log)
        with mock:
            seen = _played(mock.port)
            mock.stop()
            rows = {row["call"]: row for row in mock.rows()}
    assert len(rows) == seen["sent"] == len(seen["times"])
    drawn_first_us = _drawn_first_us(profile_path, rows)
    counted = [row for call, row in rows.items() if call >= WARM_UP_CALLS]
    streams = [row for row in counted if row["stream"]]
    return Lateness(
        ends=sorted(row["finished_us"] - row["started_us"] - row["drawn_us"] for row in counted),
        first_tokens=sorted(
            row["first_us"] - row["started_us"] - drawn_first_us[row["call"]] for row in streams
        ),
        seen_ends=sorted(seen["times"][str(row["call"])][1] - row["drawn_us"] for row in counted),
        seen_first_tokens=sorted(
            seen["times"][str(row["call"])][0] - drawn_first_us[row["call"]] for row in streams
        ),
    )


def _played(port: int) -> dict[str, Any]:
    """What the client saw: from a process of its own, so that its work delays no one here."""
    module = "tests.mockserver.server.arrivals"
    done = subprocess.run(
        [sys.executable, "-m", module, str(port), str(RATE_PER_S), str(SECONDS), str(SEED)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    return dict(json.loads(done.stdout))


def _drawn_first_us(profile_path: Path, rows: dict[int, dict[str, Any]]) -> dict[int, int]:
    """When the first token of each call is due after its start, by a core of our own."""
    core = Core(load_profile(str(profile_path)), SEED)
    drawn = {}
    for call, row in rows.items():
        arrival = Arrival("/v1/chat/completions", "gpt-4.1", "key", row["prompt_tokens"], None, call)
        decision = core.arrive(arrival, 0)
        assert isinstance(decision, Generate)
        assert decision.start is not None
        assert decision.start.total_us == row["drawn_us"]
        drawn[call] = decision.start.first_us
    return drawn


def _p99(ascending: list[int]) -> int:
    return ascending[len(ascending) * 99 // 100]
