"""The one owner of arrivals."""

import os
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from harness.workload.arrivals import LAWS, Law
from harness.workload.curve import constant, evening
from harness.workload.schedule import Arrival, CurveSchedule, TraceSchedule, Writer, from_curve
from harness.workload.shops import make_shops
from harness.workload.spans import parse_window
from harness.workload.trace import TraceRow

_DIGEST = """
from hashlib import sha256
from harness.workload.curve import evening
from harness.workload.schedule import from_curve
from harness.workload.spans import parse_window
curve = evening(parse_window("19:00-21:00"), 60.0, 20.0)
for law in ("poisson", "gamma", "constant"):
    schedule = from_curve(curve, law, 42)
    text = repr([schedule.arrival(call_id) for call_id in range(len(schedule.at_ns))])
    print(law, len(schedule.at_ns), sha256(text.encode()).hexdigest())
"""


def _schedule(law: Law = "gamma", seed: int = 42) -> CurveSchedule:
    return from_curve(evening(parse_window("19:00-21:00"), 60.0, 20.0), law, seed)


def _in_another_process(hash_seed: str) -> str:
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        [sys.executable, "-c", _DIGEST], capture_output=True, text=True, check=True, env=environment
    )
    return done.stdout


def test_a_seed_means_the_same_evening_in_every_process() -> None:
    first = _in_another_process("1")
    assert first.count("\n") == 3
    assert _in_another_process("4242") == first


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("workers", [1, 2, 3, 7])
def test_the_evening_is_the_same_for_any_number_of_workers(law: Law, workers: int) -> None:
    whole = _schedule(law)
    played: list[Arrival] = []
    for worker in range(workers):
        own = _schedule(law)  # each process makes its own
        played.extend(own.arrival(i) for i in range(len(own.at_ns)) if i % workers == worker)
    played.sort(key=lambda arrival: arrival.call_id)
    assert [arrival.call_id for arrival in played] == list(range(len(whole.at_ns)))
    assert played == [whole.arrival(call_id) for call_id in range(len(whole.at_ns))]


def test_arrivals_stand_in_order_of_time() -> None:
    schedule = _schedule()
    assert [schedule.arrival(i).at_ns for i in range(len(schedule.at_ns))] == schedule.at_ns.tolist()
    assert schedule.length_ns == 60 * 10**9


def test_the_curve_is_told_in_points() -> None:
    points = from_curve(constant(4.0, 10.0), "constant", 1).curve_points()
    assert points == [[0.0, 4.0], [10.0, 4.0]]


def test_in_a_closed_loop_a_shop_is_drawn_by_its_share() -> None:
    writer = Writer(3)
    arrivals = [writer.write(call_id, None) for call_id in range(5000)]
    assert {arrival.at_ns for arrival in arrivals} == {None}
    counts = Counter(arrival.shop for arrival in arrivals)
    for index, name in enumerate(["shop-001", "shop-002", "shop-003"]):
        share = make_shops(3).weights[index]
        assert counts[name] / 5000 == pytest.approx(share, abs=4 * (share * (1 - share) / 5000) ** 0.5)


ROWS = [TraceRow(0.0, 374, 44), TraceRow(4.0, 396, 109), TraceRow(10.0, 1, 1)]


@pytest.mark.parametrize("speedup", [1.0, 2.0, 8.0])
def test_a_trace_is_played_faster(speedup: float) -> None:
    schedule = TraceSchedule(ROWS, speedup)
    assert schedule.at_ns.tolist() == [round(at / speedup * 10**9) for at in (0, 4, 10)]
    assert schedule.length_ns == schedule.at_ns[-1]
    arrival = schedule.arrival(1)
    assert (arrival.call_id, arrival.at_ns) == (1, schedule.at_ns[1])
    assert (arrival.planned_prompt_tokens, arrival.planned_completion_tokens, arrival.max_tokens) == (
        396,
        109,
        109,
    )
    assert len(arrival.prompt) == 2 * 396


def test_a_traces_rate_adds_up_to_its_requests() -> None:
    schedule = TraceSchedule([TraceRow(n / 10, 1, 1) for n in range(601)], 2.0)
    points = np.array(schedule.curve_points())
    assert len(points) == 60
    # 601 requests in 30 s: bins of half a second.
    assert (points[:, 1] * 0.5).sum() == pytest.approx(601)
    assert points[:, 1].mean() == pytest.approx(601 / 30, rel=0.001)
