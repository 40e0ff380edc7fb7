"""The preset `tuned` is what its study found, and the study is there."""

from __future__ import annotations

import json
from pathlib import Path

import reports
from harness.policy.parse import values
from harness.policy.presets import TUNED
from reports.tune.spec import read_tune

FOLDER = Path(reports.__file__).parent / "experiments"
RESULT = json.loads((FOLDER / "tuned-preset.result.json").read_text(encoding="utf-8"))

#: Not of the study: its attempt timeout was longer than its deadline, and would never have come to bear.
BY_HAND = ("attempt_timeout_s", "first_token_timeout_s")


def test_the_preset_is_the_winner_of_its_study() -> None:
    spec = read_tune(FOLDER / "tuned-preset.toml")
    assert RESULT["winner"]["settings"].keys() == {sought.key for sought in spec.ranges}
    found, preset = values(spec.stage.policy(RESULT["winner"]["settings"])), values(TUNED)
    assert found["attempt_timeout_s"] > found["deadline_s"]
    assert preset["first_token_timeout_s"] < preset["attempt_timeout_s"] < preset["deadline_s"]
    assert {**found, **{key: preset[key] for key in BY_HAND}, "name": "tuned"} == preset


def test_the_result_is_of_the_study_as_it_stands_and_says_what_it_claims() -> None:
    spec = read_tune(FOLDER / "tuned-preset.toml")
    assert RESULT["stages"] == [stage.document() for stage in spec.stages]
    assert (RESULT["seeds"], RESULT["held_out_seeds"]) == (list(spec.seeds), list(spec.held_out))
    assert RESULT["constraints"] == [constraint.text for constraint in spec.constraints]
    assert len(RESULT["trials"]) >= spec.trials
    goodput = RESULT["held_out"]["goodput"]
    assert goodput["better_by"] > goodput["half_width_95"] > 0
    assert goodput["winner"] > 1.15 * goodput["today"]
