"""An evening through a queue in virtual time: its records, its figures, and that they stay the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.play.offer import evening_offer
from harness.queue.errors import UnknownTask
from harness.queue.memory.queue import MemoryQueue
from harness.workload.spans import parse_window
from reports.reading.load import read_run
from reports.reading.run import ABSENT
from reports.summary.result import summarise
from reports.virtual.cell import Cell, Figures, play_cell
from reports.virtual.folder import play_into
from reports.virtual.stage import Stage
from tests.reports.virtual import small

#: Twelve calls a second, each of some four seconds.
BUSY = {"rate": 12, "length": "40s"}


def _figures(stage: Stage, seed: int = 1, **settings: Any) -> Figures:
    return play_cell(Cell(stage, {f"queue.{key}": value for key, value in settings.items()}, seed))


def _without(figures: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in figures.items() if key not in keys}


def test_workers_off_is_the_evening_without_a_queue() -> None:
    stage = small.stage(queue={"max_depth": 3}, steady=BUSY)
    off, direct = _figures(stage, workers="off"), _figures(small.stage(steady=BUSY))
    assert _without(off, "settings") == _without(direct, "settings")
    assert "queue" not in direct


def test_every_arrival_is_one_record_and_every_attempt_belongs_to_one(tmp_path: Path) -> None:
    stage = small.stage(mock_profile="flaky-network", queue={"workers": 3, "tries": 2}, steady=BUSY)
    folder = play_into(stage, stage.policy({}), 2, tmp_path)
    run = read_run(folder)
    scheduled = len(stage.load.offer(2).schedule.at_ns)  # type: ignore[union-attr]
    assert run.calls.call_id.tolist() == list(range(scheduled))
    attempts = Counter(run.attempts.call_id.tolist())
    assert [attempts[call_id] for call_id in range(scheduled)] == run.calls.attempts.tolist()
    assert max(Counter(zip(run.attempts.call_id, run.attempts.attempt, strict=True)).values()) == 1
    assert sorted(int(path.name.split("-")[1]) for path in folder.glob("attempts-*")) == [0, 1, 2, 3]
    assert run.manifest.clients == range(1, 4)
    assert run.manifest.architecture == "queued"


def test_a_call_is_accepted_at_once_then_taken_up_then_ended(tmp_path: Path) -> None:
    stage = small.stage(queue={"workers": 1, "concurrency": 10}, steady=BUSY)
    run = read_run(play_into(stage, stage.policy({}), 1, tmp_path))
    queued = run.queued
    assert queued is not None
    assert np.array_equal(queued.accepted_ns, run.calls.intended_ns)
    assert np.all(queued.taken_up_ns != ABSENT)
    assert np.all((queued.accepted_ns <= queued.taken_up_ns) & (queued.taken_up_ns <= run.calls.end_ns))
    # First come, first served: nobody is taken up before who came before.
    assert np.all(np.diff(queued.taken_up_ns) >= 0)
    # Never more at once than the worker has jobs.
    starts = [(at, 1) for at in queued.taken_up_ns.tolist()]
    ends = [(at, -1) for at in run.calls.end_ns.tolist()]
    under_way = np.cumsum([step for _, step in sorted(starts + ends, key=lambda event: event)])
    assert under_way.max() == 10


def test_a_task_of_which_the_queue_knows_nothing_any_more_is_recorded_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(_: MemoryQueue, task_id: str) -> None:
        raise UnknownTask(f"knows no task {task_id}")

    monkeypatch.setattr(MemoryQueue, "result", gone)
    stage = small.stage(queue={"workers": 1}, steady=BUSY)
    run = read_run(play_into(stage, stage.policy({}), 1, tmp_path))
    assert len(run.calls.call_id) == len(stage.load.offer(1).schedule.at_ns)  # type: ignore[union-attr]
    assert set(run.calls.outcome) == {"transient"}


def test_who_comes_to_a_full_queue_is_rejected_and_nobody_else_is() -> None:
    figures = _figures(small.stage(steady=BUSY), workers=1, concurrency=2, max_depth=20)
    queue, outcomes = figures["queue"], figures["outcomes"]
    assert queue["refused"] == outcomes["rejected"] == figures["stopped_by"]["admission"] > 0
    assert queue["accepted"] + queue["refused"] == figures["calls"]
    assert outcomes["ok"] == queue["accepted"]
    assert queue["depth_max"] == 18  # 2 run, or are about to


def test_a_task_s_deadline_bounds_its_wait_and_its_call_together() -> None:
    figures = _figures(small.stage(steady=BUSY), workers=1, concurrency=10, deadline_s=15)
    assert figures["outcomes"]["deadline"] == figures["stopped_by"]["deadline"] > 100
    assert figures["queue"]["wait_ms"]["max"] <= 15_000
    assert figures["call_latency_ms"]["max"] <= 15_000
    assert figures["queue"]["oldest_max_s"] <= 16  # the sweep is once a second


def test_what_is_left_when_the_drain_is_over_is_withdrawn_and_told() -> None:
    figures = _figures(small.stage(steady=BUSY), workers=1, concurrency=1, drain_s=3)
    assert figures["outcomes"]["cancelled"] == figures["queue"]["left"] > 100
    assert figures["queue"]["drain_after_peak_s"] == "inf"


def test_the_policy_is_divided_over_the_workers() -> None:
    """Four workers of one permit each are four permits; a fifth would have none."""
    stage = small.stage(steady=BUSY, policy="tuned", queue={})
    limit = {"concurrency.kind": "static", "concurrency.limit": 4}
    together = play_cell(Cell(stage, {**limit, "queue.workers": 1}, 1))
    apart = play_cell(Cell(stage, {**limit, "queue.workers": 4}, 1))
    assert apart["request_throughput"] == pytest.approx(together["request_throughput"], rel=0.1)
    with pytest.raises(Exception, match=r"concurrency.limit = 4: expected at least one for each of 5"):
        stage.queue({**limit, "queue.workers": 5})


def test_the_summary_of_a_folder_says_what_the_cell_says(tmp_path: Path) -> None:
    stage = small.stage(mock_profile="primetime", queue={"workers": 2, "max_depth": 60}, steady=BUSY)
    folder = play_into(stage, stage.policy({}), 3, tmp_path)
    summary, cell = summarise(read_run(folder), stage.objectives), _figures(stage, 3)
    same = ("calls", "attempts", "outcomes", "request_goodput", "call_latency_ms", "tokens", "queue")
    assert {key: summary[key] for key in same} == {key: cell[key] for key in same}
    assert summary["breaker_open_fraction"] == cell["breaker_open_fraction"]


def test_the_backlog_over_the_clock_is_what_came_and_was_not_yet_taken_up() -> None:
    """12 calls a second come for 40 s, 10 are served at a time: the rest drains at the same rate."""
    figures = _figures(small.stage(steady=BUSY), workers=1, concurrency=10)
    backlog, course = figures["backlog"], figures["course"]
    assert backlog[: len(course["offered"])] == sorted(backlog[: len(course["offered"])])
    assert max(backlog) == figures["queue"]["depth_max"]
    served = figures["calls"] - figures["queue"]["depth_max"] - 10
    per_s = served / 40
    left_s = figures["queue"]["depth_max"] / per_s
    assert figures["queue"]["drain_after_peak_s"] == pytest.approx(0.95 * left_s, rel=0.15)


def test_two_processes_play_the_same_to_the_last_digit(tmp_path: Path) -> None:
    window = parse_window("19:30-20:30")
    assert evening_offer(window, 60, 20, "gamma", 1).schedule is not None
    spec = tmp_path / "s.toml"
    spec.write_text('mock_profile = "primetime"\n[evening]\nlength = "60s"\n[grid]\n"queue.workers" = [3]\n')
    code = (
        "import json, sys; from pathlib import Path; from reports.sweep.spec import read_sweep;"
        "from reports.virtual.cell import Cell, play_cell; s = read_sweep(Path(sys.argv[1]));"
        "print(json.dumps(play_cell(Cell(s.stage, s.settings[0], 5))))"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", code, str(spec)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "77")
    ]
    assert told[0] == told[1]
    assert json.loads(told[0])["queue"]["accepted"] > 500
