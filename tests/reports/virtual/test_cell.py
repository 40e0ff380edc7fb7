"""A cell's figures are those of the same run played into a folder and read back; its key says what it is."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.errors import ConfigError
from harness.policy_file import load_policy
from reports.__main__ import main
from reports.errors import CellError
from reports.reading.load import read_run
from reports.summary.result import summarise
from reports.virtual import cell as cells
from reports.virtual.cell import Cell, figures_of, play_cell
from reports.virtual.folder import play_into
from reports.virtual.stage import Stage
from tests.reports.virtual import small

#: Of a cell, and of no summary.
ONLY_CELLS = {"settings", "billed_tokens", "time_to_recover_s", "course"}

#: Ten seconds of trouble, in which breakers open and calls wait; and streams that break.
PROFILE = """
[[request_faults]]
name = "trouble"
action = "status"
status = 503
probability = 0.9
from_s = 10
to_s = 20
[[request_faults]]
name = "broken"
action = "reset_mid"
probability = 0.05
"""


def troubled(folder: Path, *, policy: str = "article", **keys: Any) -> Stage:
    """Forty seconds with an outage in them."""
    (folder / "trouble.toml").write_text(PROFILE, encoding="utf-8")
    steady = {"rate": 8, "length": "40s"}
    return small.stage(folder, mock_profile="trouble.toml", policy=policy, steady=steady, **keys)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("policy", ["article", "tuned"])
def test_a_cell_comes_to_what_the_run_folder_does(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    policy: str,
    stream: bool,  # noqa: FBT001
) -> None:
    goodput = {"goodput": ["call_latency:15000", "ttft:5000"]} if stream else {}
    stage = troubled(tmp_path, policy=policy, stream=stream, **goodput)
    monkeypatch.setattr(cells, "PART_EVENTS", 100)  # a dozen parts
    found = play_cell(Cell(stage, {"retry.attempts": 2}, 3))
    folder = play_into(stage, stage.policy({"retry.attempts": 2}), 3, tmp_path)
    run = read_run(folder)
    summary = summarise(run, stage.objectives)
    shared = found.keys() & summary.keys()
    assert found.keys() - shared == ONLY_CELLS
    assert {key: found[key] for key in shared} == {key: summary[key] for key in shared}
    assert summary["degraded"] == []
    assert found["calls"] > 250
    assert found["outcomes"]["ok"] < found["calls"]
    assert (found["ttft_ms"] is not None) is stream
    # And what is asked of a run in real time is the same again, but for what only the provider knows.
    assert figures_of(stage, run) == {**found, "settings": {}, "billed_tokens": None}


def test_a_cell_tells_of_its_recovery_and_its_course(tmp_path: Path) -> None:
    stage = troubled(tmp_path)
    assert stage.cleared_s == 20.0  # the one window of faults that ends within the run
    found = play_cell(Cell(stage, {}, 1))
    course = found["course"]
    assert (course["bin_s"], len(course["offered"])) == (5.0, 8)
    assert sum(course["offered"]) == found["calls"]
    assert sum(course["good"]) == found["good_calls"]
    bad = [i for i in range(4, 8) if course["good"][i] < 0.95 * course["offered"][i]]
    expected = "inf" if bad and bad[-1] == 7 else 5.0 * (bad[-1] + 1) - 20.0 if bad else 0.0
    assert found["time_to_recover_s"] == expected


def test_without_trouble_there_is_nothing_to_recover_from() -> None:
    found = play_cell(Cell(small.stage(), {}, 1))
    assert found["time_to_recover_s"] is None
    assert found["billed_tokens"] > found["tokens"]["completion"] > 0


def test_a_load_on_which_nobody_calls_is_played_all_the_same() -> None:
    found = play_cell(Cell(small.stage(steady={"rate": 0.001, "length": "1s"}), {}, 1))
    assert (found["calls"], found["good_calls"], found["amplification"]) == (0, 0, None)


def test_settings_that_are_no_policy_are_refused_before_anything_is_played() -> None:
    with pytest.raises(ConfigError, match=r"concurrency\.limit = 0: expected at least 1"):
        _ = Cell(small.stage(), {"concurrency.limit": 0}, 1).key


def test_a_run_that_fails_says_which_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ConfigError("no such thing")

    monkeypatch.setattr(cells, "play", fail)
    with pytest.raises(CellError, match=r"^seed 4, {'retry\.attempts': 2}: no such thing$"):
        play_cell(Cell(small.stage(), {"retry.attempts": 2}, 4))


def key(settings: dict[str, Any], seed: int = 1, **keys: Any) -> str:
    return Cell(small.stage(**keys), settings, seed).key


def test_keys_are_of_what_is_played_however_it_is_written() -> None:
    assert key({"retry.attempts": 3}) == key({"retry.attempts": 3})
    assert key({"retry.attempts": 3, "retry.cap_s": 5}) == key({"retry.cap_s": 5.0, "retry.attempts": 3})
    assert key({}, policy="tuned") == key({"preset": "tuned"}, policy="article")
    assert key({}) == key({"retry.attempts": load_policy("tuned").retry.attempts})  # its own value


@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        ({"retry.attempts": 4}, {}),
        ({}, {"seed": 2}),
        ({}, {"mock_profile": "instant"}),
        ({}, {"steady": {"rate": 6, "length": "20s"}}),
        ({}, {"steady": {"rate": 5, "length": "20s", "arrivals": "constant"}}),
        ({}, {"steady": {"rate": 5, "length": "20s", "cleared": "5s"}}),
        ({}, {"goodput": ["call_latency:9000"]}),
        ({}, {"stream": True}),
    ],
)
def test_keys_differ_where_anything_is_played_or_judged_otherwise(
    settings: dict[str, Any], changes: dict[str, Any]
) -> None:
    assert key(settings, **changes) != key({})


PLAY_ONE = """
import json, sys
from pathlib import Path
from reports.virtual.cell import Cell, play_cell
from reports.virtual.stage import stage_of
spec = {"mock_profile": "primetime", "stream": True, "evening": {"length": "40s", "peak_rps": 10}}
print(json.dumps(play_cell(Cell(stage_of(spec, Path()), {}, 5)), sort_keys=True))
"""


def figures_under(**environment: str) -> str:
    """What a process of its own comes to, in such an environment."""
    done = subprocess.run(
        [sys.executable, "-c", PLAY_ONE],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    return done.stdout


@pytest.fixture(scope="module")
def usual() -> str:
    """The figures of that cell as they are here."""
    return figures_under(PYTHONHASHSEED="1")


def newer_vector_instructions() -> list[str]:
    """What NumPy would use of this processor beyond what it always does."""
    umath: Any = importlib.import_module("numpy._core._multiarray_umath")  # there is no public list

    has: dict[str, bool] = umath.__cpu_features__
    return [name for name in umath.__cpu_dispatch__ if has.get(name)]


def test_the_processor_s_newer_instructions_change_no_figure(usual: str) -> None:
    newer = newer_vector_instructions()
    if not newer:
        pytest.skip("this processor has none")
    assert figures_under(NPY_DISABLE_CPU_FEATURES=",".join(newer)) == usual


def test_figures_do_not_depend_on_how_python_hashes(usual: str) -> None:
    assert figures_under(PYTHONHASHSEED="2") == usual


def test_a_virtual_run_leaves_a_folder_that_every_report_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--evening", "20s", "--peak-rps", "5", "--mock-profile", "calm", "--run-dir", str(tmp_path)]
    for policy in ("tuned", "article"):
        assert main(["play", "--policy", policy, *options]) == 0
    capsys.readouterr()
    folders = [tmp_path / f"virtual-primetime-{policy}-seed1" for policy in ("tuned", "article")]
    for folder in folders:
        said = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        assert (folder / "report.html").exists()
        assert main(["summarise", str(folder), "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == said
        assert said["degraded"] == []
    assert main(["html", str(folders[0]), "-o", str(tmp_path / "again.html")]) == 0
    assert (tmp_path / "again.html").read_bytes() == (folders[0] / "report.html").read_bytes()
    assert main(["compare", *map(str, folders)]) == 0


def test_playing_again_takes_another_folder_with_the_same_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["play", "--evening", "20s", "--peak-rps", "5", "--run-dir", str(tmp_path), "--json"]
    figures = []
    for _ in range(2):
        assert main(command) == 0
        figures.append(msgspec.json.decode(capsys.readouterr().out))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "virtual-primetime-tuned-seed1",
        "virtual-primetime-tuned-seed1-2",
    ]
    assert figures[0] == figures[1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--policy", "tund"], "unknown policy preset 'tund', did you mean 'tuned'"),
        (["--policy", "none.toml"], "policy = 'none.toml': no such file"),
        (["--mock-profile", "clam"], "--mock-profile = 'clam': expected one of"),
        (["--mock-profile", "none.toml"], "--mock-profile = 'none.toml': no such file"),
        (["--window", "20:00"], "window = '20:00': expected two times of the clock"),
        (["--evening", "soon"], "expected a length of time such as 90s, 3m or 1h30m"),
        (["--evening", "9" * 400 + "h"], "expected a year at most"),
        (["--peak-rps", "-1"], "--peak-rps = -1.0: expected a number from 0.001 to 100000"),
        (["--peak-rps", "nan"], "--peak-rps = nan: expected a number from 0.001 to 100000"),
        (["--peak-rps", "many"], "invalid float value: 'many'"),
        (["--peak-rps", "100000", "--evening", "5h"], "arrivals in 18000 s: expected at most 20,000,000"),
        (["--arrivals", "closed"], "expected one of poisson, gamma, constant (a closed loop hides"),
        (["--goodput", "fast"], "goodput fast: expected METRIC:MILLISECONDS"),
        (["--goodput", "ttft:300"], "only a stream has it"),
        (["--seed", "1.5"], "invalid int value: '1.5'"),
        (["--run-dir", "{file}"], "cannot make a run folder there"),
        (["--stream", "no"], "unrecognized arguments: no"),
    ],
)
def test_bad_options_of_play_end_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    (tmp_path / "file").write_text("")
    given = [option.format(file=tmp_path / "file") for option in options]
    assert main(["play", "--run-dir", str(tmp_path / "runs"), *given]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("reports: error: ")
    assert said in err
    assert err.count("\n") == 1
    assert not (tmp_path / "runs").exists()
