"""The workflow that users copy: it is YAML, its commands are ours, and they do what it says."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import reports
from reports import __main__ as cli
from reports.__main__ import parser
from tests.reports.virtual import small

FILE = Path(reports.__file__).parent / "gate" / "workflow.yml"
ROOT = Path(reports.__file__).parents[1]
JOBS: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["jobs"]
SCRIPTS = {step["name"]: step["run"] for job in JOBS.values() for step in job["steps"] if "run" in step}

SPEC = 'mock_profile = "calm"\n[steady]\nrate = 5\nlength = "10s"\n'


def commands() -> list[list[str]]:
    """Every call of ours, as words."""
    lines = [line.strip() for script in SCRIPTS.values() for line in script.splitlines()]
    return [
        shlex.split(line.partition(" || ")[0])[3:] for line in lines if line.startswith("python -m reports ")
    ]


def test_every_command_is_understood() -> None:
    found = [parser().parse_args(command) for command in commands()]

    assert [options.command for options in found] == ["gate", "gate"]
    exact, paired = found
    assert (exact.virtual, exact.baseline) == (Path("gate/evening.toml"), Path("gate/baseline.json"))
    assert (paired.ab, paired.pairs) == (["policy-before.toml", "policy.toml"], 8)


def test_its_paths_are_those_that_it_names() -> None:
    head = FILE.read_text(encoding="utf-8").partition("name: Gate")[0]
    assert all(name in head for name in ("gate/evening.toml", "gate/baseline.json", "policy.toml"))


def test_every_action_is_pinned_to_a_release() -> None:
    used = [step["uses"] for job in JOBS.values() for step in job["steps"] if "uses" in step]
    assert used
    assert all("@v" in action for action in used)


def script(name: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A step as the runner runs it: bash -e, in the checkout."""
    python = Path(sys.executable).parent
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", SCRIPTS[name]],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": f"{python}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), **environment},
    )


def test_the_behaviour_step_passes_and_leaves_its_summary(tmp_path: Path) -> None:
    (tmp_path / "gate").mkdir()
    spec = small.spec_file(tmp_path / "gate", SPEC, "evening.toml")
    baseline = tmp_path / "gate" / "baseline.json"
    assert cli.main(["baseline", "--virtual", str(spec), "-o", str(baseline), "--jobs", "1"]) == 0
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    done = script("The evening comes to the same figures", tmp_path, GITHUB_STEP_SUMMARY=str(summary))

    assert done.returncode == 0, done.stderr
    assert summary.read_text().startswith("before\n### Gate: pass\n")
    assert (tmp_path / "gate.xml").exists()


@pytest.mark.parametrize(("code", "ends"), [(0, 0), (1, 1), (2, 2), (3, 0)])
def test_the_real_time_step_fails_for_what_is_sure(tmp_path: Path, code: int, ends: int) -> None:
    ours = tmp_path / "bin"
    ours.mkdir()
    (ours / "python").write_text(f"#!/bin/sh\nexit {code}\n")
    (ours / "python").chmod(0o755)
    path = f"{ours}:{os.environ['PATH']}"
    done = script("Both policies, in turn", tmp_path, PATH=path, GITHUB_STEP_SUMMARY=str(tmp_path / "s"))

    assert done.returncode == ends
    assert ("::warning::" in done.stdout) is (code == 3)


def test_the_policy_before_is_taken_from_git(tmp_path: Path) -> None:
    assert shutil.which("git")
    who = ("-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "commit.gpgsign=false")
    (tmp_path / "policy.toml").write_text('preset = "article"\n')
    for arguments in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "base")):
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True)
    (tmp_path / "policy.toml").write_text('preset = "tuned"\n')
    done = script("The policy before", tmp_path, BASE="HEAD")

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "policy-before.toml").read_text() == 'preset = "article"\n'
