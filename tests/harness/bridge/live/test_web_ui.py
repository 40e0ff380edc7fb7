"""The start form: a page of another site starts nothing."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from flask import Blueprint, Flask

from harness.bridge.live import web_ui
from harness.bridge.live.live import Live


def test_a_page_of_another_site_starts_no_run() -> None:
    started: list[str] = []
    checked: list[Mapping[str, str]] = []
    locust = Blueprint("locust", __name__)

    def swarm() -> str:
        started.append("run")
        return "{}"

    locust.add_url_rule("/swarm", view_func=swarm, methods=["POST"])
    app = Flask(__name__)
    app.register_blueprint(locust)
    ui: Any = SimpleNamespace(
        app=app,
        template_args={},
        environment=SimpleNamespace(host="http://x"),
        auth_required_if_enabled=lambda view: view,
    )
    web_ui.join(ui, "", Live(lambda *_: None), checked.append, {})
    browser = app.test_client()

    for origin in ("https://evil.example", "null", "http://localhost:8089"):
        answer = browser.post("/swarm", data={"seed": "1"}, headers={"Origin": origin}).get_json()
        assert answer["success"] is False
    assert (started, checked) == ([], [])
    for headers in ({}, {"Origin": "http://localhost"}):
        browser.post("/swarm", data={"seed": "1"}, headers=headers)
    assert (len(started), len(checked)) == (2, 2)
