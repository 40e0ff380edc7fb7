"""The fault panel in a browser, its answers those of the blueprint."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Route, expect, sync_playwright

from harness.bridge.live.blueprint import blueprint
from harness.bridge.live.live import Live
from tests.harness.bridge.live.test_blueprint import Everybody, Mock, conductor_of
from tests.reports.pages.browser import NAMES, executable

HOST = "http://localhost"

WAIT_MS = 30_000


def test_what_the_panel_said_in_one_run_is_gone_in_the_next(tmp_path: Path) -> None:
    path = executable()
    if path is None:
        pytest.skip(f"no Chromium: none of {', '.join(NAMES)} in PATH (Debian: apt-get install chromium)")
    live, app = Live(lambda *_: None), Flask(__name__)
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
        page = browser.new_page()
        page.route(f"{HOST}/**", answer)
        for run in ("first", "second"):
            (tmp_path / run).mkdir()
            live.begin(conductor_of(tmp_path / run), Mock())
            if run == "first":
                page.goto(f"{HOST}/resilience/")
            expect(page.locator("#said")).to_have_text("", timeout=WAIT_MS)
            page.get_by_role("button", name="Clear").click()
            expect(page.locator("#said")).to_have_text("Cleared.", timeout=WAIT_MS)
        browser.close()
