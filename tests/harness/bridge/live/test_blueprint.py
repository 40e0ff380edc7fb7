"""The live page over HTTP: who may inject, what is told, what of the disk is served."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from harness.bridge.live.blueprint import blueprint
from harness.bridge.live.live import Live
from harness.clock import wall_ns
from harness.errors import HarnessError
from harness.play.pulse import Change, Gate, Pulse
from harness.play.tally import Tally
from harness.units import NS

OUTAGE = {"kind": "outage", "seconds": 30}


class Everybody:
    """A web UI without a login."""

    def auth_required_if_enabled(self, view: Any) -> Any:
        return view


@dataclass
class Mock:
    """A mock server that keeps what it is told."""

    told: list[Any] = field(default_factory=list)
    gone: bool = False

    def inject(self, order: dict[str, Any]) -> None:
        if self.gone:
            raise HarnessError("the mock server does not answer")
        self.told.append(order)

    def clear(self) -> None:
        self.told.append("clear")


def conductor_of(folder: Path, started_ago_s: float = 10.0) -> Any:
    policy = {"name": "tuned", "values": {"deadline_s": 20, "retry": {"attempts": 3}}}
    manifest = {"policy": policy, "target": {"host": "http://x", "bundled": True, "profile": "calm"}}
    manifest |= {"run": "r1", "scenario": "primetime", "seed": 1, "workers": 2, "schedule": {}}
    manifest |= {"generator": {"transport": "httpx", "stream": False}, "architecture": "direct"}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    plan = SimpleNamespace(
        workers=["a", "b"], started_unix_ns=wall_ns() - round(started_ago_s * NS), until_ns=60 * NS
    )
    return SimpleNamespace(
        plan=plan,
        folder=folder,
        stopped=False,
        ending=False,
        degraded=[],
        cashier=None,
        roll=SimpleNamespace(lost={}, total=Tally()),
    )


@pytest.fixture
def mock() -> Mock:
    return Mock()


@pytest.fixture
def notes() -> list[tuple[str, str, float]]:
    return []


@pytest.fixture
def live(notes: list[tuple[str, str, float]]) -> Live:
    return Live(lambda *note: notes.append(note))


@pytest.fixture
def browser(live: Live) -> FlaskClient:
    app = Flask(__name__)
    app.register_blueprint(blueprint(live, Everybody(), "/base"))
    return app.test_client()


def _state(browser: FlaskClient, query: str = "") -> dict[str, Any]:
    document: dict[str, Any] = browser.get(f"/base/resilience/state{query}").get_json()
    return document


def test_before_any_run_and_where_one_could_not_begin(live: Live, browser: FlaskClient) -> None:
    assert _state(browser) == {"phase": "ready", "problem": None}
    live.fail("--policy: unknown")
    assert _state(browser) == {"phase": "failed", "problem": "--policy: unknown"}


def test_a_run_is_introduced_once_and_its_course_goes_on(
    tmp_path: Path, live: Live, browser: FlaskClient, mock: Mock
) -> None:
    live.begin(conductor_of(tmp_path), mock)
    for second in range(10):
        for worker in ("a", "b", "stranger"):
            gate = Gate("open" if worker == "b" else "closed", 5, 1, 2)
            live.hear(worker, Pulse(second, scheduled=2, calls={"ok": 1}, in_flight=3, gates=[gate]))
    first = _state(browser)
    assert first["about"]["policy"] == {"name": "tuned", "values": {"deadline_s": 20, "retry.attempts": 3}}
    assert (first["phase"], len(first["bins"]), first["bins"][0]["offered"]) == ("playing", 10, 4)
    assert first["totals"]["calls"] == {"ok": 20}
    assert [w["gates"][0]["breaker"] for w in first["workers"]] == ["closed", "open"]

    again = _state(browser, f"?run={tmp_path.name}&since=8&width=1")
    assert (again["about"], again["since"], len(again["bins"])) == (None, 8, 2)
    other = _state(browser, "?run=another&since=8&width=1")
    assert (other["about"] is None, other["since"], len(other["bins"])) == (False, 0, 10)
    assert _state(browser, f"?run={tmp_path.name}&since=-1&width=x")["since"] == 0


def test_a_fault_reaches_the_mock_server_the_record_and_everybody_who_looks(
    tmp_path: Path, live: Live, browser: FlaskClient, mock: Mock, notes: list[tuple[str, str, float]]
) -> None:
    live.begin(conductor_of(tmp_path), mock)
    assert browser.post("/base/resilience/faults", json=OUTAGE).status_code == 200
    state = _state(browser)
    assert [(f["name"], 29 < f["left_s"] <= 30) for f in state["faults"]] == [("outage", True)]
    assert [(h["what"], h["name"]) for h in state["happenings"]] == [("fault", "outage")]
    assert browser.delete("/base/resilience/faults").status_code == 200
    assert _state(browser)["faults"] == []
    assert mock.told == [{"name": "outage", "seconds": 30.0, "action": "status", "status": 503}, "clear"]
    assert notes == [("fault", "outage", 30.0), ("fault", "", 0.0)]


def test_what_is_wrong_with_an_order_is_said_and_nothing_is_injected(
    tmp_path: Path, live: Live, browser: FlaskClient, mock: Mock
) -> None:
    refused = browser.post("/base/resilience/faults", json=OUTAGE)
    assert (refused.status_code, "no run is under way" in refused.get_json()["message"]) == (400, True)
    conductor = conductor_of(tmp_path)
    live.begin(conductor, None)
    assert "bundled mock server only" in browser.delete("/base/resilience/faults").get_json()["message"]
    live.begin(conductor, mock)
    answer = browser.post("/base/resilience/faults", json={"kind": "outage"})
    assert (answer.status_code, answer.get_json()["message"]) == (
        400,
        "seconds = None: expected a number from 1 to 3600",
    )
    mock.gone = True
    answer = browser.post("/base/resilience/faults", json=OUTAGE)
    assert answer.get_json() == {"message": "the mock server does not answer"}
    assert _state(browser)["faults"] == []
    conductor.ending = True
    assert "no run is under way" in browser.post("/base/resilience/faults", json=OUTAGE).get_json()["message"]
    assert mock.told == []


@pytest.mark.parametrize("host", ["http://evil.example", "null", "http://localhost:8089"])
def test_a_page_of_another_site_injects_nothing(
    host: str, tmp_path: Path, live: Live, browser: FlaskClient, mock: Mock
) -> None:
    live.begin(conductor_of(tmp_path), mock)
    away = {"Origin": host}
    assert browser.post("/base/resilience/faults", json=OUTAGE, headers=away).status_code == 403
    assert browser.delete("/base/resilience/faults", headers=away).status_code == 403
    form = browser.post("/base/resilience/faults", data=json.dumps(OUTAGE), content_type="text/plain")
    assert form.status_code == 403
    assert mock.told == []
    here = {"Origin": "http://localhost"}
    assert browser.post("/base/resilience/faults", json=OUTAGE, headers=here).status_code == 200


def test_only_the_finished_report_of_the_run_is_served(
    tmp_path: Path, live: Live, browser: FlaskClient
) -> None:
    assert browser.get("/base/resilience/report").status_code == 404
    conductor = conductor_of(tmp_path)
    live.begin(conductor, None)
    (tmp_path / "report.html").write_text("<p>whole</p>", encoding="utf-8")
    assert browser.get("/base/resilience/report").status_code == 404
    conductor.ending = True
    assert _state(browser)["phase"] == "reporting"
    live.reported()
    assert (_state(browser)["phase"], _state(browser)["faults"]) == ("finished", None)
    with browser.get("/base/resilience/report") as answer:
        assert answer.text == "<p>whole</p>"
    for path in ("assets/../live.py", "assets/%2e%2e/live.py", "report/../manifest.json", "manifest.json"):
        assert browser.get(f"/base/resilience/{path}").status_code == 404
    with browser.get("/base/resilience/") as page, browser.get("/base/resilience/assets/page.js") as script:
        assert "<title>Resilience</title>" in page.text
        assert "poll()" in script.text


def test_a_run_goes_from_its_lead_to_its_report(tmp_path: Path, live: Live, browser: FlaskClient) -> None:
    conductor = conductor_of(tmp_path, started_ago_s=-1.0)
    live.begin(conductor, None)
    assert (_state(browser)["phase"], _state(browser)["bins"]) == ("waiting", [])
    conductor.plan.started_unix_ns = wall_ns() - 61 * NS
    assert _state(browser)["phase"] == "draining"
    conductor.roll.lost[1] = "it disappeared"
    live.hear("a", Pulse(0, changes=[Change(0.5, "breaker", "open")]))
    state = _state(browser)
    assert [w["lost"] for w in state["workers"]] == [None, "it disappeared"]
    assert state["workers"][0]["states"] == {"breaker": [[0.5, "open"]]}


def test_the_clock_of_a_run_stands_still_once_it_is_over_and_goes_for_the_next(
    tmp_path: Path, live: Live, browser: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ns = wall_ns()
    monkeypatch.setattr("harness.bridge.live.live.wall_ns", lambda: now_ns)
    conductor = conductor_of(tmp_path)
    conductor.plan.started_unix_ns = now_ns - 10 * NS
    live.begin(conductor, None)
    conductor.ending = True
    live.end()
    now_ns += 5 * NS
    assert _state(browser)["elapsed_s"] == 10
    live.reported()
    assert _state(browser)["elapsed_s"] == 10
    another = conductor_of(tmp_path)
    another.plan.started_unix_ns = now_ns - 2 * NS
    live.begin(another, None)
    now_ns += NS
    assert _state(browser)["elapsed_s"] == 3


class Nobody:
    """A web UI whose login nobody has passed."""

    def auth_required_if_enabled(self, view: Any) -> Any:
        def refused() -> tuple[str, int]:
            return "log in", 401

        refused.__name__ = view.__name__
        return refused


def test_who_has_not_logged_in_sees_and_injects_nothing(tmp_path: Path, live: Live, mock: Mock) -> None:
    app = Flask(__name__)
    app.register_blueprint(blueprint(live, Nobody(), ""))
    live.begin(conductor_of(tmp_path), mock)
    browser = app.test_client()
    for path in ("", "state", "report"):
        assert browser.get(f"/resilience/{path}").status_code == 401
    assert browser.post("/resilience/faults", json=OUTAGE).status_code == 401
    assert mock.told == []
