"""A spec's [queue]: what it may say, and one line for what it may not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import ConfigError
from reports.__main__ import main
from reports.sweep.spec import read_sweep
from reports.tune.spec import read_tune
from reports.virtual.cell import Cell
from reports.virtual.queue_plan import queue_plan, today
from tests.reports.virtual import small


def test_keys_are_the_settings_of_queue_and_workers() -> None:
    plan = queue_plan({"workers": 3, "max_depth": 50, "tries": 2, "deadline_s": 30}, {"queue.tries": 4})
    assert plan is not None
    assert (plan.workers, plan.drain_s, plan.queue.max_depth, plan.queue.deadline_s) == (3, 300.0, 50, 30)
    assert (plan.worker.tries, plan.worker.concurrency) == (4, None)


def test_there_is_a_queue_where_a_spec_or_its_grid_names_one() -> None:
    assert queue_plan(None, {"retry.attempts": 2}) is None
    assert queue_plan({}, {}) is not None
    assert queue_plan(None, {"queue.max_depth": 5}) is not None
    assert queue_plan({"workers": 2}, {"queue.workers": "off"}) is None


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"worker": 2}, "queue: unknown key 'worker', did you mean 'workers'?"),
        ({"workers": 0}, 'queue.workers = 0: expected a whole number from 1 to 1000, or "off"'),
        ({"workers": True}, "queue.workers = True: expected a whole number"),
        ({"max_depth": 0}, "queue.max_depth = 0: expected at least 1"),
        ({"max_depth": "many"}, "queue.max_depth = 'many': expected a whole number"),
        ({"tries": 0}, "queue.tries = 0: expected at least 1"),
        ({"concurrency": 1.5}, "queue.concurrency = 1.5: expected a whole number, or None"),
        ({"drain_s": "5m"}, "queue.drain_s = '5m': expected a number"),
        ({"workers": "off", "tries": 0}, "queue.tries = 0: expected at least 1"),
    ],
)
def test_a_bad_key_is_named(table: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        queue_plan(table, {})
    assert str(error.value).startswith(said)


def test_a_stage_refuses_streams_and_more_workers_than_permits() -> None:
    with pytest.raises(Exception, match=r"queue: its results come whole: expected stream = false"):
        small.stage(stream=True, queue={"workers": 2})
    with pytest.raises(Exception, match="expected at least one for each of 900 workers"):
        small.stage(queue={"workers": 900})


def test_todays_values_are_as_a_spec_would_have_them() -> None:
    assert [today({"tries": 3}, f"queue.{key}") for key in ("tries", "workers", "concurrency")] == [
        3,
        2,
        "off",
    ]
    assert today(None, "queue.max_depth") == "off"


def test_a_cell_is_another_one_by_its_queue() -> None:
    stage = small.stage(queue={})
    keys = {Cell(stage, settings, 1).key for settings in ({}, {"queue.workers": 3}, {"queue.workers": "off"})}
    assert len(keys) == 3
    assert Cell(stage, {"queue.workers": 2}, 1).key == Cell(stage, {}, 1).key  # what it is anyway


def test_queue_keys_stand_in_a_grid_beside_those_of_the_policy(tmp_path: Path) -> None:
    grid = '[grid]\n"queue.workers" = ["off", 2]\n"retry.attempts" = [1, 2]\n'
    text = f'mock_profile = "calm"\nsteady = {{ rate = 5, length = "20s" }}\n{grid}'
    spec = read_sweep(small.spec_file(tmp_path, text))
    assert [spec.stage.queue(settings) is None for settings in spec.settings] == [True, True, False, False]
    with pytest.raises(Exception, match=r"small\.toml: queue: unknown key 'wrokers', did you mean 'workers'"):
        read_sweep(small.spec_file(tmp_path, text.replace("queue.workers", "queue.wrokers")))


def test_a_study_may_seek_them(tmp_path: Path) -> None:
    text = (
        small.TUNE
        + '"queue.workers" = { choices = ["off", 1, 2] }\n"queue.max_depth" = { min = 5, max = 50 }\n'
    )
    spec = read_tune(small.spec_file(tmp_path, text))
    assert (spec.today["queue.workers"], spec.today["queue.max_depth"]) == ("off", "off")


def test_play_goes_through_a_queue_and_names_its_own_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = ["play", "--evening", "20s", "--mock-profile", "calm", "--run-dir", str(tmp_path)]
    assert main([*short, "--queue-workers", "2", "--queue-depth", "40"]) == 0
    assert "accepted by the queue" in capsys.readouterr().out
    assert main([*short, "--queue-workers", "0"]) == 2
    assert "--queue-workers = 0: expected a whole number from 1 to 1000" in capsys.readouterr().err
