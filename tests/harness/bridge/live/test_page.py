"""The page's files: served from here, drawn in the colours of the reports."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from harness.model import Outcome
from reports.drawing import theme

PAGE = resources.files("harness.bridge.live") / "page"
FILES = ("index.html", "page.css", "page.js", "pictures.js", "panel.js", "chart.js", "tab.js", "theme.js")


def test_these_are_all() -> None:
    assert {file.name for file in PAGE.iterdir()} == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_fetched_from_elsewhere(name: str) -> None:
    assert not re.search(r"https?://|//cdn|@import", (PAGE / name).read_text(encoding="utf-8"))


def test_its_colours_are_those_of_the_reports_by_day_and_by_night() -> None:
    css = (PAGE / "page.css").read_text(encoding="utf-8")
    every = {**theme.GROUNDS, **theme.DRAWN, **theme.FILLS}
    day, night = (dict(re.findall(r"--([\w-]+):(#\w{6})", block)) for block in _grounds(css))
    assert set(day) == set(night)
    assert day == {name: every[name][0] for name in day}
    assert night == {name: every[name][1] for name in night}


def test_every_variable_that_is_used_is_defined() -> None:
    css = (PAGE / "page.css").read_text(encoding="utf-8")
    defined = set(re.findall(r"--([\w-]+):", css))
    used = {name for file in FILES for name in re.findall(r"var\(--([a-z-]+)\)", (PAGE / file).read_text())}
    assert used <= defined | {"hue"}


def test_every_outcome_has_its_place_and_its_colour() -> None:
    script = (PAGE / "pictures.js").read_text(encoding="utf-8")
    listed = re.search(r"const OUTCOMES = \[(.*?)\];", script)
    assert listed is not None
    assert set(re.findall(r'"(\w+)"', listed[1])) == {outcome.value for outcome in Outcome}
    assert {outcome.value for outcome in Outcome} <= set(
        re.findall(r"--([\w-]+):", (PAGE / "page.css").read_text())
    )


def _grounds(css: str) -> tuple[str, str]:
    found = re.findall(r":root(?:\[data-theme=night\])? \{(.*?)\}", css, re.DOTALL)
    assert len(found) == 2
    return found[0], found[1]
