"""The project gates itself: the evenings in tests/gate come to the figures that are committed beside them."""

from __future__ import annotations

import json
import platform
import re
from pathlib import Path

import pytest

from reports.__main__ import parser
from tests.reports.gate import made

ROOT = Path(__file__).parents[3]
SPECS = sorted((ROOT / "tests" / "gate").glob("*.toml"))
REMADE = "if the change is meant: python -m reports baseline --virtual tests/gate/X.toml -o tests/gate/X.json"


def test_there_are_specs_and_each_has_its_baseline() -> None:
    assert len(SPECS) == 3
    assert all(spec.with_suffix(".json").exists() for spec in SPECS)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.stem)
def test_behaviour_is_what_was_committed(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    baseline = spec.with_suffix(".json")
    python = json.loads(baseline.read_text())["versions"]["python"].rpartition(".")[0]
    if not platform.python_version().startswith(f"{python}."):
        pytest.skip(f"the baseline is of Python {python}")
    code = made.gate("--virtual", spec, "--baseline", baseline, "--jobs", 1)
    assert code == 0, f"{capsys.readouterr().out}\n{REMADE}"


@pytest.mark.parametrize("file", [".ci/run", ".github/workflows/ci.yml"])
def test_ci_gates_every_one_of_them(file: str) -> None:
    text = (ROOT / file).read_text()
    (command,) = re.findall(r"^ *\.venv/bin/python -m reports (gate .+)$", text, flags=re.MULTILINE)
    shown = command.replace('"$spec"', str(SPECS[0])).replace(
        '"${spec%.toml}.json"', str(SPECS[0].with_suffix(".json"))
    )

    assert "for spec in tests/gate/*.toml; do" in text
    assert parser().parse_args(shown.split()[:5]).virtual == SPECS[0]
