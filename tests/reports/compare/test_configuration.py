from pathlib import Path

from reports.compare.configuration import differences, settings
from reports.reading.load import read_run
from tests.reports import runs


def test_only_what_differs_is_listed_and_what_one_lacks_is_a_dash() -> None:
    each = [{"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "20"}, {"a": "1", "b": "2", "c": "3"}]
    assert differences(each) == [["b", "2", "20", "2"], ["c", "3", "–", "3"]]


def test_runs_of_the_same_settings_differ_in_nothing(tmp_path: Path) -> None:
    read = [read_run(runs.paper_run(tmp_path / name)) for name in ("one", "other")]
    assert differences([settings(run) for run in read]) == []


def test_the_seed_the_policy_and_the_schedule_are_settings(tmp_path: Path) -> None:
    found = settings(read_run(runs.paper_run(tmp_path / "run", seed=5)))
    assert found["seed"] == "5"
    assert found["policy.name"] == "tuned"
    assert found["policy.retry.attempts"] == "3"
    assert found["schedule.arrivals"] == "constant"
    assert not any("curve" in name for name in found)
