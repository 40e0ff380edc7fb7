"""What a page says to do is done, in its order, and prints what the page shows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import HOW_TO, README, TUTORIAL, name, steps
from tests.docs.walking import assert_as_told, hurried, is_repeated, laid_out, walk
from tests.scenarios.running import ROOT, environment

#: The tutorial is a stranger's, below.
WALKED = [README, *HOW_TO]


def cases() -> list[object]:
    """The how-to pages that play evenings in real time take a while, however short these are made."""
    real = [
        page
        for page in HOW_TO
        if any("locust -f" in step.commands for step in steps(page) if is_repeated(step))
    ]
    return [pytest.param(page, marks=[pytest.mark.slow] * (page in real), id=name(page)) for page in WALKED]


@pytest.mark.parametrize("page", cases())
@pytest.mark.timeout(300)
def test_every_step_of_a_page_works(page: Path, tmp_path: Path) -> None:
    folder = laid_out(tmp_path / "clone")
    path = f"{folder / '.venv' / 'bin'}:{os.environ['PATH']}"
    where = environment() | {"PYTHONPATH": str(ROOT), "PATH": path}

    assert_as_told(walk([hurried(step) for step in steps(page)], folder, tmp_path / "notes", where, 280))


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_a_stranger_gets_from_nothing_to_the_end_of_the_tutorial(tmp_path: Path) -> None:
    """A new clone, a new venv, an empty home, and only what the tutorial says."""
    clone = cloned(tmp_path / "clone")
    (tmp_path / "home").mkdir()
    kept = {key: value for key, value in os.environ.items() if key.startswith(("PIP_", "SSL_"))}
    path = f"{sys.base_prefix}/bin:{os.defpath}"
    where = kept | {"PATH": path, "HOME": str(tmp_path / "home"), "LANG": "C.UTF-8"}

    walked = walk(steps(TUTORIAL), clone, tmp_path / "notes", where, 2300)

    for done in walked:
        print(f"{done.took_s:7.1f} s  {done.step.lines[0]}")  # noqa: T201 - for -s, and for whoever sees it fail
    assert_as_told(walked)


def cloned(to: Path) -> Path:
    """What is committed; a tree that git does not clone, without its history or another's, is copied."""
    if subprocess.run(["git", "clone", "-q", str(ROOT), str(to)], check=False).returncode:
        shutil.copytree(ROOT, to, ignore=shutil.ignore_patterns(".*", "runs", "*.egg-info", "__pycache__"))
    return to
