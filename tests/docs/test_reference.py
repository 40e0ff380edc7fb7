"""The reference is what the code says today."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.docs.reference.expectations import expected, known
from tests.docs.reference.markdown import prose, table, value
from tests.scenarios.running import ROOT, environment


def test_every_page_is_current() -> None:
    # In a process of its own: the scenarios bring Locust, which patches the whole process.
    done = subprocess.run(
        [sys.executable, "-m", "tests.docs.reference", "--check"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nrun: python -m tests.docs.reference"
    assert not done.stdout


def test_every_page_is_written_by_it_and_says_so() -> None:
    pages = sorted((ROOT / "docs" / "reference").glob("*.md"))

    assert [page.stem for page in pages] == [
        "columns",
        "commands",
        "metrics",
        "outcomes",
        "policy",
        "profile",
        "specs",
    ]
    assert all("python -m tests.docs.reference" in page.read_text(encoding="utf-8") for page in pages)


def test_what_is_expected_is_what_the_error_says() -> None:
    def read(value: object) -> None:
        if value != 3:
            raise ValueError(f"n = {value}: expected a number up to 1e+06")

    assert expected(read, 3, 4) == "a number up to 1000000"
    with pytest.raises(AssertionError, match="was taken"):
        expected(read, 3)


def test_known_keys_are_those_of_the_error() -> None:
    def read(table: object) -> None:
        raise ValueError("unknown key ?; known here: rpm, tpm")

    assert known(read) == ["rpm", "tpm"]


def test_a_cell_cannot_break_its_row() -> None:
    assert table(["a"], [["x|y\nz"]]) == "| a |\n| --- |\n| x\\|y z |\n"


@pytest.mark.parametrize(
    ("found", "written"),
    [
        (None, ""),
        (True, "`true`"),
        (2.50, "`2.5`"),
        (7, "`7`"),
        ("off", '`"off"`'),
        (("a", "b"), '`["a", "b"]`'),
    ],
)
def test_a_setting_is_written_as_in_toml(found: object, written: str) -> None:
    assert value(found) == written


def test_a_docstring_keeps_its_paragraphs() -> None:
    def documented() -> None:
        """One
        sentence.

        Another.
        """

    assert prose(documented) == "One sentence.\n\nAnother.\n"
