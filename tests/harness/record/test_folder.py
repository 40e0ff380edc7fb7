"""The run folder: its name, its manifest and its ending."""

import json
from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.policy.parse import values
from harness.policy.presets import preset
from harness.record.folder import Ending, Manifest, check_writable, create, write_ending, write_manifest
from harness.record.schema import SCHEMA_VERSION

# 2026-11-23 20:15:30.25 UTC
STARTED_NS = 1_795_464_930_250_000_000

MANIFEST = Manifest(
    run="r",
    scenario="primetime",
    started_unix_ns=STARTED_NS,
    seed=42,
    workers=2,
    policy={"name": "tuned", "values": values(preset("tuned")), "per_worker": []},
    schedule={"scenario": "primetime", "arrivals": "gamma", "peak_rps": 20.0, "window": "19:30-20:30"},
    target={"host": "http://127.0.0.1:8000", "bundled": True, "profile": "primetime"},
    options={"transport": "httpx", "ร้าน": "กาแฟ"},
)


def test_a_folder_is_named_for_time_scenario_and_policy(tmp_path: Path) -> None:
    folder = create(tmp_path / "deep" / "runs", "primetime", "tuned", STARTED_NS)
    assert folder == tmp_path / "deep" / "runs" / "20261123T201530-primetime-tuned"
    assert folder.is_dir()


def test_names_are_never_taken_twice(tmp_path: Path) -> None:
    folders = [create(tmp_path, "steady", "naive", STARTED_NS) for _ in range(4)]
    base = "20261123T201530-steady-naive"
    assert [folder.name for folder in folders] == [base, f"{base}-2", f"{base}-3", f"{base}-4"]


def test_a_folder_made_by_another_run_in_the_same_moment_is_stepped_around(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(tmp_path, "steady", "naive", STARTED_NS)
    # The other run makes it between the look and the making.
    monkeypatch.setattr(Path, "exists", lambda _: False)
    assert create(tmp_path, "steady", "naive", STARTED_NS).name.endswith("-2")


def test_where_nothing_can_be_written_is_a_config_error(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    for run_dir in (blocked, blocked / "runs"):
        with pytest.raises(ConfigError, match=r"--run-dir .*file.*: cannot make a run folder there: "):
            create(run_dir, "steady", "naive", STARTED_NS)
        with pytest.raises(ConfigError, match=r"--run-dir .*file.*: cannot be written: "):
            check_writable(run_dir)


def test_checking_leaves_nothing_behind(tmp_path: Path) -> None:
    check_writable(tmp_path / "runs")
    assert list((tmp_path / "runs").iterdir()) == []


def test_the_manifest_says_what_was_run(tmp_path: Path) -> None:
    write_manifest(tmp_path, MANIFEST)
    document = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert document["schema_version"] == SCHEMA_VERSION
    assert document["started"] == "2026-11-23T20:15:30.250+00:00"
    assert (document["seed"], document["workers"], document["run"]) == (42, 2, "r")
    assert document["policy"]["values"]["breaker"]["kind"] == "ratio"
    assert document["policy"]["values"]["retry"]["on"] == list(preset("tuned").retry.on)
    assert document["options"] == {"transport": "httpx", "ร้าน": "กาแฟ"}
    assert {"httpx", "pyarrow", "tenacity"} <= set(document["versions"])
    assert set(document["machine"]) == {"python", "system", "release", "machine", "model", "cpus"}


def test_the_manifest_has_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-the-manifest")
    write_manifest(tmp_path, MANIFEST)
    text = (tmp_path / "manifest.json").read_text(encoding="utf-8")
    assert "sk-not-for-the-manifest" not in text
    assert "OPENAI_API_KEY" not in text


def test_an_ending_is_written_whole(tmp_path: Path) -> None:
    ending = Ending("stopped", 10, 20, {"0": 5, "1": 4}, {"0": 5, "1": 3}, ["worker 1 lost a call"])
    write_ending(tmp_path, ending)
    assert [path.name for path in tmp_path.iterdir()] == ["ending.json"]
    assert json.loads((tmp_path / "ending.json").read_text(encoding="utf-8")) == {
        "reason": "stopped",
        "arrivals_end_ns": 10,
        "end_ns": 20,
        "scheduled": {"0": 5, "1": 4},
        "recorded": {"0": 5, "1": 3},
        "degraded": ["worker 1 lost a call"],
        "elsewhere": {},
        "spent": None,
    }
