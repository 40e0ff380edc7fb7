"""What is said of files that are not there."""

from pathlib import Path

import pytest

from harness.files import near, why


def test_a_missing_file_has_the_nearest_name_beside_it(tmp_path: Path) -> None:
    (tmp_path / "prices.toml").touch()
    (tmp_path / "policy.toml").touch()
    assert near(tmp_path / "price.toml") == f", did you mean '{tmp_path}/prices.toml'?"
    assert near(tmp_path / "something-else.csv") == ""
    assert near(tmp_path / "no" / "such" / "prices.toml") == ""


def test_of_runs_that_are_as_near_the_newest_is_meant(tmp_path: Path) -> None:
    for day in (24, 26, 25):
        (tmp_path / f"202611{day}T070000-primetime-tuned").mkdir()
    assert near(tmp_path / "202611T070000-primetime-tuned").endswith("/20261126T070000-primetime-tuned'?")


def test_why_names_a_neighbour_only_for_what_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "spec.toml"
    file.touch()
    with pytest.raises(FileNotFoundError) as missing:
        (tmp_path / "spek.toml").read_bytes()
    assert why(missing.value, missing.value.filename) == f"No such file or directory, did you mean '{file}'?"
    with pytest.raises(IsADirectoryError) as folder:
        tmp_path.read_bytes()
    assert why(folder.value, tmp_path) == "Is a directory"


def test_why_says_what_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "spec.toml"
    file.write_bytes(b"\xff")
    with pytest.raises(UnicodeDecodeError) as caught:
        file.read_text(encoding="utf-8")
    assert "invalid start byte" in why(caught.value, file)
