"""Virtual time tells the truth: an evening ends there as it does in real time under Locust.

Both draw arrivals, prompts, lengths and faults from (seed, call, attempt), and play the same calls. What
differs is chance: a generator, a network and a kernel are late, now more, now less, and at the height of an
overload that decides who finds a place in a backlog. So virtual time is played with such lateness, too,
several times: chance is known, and what is left is the difference of the two clocks.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from harness.model import Event
from harness.play.offer import Offer, evening_offer
from harness.policy_file import load_policy
from harness.workload.schedule import CurveSchedule
from harness.workload.spans import parse_window
from mockserver.profile_file import load_profile
from reports.reading.load import read_run
from reports.virtual.play import VirtualRun, play
from tests.scenarios.running import Played, finish, start
from tests.scenarios.truth import Cell, Side, broken, pooled, real_side, tables, virtual_side

POLICIES = ("naive", "article", "tuned")
WINDOW = "19:30-20:30"
PEAK_RPS = 20.0

#: The evening of each profile: the overloaded one as README.md plays it, with its faults and its kernel; the
#: calm one, where a reply takes its time and nothing else does, no longer than a p99 needs.
LENGTHS_S = {"primetime": 180, "calm": 90}

#: Real runs at once: each takes a twentieth of a core, and its mock server less.
AT_ONCE = 3

#: A run that measured its own generator is no truth.
TRIES = 2

#: Plays of a seed in virtual time: its own, and others whose calls are late, each by what a real generator
#: is, and all of them by one draw: a kernel's timers (the slower ones tick every 256 ms) know no run's start.
PLAYS = 8
LATE_NS = 1_000_000.0
TICK_NS = 256_000_000.0


@dataclass(frozen=True, slots=True)
class Job:
    """One evening to be played."""

    policy: str
    profile: str
    seed: int

    @property
    def length_s(self) -> int:
        return LENGTHS_S[self.profile]

    @property
    def name(self) -> str:
        return "-".join(map(str, astuple(self)))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_virtual_and_real_time_agree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Evenings go where chance is. One evening, three times in real time, differs by a call under `article`,
    # by four under `tuned`, with p99 within 0.1 % and 2 %; under `naive` by 23 timeouts of 130, and its p99
    # is 22 to 27 s: the 1 % that waited longest are those whom the kernel's timers let in late.
    seeds = {"naive": (1, 2, 3, 4), "article": (1,), "tuned": (1,)}
    jobs = [Job(policy, "primetime", seed) for policy in POLICIES for seed in seeds[policy]]
    jobs += [Job(policy, "calm", 1) for policy in POLICIES]

    assert not compare(jobs, tmp_path, capsys)


@pytest.mark.soak
@pytest.mark.timeout(2700)
def test_virtual_and_real_time_agree_over_many_evenings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = [Job(policy, "primetime", seed) for seed in range(1, 7) for policy in POLICIES]
    jobs += [Job(policy, "calm", seed) for seed in (1, 2) for policy in POLICIES]

    assert not compare(jobs, tmp_path, capsys)


def has_our_kernels_timers() -> bool:
    """Whether unanswered SYNs go out again when `harness.sim.linux` says: what `naive` meets at the peak."""
    try:
        return Path("/proc/sys/net/ipv4/tcp_syn_linear_timeouts").read_text(encoding="ascii").strip() == "4"
    except OSError:
        return False


def compare(jobs: Sequence[Job], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Play them by both clocks and print the tables; which bounds are broken."""
    if not has_our_kernels_timers():
        jobs = [job for job in jobs if (job.policy, job.profile) != ("naive", "primetime")]
        with capsys.disabled():
            sys.stdout.write("\nnaive on primetime is left out: this kernel has other timers for SYNs\n")
    longest_first = sorted(jobs, key=lambda job: -job.length_s)
    with ThreadPoolExecutor(AT_ONCE) as lanes:
        runs = lanes.map(lambda job: in_real_time(job, tmp_path / job.name), longest_first)
        real = dict(zip(longest_first, runs, strict=True))
    cells = [cell(of, real) for of in dict.fromkeys((job.policy, job.profile) for job in jobs)]
    with capsys.disabled():
        sys.stdout.write(f"\n{tables(cells)}\n")
    return broken(cells)


def cell(of: tuple[str, str], real: dict[Job, Side]) -> Cell:
    """Both sides of a policy and a profile."""
    jobs = [job for job in real if (job.policy, job.profile) == of]
    plays = [pooled(in_virtual_time(job, number) for job in jobs) for number in range(PLAYS)]
    return Cell(" on ".join(of), len(jobs), pooled(real[job] for job in jobs), plays)


def in_real_time(job: Job, run_dir: Path) -> Side:
    """Play it under Locust; once more where the machine was busy with something else, and the run says so."""
    for number in range(TRIES):
        played = _played(job, run_dir / f"{number}")
        played.assert_whole()
        if played.code == 0:
            break
    assert played.code == 0, f"{job.name}: the machine is too busy: {played.summary['degraded']}"
    return real_side(read_run(played.folder))


def _played(job: Job, run_dir: Path) -> Played:
    what = ("--policy", job.policy, "--mock-profile", job.profile, "--seed", f"{job.seed}")
    when = ("--evening", f"{job.length_s}s", "--window", WINDOW, "--peak-rps", f"{PEAK_RPS:g}")
    process = start("primetime.py", "--headless", *what, *when, run_dir=run_dir)
    return finish(process, run_dir, timeout_s=job.length_s + 100)


def in_virtual_time(job: Job, number: int) -> Side:
    """Play it in virtual time; from the second play on with calls that are late."""
    offer = evening_offer(parse_window(WINDOW), job.length_s, PEAK_RPS, "gamma", job.seed)
    if number:
        offer = late(offer, np.random.default_rng((job.seed, number)))
    told: list[Event] = []
    play(VirtualRun(load_policy(job.policy), offer, load_profile(job.profile), job.seed), told.extend)
    return virtual_side(told)


def late(offer: Offer, rng: np.random.Generator) -> Offer:
    """The same calls in the same order, later."""
    schedule = cast("CurveSchedule", offer.schedule)
    late_ns = rng.uniform(0, TICK_NS) + rng.exponential(LATE_NS, len(schedule.at_ns))
    at_ns = np.maximum.accumulate(schedule.at_ns + late_ns.astype(np.int64))
    at_ns = np.minimum(at_ns, schedule.length_ns)
    return replace(offer, schedule=replace(schedule, arrivals=replace(schedule.arrivals, at_ns=at_ns)))
