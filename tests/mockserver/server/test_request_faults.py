"""Every fault of a request, seen from a bare socket."""

import json
from typing import Any

import pytest

from mockserver.wire.spoil import GARBAGE
from tests.mockserver.server.raw import CHAT_PATH, MESSAGES_PATH, Heard, hear, row, send
from tests.mockserver.server.running import Mock

BOTH = pytest.mark.parametrize("path", [CHAT_PATH, MESSAGES_PATH])
# Events before the first content event: the role chunk; message_start, content_block_start and ping.
OPENING = {CHAT_PATH: 1, MESSAGES_PATH: 3}


SILENT = ("hang", "stall")
KEY = {"authorization": "Bearer k", "anthropic-version": "2023-06-01"}


def _ask(mock: Mock, fault: str, path: str = CHAT_PATH, **fields: Any) -> Heard:
    """One request whose connection ends with its answer, unless the fault is that nothing ends."""
    with send(mock, path, {"x-mock-fault": fault, "connection": "close"}, **fields) as sock:
        return hear(sock, silence_s=0.4 if fault.startswith(SILENT) else 5)


@BOTH
@pytest.mark.parametrize(
    ("fault", "ending"), [("stall", "silent"), ("reset_mid", "reset"), ("truncate", "closed")]
)
def test_a_stream_that_breaks_off_after_so_many_events(
    mock: Mock, path: str, fault: str, ending: str
) -> None:
    for events in (0, 3):
        mock.play()
        heard = _ask(mock, f"{fault}; after_events={events}", path, stream=True)
        assert (heard.status, heard.ending, heard.whole) == (200, ending, False)
        assert len(heard.events) == OPENING[path] + events
        mock.until("in_flight", 0)
        line = row(mock, 0)
        assert (line["status"], line["fault"], line["events"]) == (200, fault, events)
        assert line["client_gone"] is (fault == "stall")


@BOTH
@pytest.mark.parametrize(
    ("fault", "ending"), [("stall", "silent"), ("reset_mid", "reset"), ("truncate", "closed")]
)
def test_a_whole_reply_that_breaks_off_in_the_middle(mock: Mock, path: str, fault: str, ending: str) -> None:
    heard = _ask(mock, fault, path)
    assert (heard.status, heard.ending) == (200, ending)
    assert heard.promised // 2 - 3 <= len(heard.body) <= heard.promised // 2
    mock.until("in_flight", 0)
    assert (row(mock, 0)["status"], row(mock, 0)["fault"]) == (200, fault)


@BOTH
@pytest.mark.parametrize("stream", [True, False])
def test_silence_after_the_headers(mock: Mock, path: str, stream: object) -> None:
    heard = _ask(mock, "hang_after_headers", path, stream=stream)
    assert (heard.status, heard.ending, heard.body) == (200, "silent", b"")
    assert heard.data.endswith(b"\r\n\r\n")
    mock.until("in_flight", 0)
    assert row(mock, 0)["fault"] == "hang_after_headers"


def test_silence_is_let_go_when_the_caller_leaves_and_its_slot_when_the_work_is_done(mock: Mock) -> None:
    mock.play(capacity={"slots": 1})
    with send(mock, headers={"x-mock-fault": "stall"}, stream=True) as sock:
        assert sock.recv(4096).startswith(b"HTTP/1.1 200")
        mock.until("capacity.running", 0)
        assert mock.stats()["in_flight"] == 1
    mock.until("in_flight", 0)


def test_garbage_is_not_http(mock: Mock) -> None:
    heard = _ask(mock, "garbage")
    assert (heard.data, heard.ending) == (GARBAGE, "closed")
    assert (row(mock, 0)["status"], row(mock, 0)["fault"]) == (None, "garbage")


@BOTH
@pytest.mark.parametrize("fault", ["half_json", "malformed_sse"])
def test_half_a_document_that_http_calls_complete(mock: Mock, path: str, fault: str) -> None:
    status, headers, body = mock.request(
        "POST",
        path,
        {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]},
        KEY | {"x-mock-fault": fault},
    )
    assert (status, int(headers["content-length"])) == (200, len(body))
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)
    assert row(mock, 0)["fault"] == fault


@BOTH
@pytest.mark.parametrize("fault", ["half_json", "malformed_sse"])
def test_an_event_that_is_not_json_and_the_others_are(mock: Mock, path: str, fault: str) -> None:
    heard = _ask(mock, f"{fault}; after_events=2", path, stream=True)
    assert heard.whole
    events = heard.events
    bad = OPENING[path] + 2
    with pytest.raises(json.JSONDecodeError):
        json.loads(events[bad])
    good = [event for index, event in enumerate(events) if index != bad and event != "[DONE]"]
    assert all(json.loads(event) for event in good)
    assert len(events) == OPENING[path] + 5 + (2 if path == CHAT_PATH else 3)


def test_an_error_in_the_stream_is_its_last_event(mock: Mock) -> None:
    heard = _ask(mock, "stream_error; after_events=2", CHAT_PATH, stream=True)
    assert heard.whole
    assert len(heard.events) == 1 + 2 + 1
    assert json.loads(heard.events[-1])["error"]["type"] == "server_error"
    heard = _ask(mock, "stream_error; after_events=2", MESSAGES_PATH, stream=True)
    assert heard.whole
    assert len(heard.events) == 3 + 2 + 1
    assert b"event: error\ndata: " in heard.body
    assert json.loads(heard.events[-1])["error"]["type"] == "overloaded_error"
    assert [row(mock, call)["status"] for call in (0, 1)] == [200, 200]


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [(CHAT_PATH, 500, "server_error"), (MESSAGES_PATH, 529, "overloaded_error")],
)
def test_a_whole_reply_with_a_stream_error_is_a_status(mock: Mock, path: str, status: int, kind: str) -> None:
    heard = _ask(mock, "stream_error", path)
    assert (heard.status, heard.whole) == (status, True)
    assert json.loads(heard.body)["error"]["type"] == kind
    assert (row(mock, 0)["status"], row(mock, 0)["fault"]) == (status, "stream_error")


@BOTH
def test_a_status_by_header_has_its_retry_after(mock: Mock, path: str) -> None:
    heard = _ask(mock, "status; status=503; retry_after_s=2", path, stream=True)
    assert (heard.status, heard.whole) == (503, True)
    assert b"retry-after: 2\r\n" in heard.head.lower() + b"\r\n"
    assert ("request_id" in json.loads(heard.body)) is (path == MESSAGES_PATH)
    assert row(mock, 0)["fault"] == "status_503"


@BOTH
def test_hang_and_reset_before_the_headers(mock: Mock, path: str) -> None:
    heard = _ask(mock, "hang", path)
    assert (heard.data, heard.ending) == (b"", "silent")
    heard = _ask(mock, "reset", path)
    assert (heard.data, heard.ending) == (b"", "reset")


@BOTH
def test_a_wrong_header_is_a_400_that_says_why(mock: Mock, path: str) -> None:
    heard = _ask(mock, "stall; after_event=1", path)
    assert heard.status == 400
    assert "did you mean 'after_events'?" in json.loads(heard.body)["error"]["message"]
    assert row(mock, 0)["fault"] is None


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/models"), ("POST", "/v1/messages/count_tokens")])
def test_paths_without_a_generation_are_spoiled_too(mock: Mock, method: str, path: str) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}]} if method == "POST" else None

    def ask(fault: str) -> tuple[int, bytes]:
        status, _, answer = mock.request(method, path, body, KEY | {"x-mock-fault": fault})
        return status, answer

    status, answer = ask("half_json")
    assert status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer)
    assert ask("stream_error")[0] in {500, 529}
    assert ask("status; status=429")[0] == 429
    rows = mock.admin("GET", "/admin/requests")["requests"]
    assert [line["fault"] for line in rows] == ["half_json", "stream_error", "status_429"]


def test_the_first_requests_fail_and_the_others_do_not_until_a_reset(mock: Mock) -> None:
    mock.play(request_faults=[{"action": "status", "status": 500, "first": 2}])
    assert [mock.chat()[0] for _ in range(4)] == [500, 500, 200, 200]
    mock.admin("POST", "/admin/reset")
    assert [mock.chat()[0] for _ in range(3)] == [500, 500, 200]


def test_a_rule_for_a_header_leaves_the_others_alone(mock: Mock) -> None:
    mock.play(request_faults=[{"action": "status", "status": 418, "header": "X-Tenant: gold"}])
    assert [mock.chat(headers)[0] for headers in ({}, {"x-tenant": "silver"}, {"X-TENANT": "gold"})] == [
        200,
        200,
        418,
    ]


def test_every_stream_is_counted_once_under_all_faults_at_once(mock: Mock) -> None:
    """Conservation: whatever happens to a request, it has one line, and its slot is free in the end."""
    before = ("status", "hang", "reset", "garbage")
    after = (
        "hang_after_headers",
        "stall",
        "reset_mid",
        "truncate",
        "half_json",
        "malformed_sse",
        "stream_error",
    )
    rules = [
        {"action": action, "probability": 0.07} | ({"status": 503} if action == "status" else {})
        for action in before + after
    ]
    mock.play(
        capacity={"slots": 8, "queue": 200},
        ttft={"median_ms": 2, "slow_median_ms": 2},
        inter_token={"mean_ms": 1, "cv": 0.1},
        request_faults=rules,
    )
    sent = 120
    socks = [send(mock, (CHAT_PATH, MESSAGES_PATH)[call % 2], stream=call % 3 > 0) for call in range(sent)]
    mock.until("received", sent)
    for sock in socks:
        with sock:
            hear(sock, silence_s=0.02)
    mock.until("in_flight", 0)
    stats = mock.stats()
    assert stats["received"] == sum(row["count"] for row in stats["requests"]) == sent
    assert (stats["capacity"]["running"], stats["capacity"]["queued"]) == (0, 0)
    rows = mock.admin("GET", "/admin/requests?n=1000")["requests"]
    assert sorted(row["arrival"] for row in rows) == list(range(sent))
    assert {row["fault"] for row in rows} >= {"stall", "reset_mid", "truncate", "stream_error", None}


def test_a_profile_spoils_as_a_header_does(mock: Mock) -> None:
    rule = {"name": "cut", "action": "truncate", "after_events": 2, "path": MESSAGES_PATH}
    mock.play(request_faults=[rule])
    with send(mock, MESSAGES_PATH, stream=True) as sock:
        heard = hear(sock, silence_s=5)
    assert (len(heard.events), heard.ending) == (OPENING[MESSAGES_PATH] + 2, "closed")
    assert mock.chat()[0] == 200
    assert [row(mock, call)["fault"] for call in (0, 1)] == ["cut", None]
