"""What a study finds on a fitted profile is as good as what it finds on the true one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reports.virtual.cell import Cell, play_cell
from reports.virtual.stage import stage_of
from tests.reports.fit import made
from tests.reports.virtual import small

#: More is offered than the slots can serve: the wrong limits cost nine tenths of what the best let through.
LOAD = {"rate": 36, "length": "60s"}
GOODPUT = ["call_latency:5000"]
HELD_OUT = (101, 102, 103, 104)

#: Of an API that also fails now and then.
FAILURES = """\
[[request_faults]]
action = "status"
status = 500
probability = 0.02
[[request_faults]]
action = "hang"
probability = 0.005
"""

STUDY = """\
policy = "tuned"
mock_profile = "{profile}"
seeds = [1, 2, 3, 4]
first_seeds = 2
held_out = [11]
trials = 20
objectives = ["goodput"]
goodput = ["call_latency:5000"]
[steady]
rate = 36
length = "60s"
[range]
"concurrency.kind" = {{ choices = ["static"] }}
"concurrency.limit" = {{ min = 20, max = 150, log = true }}
"admission.max_waiting" = {{ min = 5, max = 200, log = true }}
"retry.attempts" = {{ min = 1, max = 5 }}
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_study_of_the_fitted_profile_serves_as_much(tmp_path: Path) -> None:
    true, fitted = tmp_path / "hidden-7.toml", tmp_path / "my-api.toml"
    folder = made.play(tmp_path, made.KNEE + FAILURES, seed=7, steady={"rate": 24, "length": "300s"})
    assert small.run("fit", folder, "-o", fitted)[0] == 0
    served = {
        name: _served(true, _picked(tmp_path, name, profile))
        for name, profile in (("true", true), ("fitted", fitted))
    }
    assert served["fitted"] >= 0.95 * served["true"], served
    bad = {"concurrency.kind": "static", "concurrency.limit": 40, "admission.max_waiting": 200}
    assert _served(true, bad) < 0.5 * served["fitted"]


def _picked(folder: Path, name: str, profile: Path) -> dict[str, Any]:
    """The settings that a study on a profile chose."""
    spec = small.spec_file(folder, STUDY.format(profile=profile), f"{name}.toml")
    code, _, err = small.run("tune", spec, "--out", folder / name, "--jobs", 2)
    assert code == 0, err
    told = json.loads((folder / name / "tune.json").read_text(encoding="utf-8"))
    settings: dict[str, Any] = told["winner"]["settings"]
    return settings


def _served(profile: Path, settings: dict[str, Any]) -> float:
    """Goodput of these settings on the true API, over evenings that no study has seen."""
    document = {"policy": "tuned", "mock_profile": str(profile), "goodput": GOODPUT, "steady": LOAD}
    stage = stage_of(document, profile.parent)
    cells = [play_cell(Cell(stage, settings, seed)) for seed in HELD_OUT]
    return float(sum(cell["request_goodput"] for cell in cells) / len(cells))
