"""Pages of every sort as a real browser shows them."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from tests.reports.html_check import Page
from tests.reports.pages import hostile, measures
from tests.reports.pages.browser import DESK, PHONE, Chromium, Ground, Visit

SORTS = ("run", "real", "compare", "sweep", "tune", "hostile", "hostiles")
#: Whose pictures are to be read: names without an end are cut, and may stand over each other.
READ = SORTS[:-2]

#: What a page may weigh, in bytes: a run of three thousand calls takes some 400 kB.
MOST_BYTES = 900_000

#: The smallest text on a phone, in its pixels.
LEAST_PX = 11

#: What the page lies on.
GROUNDS = (("day", "rgb(245, 246, 247)"), ("night", "rgb(18, 22, 27)"))


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_a_page_is_quiet_loads_nothing_and_fits(
    chromium: Chromium, pages: dict[str, Path], sort: str, size: tuple[int, int]
) -> None:
    def look(visit: Visit) -> Any:
        return visit.said, visit.asked, visit.measure(measures.WIDTHS)

    said, asked, widths = chromium.visit(pages[sort], look, size=size)
    assert said == []
    assert {url for url in asked if url != "about:blank"} == {pages[sort].as_uri()}
    assert widths["page"] == size[0]
    assert widths["beyond"] == []


@pytest.mark.parametrize("sort", READ)
def test_text_is_large_enough_on_a_phone(chromium: Chromium, pages: dict[str, Path], sort: str) -> None:
    small = chromium.visit(pages[sort], lambda v: v.measure(measures.TEXTS), size=PHONE)
    assert len(small) > 50
    assert [text for text in small if text["px"] < LEAST_PX] == []


@pytest.mark.parametrize("sort", READ)
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_labels_of_pictures_stand_inside_and_apart(
    chromium: Chromium, pages: dict[str, Path], sort: str, size: tuple[int, int]
) -> None:
    found = chromium.visit(pages[sort], lambda v: v.measure(measures.LABELS), size=size)
    assert found["labels"] > 30
    assert found["outside"] == []
    assert found["overlapping"] == []


@pytest.mark.parametrize("sort", SORTS)
def test_keys_reach_every_stop_in_order(chromium: Chromium, pages: dict[str, Path], sort: str) -> None:
    def walk(visit: Visit) -> Any:
        stops = visit.measure(measures.STOPS)
        visited = []
        for _ in stops:
            visit.page.keyboard.press("Tab")
            visited.append(visit.measure(measures.FOCUSED))
        return stops, visited

    stops, visited = chromium.visit(pages[sort], walk, anew=True)
    assert [stop["what"] for stop in visited] == stops
    assert {"skip", "A", "SUMMARY"} <= {stop.split(":")[0] for stop in stops}
    assert [stop for stop in visited if not (stop["outlined"] and stop["seen"])] == []


def test_the_first_stop_leads_to_the_report(chromium: Chromium, pages: dict[str, Path]) -> None:
    def skip(visit: Visit) -> Any:
        visit.page.keyboard.press("Tab")
        visit.page.keyboard.press("Enter")
        return visit.measure("() => document.activeElement.id")

    assert chromium.visit(pages["run"], skip, anew=True) == "main"


def test_enter_opens_what_is_folded(chromium: Chromium, pages: dict[str, Path]) -> None:
    def unfold(visit: Visit) -> Any:
        details = visit.page.locator("#configuration details").first
        before = details.evaluate("d => [d.open, d.querySelector('dl').checkVisibility()]")
        details.locator("summary").focus()
        visit.page.keyboard.press("Enter")
        return before, details.evaluate("d => [d.open, d.querySelector('dl').checkVisibility()]")

    assert chromium.visit(pages["run"], unfold, anew=True) == ([False, False], [True, True])


@pytest.mark.parametrize("sort", READ)
@pytest.mark.parametrize(("ground", "colour"), GROUNDS)
def test_text_stands_out_from_its_ground(
    chromium: Chromium, pages: dict[str, Path], sort: str, ground: Ground, colour: str
) -> None:
    found = chromium.visit(pages[sort], lambda v: v.measure(measures.CONTRASTS), ground=ground)
    assert found["ground"] == colour
    assert len(found["texts"]) > 50
    assert [text for text in found["texts"] if text["ratio"] < 4.5] == []


@pytest.mark.parametrize("sort", READ)
def test_paper_is_white_unfolded_and_leads_nowhere(
    chromium: Chromium, pages: dict[str, Path], sort: str
) -> None:
    found = chromium.visit(pages[sort], lambda v: v.measure(measures.PAPER), ground="paper")
    assert found["ground"] == "rgb(255, 255, 255)"
    assert found["ink"] == "rgb(31, 41, 51)"
    assert found["links"] == []
    assert found["folded"] == []
    assert set(found["drawings"]) == {1}


@pytest.mark.parametrize("sort", ["hostile", "hostiles"])
def test_what_a_run_is_called_stays_text(chromium: Chromium, pages: dict[str, Path], sort: str) -> None:
    page = Page(pages[sort].read_text(encoding="utf-8"))
    assert page.wrong == []
    assert len(page.ids) == len(set(page.ids))
    for name in hostile.NAMES:
        assert name in page.text
    script = "() => [document.title, document.scripts.length, document.images.length]"
    title, scripts, images = chromium.visit(pages[sort], lambda v: v.measure(script))
    assert "<script>" in title
    assert (scripts, images) == (0, 0)


@pytest.mark.parametrize("sort", SORTS)
def test_a_page_has_one_title_headings_in_order_and_tables_that_say_what_they_are(
    chromium: Chromium, pages: dict[str, Path], sort: str
) -> None:
    found = chromium.visit(pages[sort], lambda v: v.measure(measures.STRUCTURE))
    levels = found["headings"]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert found["language"] == "en"
    assert found["unnamed"] == []
    assert found["broken"] == []
    assert found["parts"] == found["contents"]
    assert pages[sort].stat().st_size < MOST_BYTES
