"""A virtual run's folder, and a policy's table as the file that reads back as it."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import ConfigError
from harness.policy.parse import parse
from harness.policy_file import load_policy
from harness.record import folder as run_folder
from reports.virtual.folder import play_into
from reports.virtual.policy_toml import policy_toml
from tests.reports.virtual import small


def test_a_folder_says_what_was_played(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stage = small.stage(policy="article", stream=True)
    folder = play_into(stage, stage.policy({}), 4, tmp_path / "deep" / "runs")
    assert folder.name == "virtual-steady-article-seed4"
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["seed"], manifest["workers"], manifest["policy"]["name"]) == (4, 1, "article")
    assert manifest["target"]["profile"] == "calm"
    assert manifest["generator"] == {"transport": "sim", "stream": True, "virtual": True}
    assert (manifest["schedule"]["rate"], manifest["schedule"]["duration_s"]) == (5.0, 20.0)
    ending = json.loads((folder / "ending.json").read_text(encoding="utf-8"))
    assert ending["scheduled"] == ending["recorded"]
    assert ending["arrivals_end_ns"] == 20_000_000_000
    assert capsys.readouterr().err.splitlines()[-1] == "4 of 4 steps of the evening"


def test_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    names = [run_folder.make(tmp_path, "run").name for _ in range(3)]
    assert names == ["run", "run-2", "run-3"]


def test_a_place_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"--run-dir .*/file: cannot make a run folder there: "):
        run_folder.make(tmp_path / "file", "run")


_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_SCALARS = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | _TEXTS
_VALUES = _SCALARS | st.lists(_SCALARS, max_size=3)
_KEYS = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)
_SECTIONS = st.dictionaries(_KEYS, _VALUES, max_size=3)


@given(st.dictionaries(_KEYS, _VALUES | _SECTIONS, max_size=5), st.lists(_TEXTS, max_size=2))
def test_a_table_is_read_back_as_it_was(table: dict[str, Any], remarks: list[str]) -> None:
    assert tomllib.loads(policy_toml(table, remarks)) == table


def test_a_policy_is_read_back_as_it_was(tmp_path: Path) -> None:
    table = {
        "retry": {"on": ["timeout", "transient.connect"], "attempts": 2},
        "preset": "article",  # a key of the top level stands above the sections, wherever it came
        "deadline_s": "off",
        "rate": {"rpm": 600, "sync": True},
        "fallback": {"model": 'a "b" \\ c\n\x7fไทย'},
    }
    path = tmp_path / "mine.toml"
    path.write_text(policy_toml(table, ["found so"]), encoding="utf-8")
    assert load_policy(str(path)) == parse(table, "mine")
    assert path.read_text(encoding="utf-8").startswith('# found so\npreset = "article"\ndeadline_s = "off"\n')
