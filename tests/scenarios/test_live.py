"""The whole story in a browser: an evening is started, watched, struck by an outage, stopped and reported."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, FrameLocator, Page, expect, sync_playwright

from tests.reports.pages.browser import NAMES, executable
from tests.scenarios.running import mock_log, play, table
from tests.scenarios.test_web_ui import Ui, ask, web_ui

HERE = Path(__file__).parent
CALM = ("--mock-profile", "calm", "--policy", str(HERE / "brisk.toml"), "--evening", "5m", "--peak-rps", "30")

WIDTHS = (390, 1024, 1600)

#: What axe may find without anybody being shut out.
MILD = {"minor", "moderate"}

WAIT_MS = 30_000


@pytest.fixture
def browser() -> Iterator[Browser]:
    path = executable()
    if path is None:
        pytest.skip(f"no Chromium: none of {', '.join(NAMES)} in PATH (Debian: apt-get install chromium)")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def _opened(browser: Browser, url: str, said: list[str], width: int = 1600) -> Page:
    """A page of which every complaint is kept."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_default_timeout(WAIT_MS)
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("response", lambda answer: said.append(answer.url) if answer.status >= 400 else None)
    page.goto(url)
    return page


def _faults_of(page: Page) -> list[str]:
    """What axe finds that shuts people out."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] not in MILD]


def _number(live: FrameLocator | Page, name: str) -> float:
    figure = live.locator("#figures div", has=live.get_by_text(name, exact=True))
    text = figure.locator(".value span").inner_text().replace(",", "")
    return float(text) if re.fullmatch(r"[\d.]+", text) else 0.0


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("processes", [(), ("--processes", "2")], ids=["alone", "two workers"])
def test_the_story_of_an_outage(tmp_path: Path, browser: Browser, processes: tuple[str, ...]) -> None:
    said: list[str] = []
    with web_ui("primetime.py", *CALM, "--stream", *processes, runs=tmp_path) as ui:
        page = _opened(browser, ui.url, said)
        _start(page)
        live = page.frame_locator("iframe[title=Resilience]")
        _watch(live)
        _strike(live, workers=len(processes) or 1)
        _look_at_every_width(browser, ui, said)
        report = _stop(page, live)
        assert re.search(r"primetime", report.locator("h1").inner_text())

    assert said == []
    assert ui.played is not None
    ui.played.assert_whole()
    folder = ui.played.folder
    noted = [(row["text"], row["value"]) for row in table(folder, "events") if row["name"] == "fault"]
    assert noted == [("outage", 8.0)]
    struck = [row for row in mock_log(folder) if row["fault"] == "outage"]
    assert {row["status"] for row in struck} == {503}


def _start(page: Page) -> None:
    """The form says what is wrong with it, suggests what it knows, and starts."""
    rate = page.locator("form input[name=peakRps]")
    expect(rate).to_be_visible()  # the part of the form with our options has been unfolded
    known = page.locator("datalist#primetime-mock_profile option")
    assert {"calm", "primetime"} <= set(known.evaluate_all("all => all.map((one) => one.value)"))
    rate.fill("0")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_text("--peak-rps = 0.0: expected more than 0")).to_be_visible()
    rate.fill("30")
    assert _faults_of(page) == []
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_role("tab", name="Resilience")).to_have_attribute("aria-selected", "true")


def _watch(live: FrameLocator) -> None:
    """The evening moves."""
    expect(live.locator("#phase")).to_have_text("Playing", timeout=WAIT_MS)
    expect(live.locator("#figures")).to_contain_text("Served")
    clock = live.locator("#clock")
    before = clock.inner_text()
    expect(clock).not_to_have_text(before, timeout=WAIT_MS)
    expect(live.locator("#evening svg")).to_have_attribute(
        "aria-label", re.compile(r"served [1-9]"), timeout=WAIT_MS
    )
    assert _number(live, "Offered") > 0
    expect(live.locator("#policy-title")).to_contain_text("brisk")


def _strike(live: FrameLocator, workers: int) -> None:
    """An outage by keyboard: every breaker opens, and closes when it is over."""
    seconds = live.locator("form[data-kind=outage] input[name=seconds]")
    seconds.fill("8")
    seconds.press("Enter")
    expect(live.locator("#force")).to_contain_text("In force: outage")
    expect(live.locator("#workers .state[data-state=open]").first).to_be_visible(timeout=WAIT_MS)
    happened = live.get_by_role("log")
    expect(happened).to_contain_text("injected: outage, for 8 s")
    for worker in range(workers):
        expect(happened).to_contain_text(f"worker {worker}: breaker open")
        expect(happened).to_contain_text(f"worker {worker}: breaker closed", timeout=WAIT_MS)
    expect(live.locator("#workers .state[data-state=closed]")).to_have_count(workers, timeout=WAIT_MS)


def _look_at_every_width(browser: Browser, ui: Ui, said: list[str]) -> None:
    """Nothing sticks out at any width, and nobody is shut out by day or by night."""
    for width in WIDTHS:
        page = _opened(browser, f"{ui.url}/resilience/", said, width)
        for ground in ("light", "dark"):
            page.emulate_media(color_scheme=ground)
            expect(page.locator("html")).to_have_attribute(
                "data-theme", "night" if ground == "dark" else "day"
            )
            expect(page.locator("#breakers svg rect").first).to_be_attached()
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert _faults_of(page) == []
        chart = page.locator("#evening svg")
        chart.focus()
        now = chart.get_attribute("aria-label")
        chart.press("ArrowLeft")
        chart.press("ArrowLeft")
        expect(chart).not_to_have_attribute("aria-label", now or "")
        page.close()


def _stop(page: Page, live: FrameLocator) -> Page:
    """The run is stopped in Locust's own way; its report is one click away."""
    page.get_by_role("button", name="Stop").click()
    link = live.get_by_role("link", name="Open the report")
    expect(link).to_be_visible(timeout=2 * WAIT_MS)
    expect(live.locator("#phase")).to_have_text("Finished")
    expect(live.locator("form[data-kind=outage] button")).to_be_disabled()
    with page.expect_popup() as popup:
        link.click()
    return popup.value


WATCHED = """
import harness.bridge.session as session
from scenarios.steady import *

class Never:
    def __init__(self, *_):
        raise AssertionError("somebody looks on")

session.Teller = Never
"""


def test_a_run_that_nobody_can_look_at_makes_no_pulse(tmp_path: Path) -> None:
    scenario = tmp_path / "watched.py"
    scenario.write_text(WATCHED, encoding="utf-8")
    played = play(str(scenario), "--length", "2s", "--mock-profile", "instant", run_dir=tmp_path / "runs")
    played.assert_whole()
    assert "somebody looks on" not in played.err


def test_below_a_path_of_its_own_the_page_is_below_it_too(tmp_path: Path) -> None:
    with web_ui("steady.py", "--web-base-path", "/load", runs=tmp_path, path="/load/") as ui:
        assert 'src="./resilience/assets/tab.js"' in ask(ui.url)
        assert "<title>Resilience</title>" in ask(f"{ui.url}resilience/")
        assert json.loads(ask(f"{ui.url}resilience/state"))["phase"] == "ready"
