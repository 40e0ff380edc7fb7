"""Faults injected into a running server, over a real socket."""

import json
import time

import pytest

from tests.mockserver.server.running import Mock

OUTAGE = {"name": "outage", "action": "status", "status": 503, "seconds": 30}


def _problem(mock: Mock, body: object) -> str:
    status, _, answer = mock.request("POST", "/admin/faults", body)
    assert status == 400
    return str(json.loads(answer)["error"]["message"])


def test_an_outage_is_met_counted_and_logged_by_its_name_until_it_is_cleared(mock: Mock) -> None:
    mock.play()
    statuses = [mock.chat()[0]]
    shown = mock.admin("POST", "/admin/faults", OUTAGE)
    assert (shown["name"], shown["status"], shown["left_s"]) == ("outage", 503, 30)
    statuses += [mock.chat()[0], mock.chat()[0]]
    assert mock.admin("DELETE", "/admin/faults") == {"faults": []}
    statuses.append(mock.chat()[0])

    assert statuses == [200, 503, 503, 200]
    counted = {(row["status"], row["fault"]): row["count"] for row in mock.stats()["requests"]}
    assert counted == {(200, None): 2, (503, "outage"): 2}
    assert [row["fault"] for row in mock.admin("GET", "/admin/requests")["requests"]] == [
        None,
        "outage",
        "outage",
        None,
    ]


def test_a_429_has_its_hint_and_a_delay_its_time(mock: Mock) -> None:
    mock.play()
    mock.admin(
        "POST", "/admin/faults", {"action": "status", "status": 429, "retry_after_s": 2, "seconds": 60}
    )
    status, headers, _ = mock.chat()
    assert (status, headers["retry-after"]) == (429, "2")
    mock.admin("DELETE", "/admin/faults")
    mock.admin("POST", "/admin/faults", {"action": "delay", "delay_ms": 200, "seconds": 60})
    began = time.monotonic()
    assert mock.chat()[0] == 200
    assert time.monotonic() - began >= 0.2


def test_those_in_force_are_shown_the_newest_first_and_end_by_themselves(mock: Mock) -> None:
    mock.play()
    mock.admin("POST", "/admin/faults", OUTAGE)
    mock.admin("POST", "/admin/faults", OUTAGE | {"name": "short", "seconds": 0.2})
    shown = mock.admin("GET", "/admin/faults")["faults"]
    assert [one["name"] for one in shown] == ["short", "outage"]
    assert 29 < shown[1]["left_s"] <= 30
    time.sleep(0.25)
    assert [one["name"] for one in mock.admin("GET", "/admin/faults")["faults"]] == ["outage"]
    mock.admin("POST", "/admin/reset")
    assert mock.admin("GET", "/admin/faults") == {"faults": []}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"action": "status", "status": 503}, "seconds is missing: expected how long"),
        (OUTAGE | {"seconds": 0}, "seconds = 0: expected a number from 0.1 to 3600"),
        (OUTAGE | {"seconds": "30"}, "seconds = '30': expected a number"),
        (OUTAGE | {"window": "20:00-20:05"}, "window has no meaning here"),
        (OUTAGE | {"status": 200}, "status = 200: expected a whole number from 400 to 599"),
        (OUTAGE | {"sekonds": 3}, "unknown key sekonds (did you mean 'seconds'?)"),
        ({"action": "outage", "seconds": 3}, "action = 'outage': expected"),
        (b"{", "the body is not JSON"),
    ],
)
def test_an_order_half_understood_injects_nothing(mock: Mock, body: object, words: str) -> None:
    mock.play()
    assert words in _problem(mock, body)
    assert mock.admin("GET", "/admin/faults") == {"faults": []}
