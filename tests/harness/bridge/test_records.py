"""Where a process keeps its records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.bridge.plan import Plan
from harness.bridge.records import Records

RUN = "20261126T120000-steady-tuned"


def plan(folder: Path) -> Plan:
    return Plan(RUN, str(folder), 42, "http://192.0.2.7", ["a", "b"], 1, True, 1.0, False, {}, "")


def manifest(folder: Path, started_unix_ns: int) -> None:
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"run": RUN, "started_unix_ns": started_unix_ns}))


def lose(_: dict[str, Any]) -> None:
    """The master does not hear it."""


def test_a_worker_that_sees_the_run_s_manifest_writes_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / RUN
    manifest(folder, 42)
    records = Records(plan(folder), 1, 0, lose)
    assert records.close() == ""
    assert not records.sent
    assert {path.parent for path in records.paths} == {folder}


def test_one_that_does_not_makes_the_folder_on_its_own_host_and_sends(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / RUN
    records = Records(plan(folder), 1, 0, lose)
    assert records.close() == ""
    assert records.sent
    assert {path.parent for path in records.paths} == {folder}


def test_a_folder_of_another_run_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / RUN
    manifest(folder, 41)
    records = Records(plan(folder), 1, 0, lose)
    assert records.close() == ""
    assert records.sent
    (kept,) = {path.parent for path in records.paths}
    assert kept.name.startswith(f"{RUN}-")
    assert [path.name for path in folder.iterdir()] == ["manifest.json"]


def test_who_made_the_run_s_folder_sends_to_nobody(tmp_path: Path) -> None:
    records = Records(plan(tmp_path), 0, 0, None)
    assert records.close() == ""
    assert not records.sent
