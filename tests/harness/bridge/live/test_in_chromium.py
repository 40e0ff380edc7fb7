"""The page in a browser, its answers those of the blueprint."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, Route, expect, sync_playwright

from harness.bridge.live.blueprint import blueprint
from harness.bridge.live.live import Live
from harness.play.pulse import Pulse
from tests.harness.bridge.live.test_blueprint import Everybody, Mock, conductor_of
from tests.reports.pages.browser import NAMES, PHONE, executable

HOST = "http://localhost"
PAGE = f"{HOST}/resilience/"

WAIT_MS = 30_000

#: How far texts of the charts stick out of their drawings, in pixels.
STICK_OUT = """() => [...document.querySelectorAll(".chart svg text")].flatMap((text) => {
  const [inner, outer] = [text.getBoundingClientRect(), text.ownerSVGElement.getBoundingClientRect()];
  const out = Math.max(outer.left - inner.left, inner.right - outer.right);
  return out > 1 ? [`${text.textContent}: ${Math.round(out)}`] : [];
})"""


@pytest.fixture
def live() -> Live:
    return Live(lambda *_: None)


@pytest.fixture
def page(live: Live) -> Iterator[Page]:
    path = executable()
    if path is None:
        pytest.skip(f"no Chromium: none of {', '.join(NAMES)} in PATH (Debian: apt-get install chromium)")
    app = Flask(__name__)
    app.register_blueprint(blueprint(live, Everybody(), ""))
    client = app.test_client()

    def answer(route: Route) -> None:
        asked = route.request
        with client.open(
            asked.url.removeprefix(HOST), method=asked.method, data=asked.post_data, headers=asked.headers
        ) as told:
            route.fulfill(status=told.status_code, body=told.get_data(), content_type=told.content_type)

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": PHONE[0], "height": PHONE[1]})
        page.route(f"{HOST}/**", answer)
        yield page
        browser.close()


def test_what_the_panel_said_in_one_run_is_gone_in_the_next(tmp_path: Path, live: Live, page: Page) -> None:
    said = page.locator("#said")
    for run in ("first", "second"):
        (tmp_path / run).mkdir()
        live.begin(conductor_of(tmp_path / run), Mock())
        if run == "first":
            page.goto(PAGE)
        expect(said).to_have_text("", timeout=WAIT_MS)
        page.get_by_role("button", name="Clear").click()
        expect(said).to_have_text("Cleared.", timeout=WAIT_MS)


def test_what_is_said_in_place_of_a_drawing_fits_on_a_telephone(
    tmp_path: Path, live: Live, page: Page
) -> None:
    live.begin(conductor_of(tmp_path), Mock())
    for worker in ("a", "b"):  # their clients are in the queue's workers
        live.hear(worker, Pulse(0, scheduled=1, calls={"ok": 1}))
    page.goto(PAGE)
    expect(page.get_by_text("replies come whole")).to_have_count(2, timeout=WAIT_MS)
    expect(page.locator("#breakers svg text")).to_contain_text("the report", timeout=WAIT_MS)
    assert page.evaluate(STICK_OUT) == []
