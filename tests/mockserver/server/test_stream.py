"""Streams over real sockets: their pace, their slot, their line in the log."""

import json
import socket
import threading
from itertools import pairwise

import pytest

from tests.mockserver.server.raw import CHAT_PATH, MESSAGES_PATH, Heard, hear, row, send
from tests.mockserver.server.running import Mock

LAST_CHUNK = b"0\r\n\r\n"
SLOW = {"ttft": {"median_ms": 100, "sigma": 0, "slow_share": 0, "per_1k_prompt_ms": 0}}
STEADY = {"inter_token": {"mean_ms": 40, "cv": 0}}


def _stream(
    mock: Mock, path: str = CHAT_PATH, *, tokens: int = 5, headers: dict[str, str] | None = None
) -> socket.socket:
    wanted = {"x-primetime-tokens": str(tokens)}
    return send(mock, path, wanted | (headers or {}), stream=True, max_tokens=tokens)


def _heard(sock: socket.socket) -> Heard:
    with sock:
        return hear(sock, until=LAST_CHUNK, silence_s=5)


def test_a_stream_has_the_text_of_the_whole_reply_and_its_headers(mock: Mock) -> None:
    mock.play(limits={"rpm": 100, "tpm": 10_000})
    heard = _heard(_stream(mock))
    *chunks, done = heard.events
    assert done == "[DONE]"
    deltas = [json.loads(chunk)["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert deltas[-1] == {}
    whole = mock.chat({"x-primetime-tokens": "5"})[2]["choices"][0]["message"]["content"]
    assert "".join(delta["content"] for delta in deltas[1:-1]) == whole
    assert len(deltas) == 7
    assert heard.status == 200
    head = heard.head.decode().lower()
    assert "content-type: text/event-stream" in head
    assert "x-request-id: req_" in head
    assert "x-ratelimit-remaining-requests: 99" in head
    assert "x-ratelimit-limit-tokens: 10000" in head


def test_nothing_comes_before_the_first_token_and_then_one_event_at_a_time(mock: Mock) -> None:
    mock.play(**SLOW, **STEADY)
    heard = _heard(_stream(mock))
    line = row(mock, 0)
    assert line["drawn_us"] == 300_000  # 100 ms and 5 tokens of 40 ms
    assert 95_000 <= heard.parts_us[0] < 400_000
    gaps = [later - earlier for earlier, later in pairwise(heard.parts_us)]
    # The head with the first token may come in two parts; then four more tokens, and the end. On a busy
    # machine two of them may come as one.
    assert 3 <= sum(gap > 10_000 for gap in gaps) <= 5
    assert 150_000 <= sum(gaps) < 600_000
    assert line["finished_us"] - line["started_us"] >= 300_000


def test_what_is_due_at_once_is_sent_at_once(mock: Mock) -> None:
    heard = _heard(_stream(mock, tokens=3000))
    assert len(heard.events) == 3000 + 3
    assert heard.parts_us[-1] < 2_000_000


def test_one_line_in_the_log_before_the_caller_sees_the_end(mock: Mock) -> None:
    for path in (CHAT_PATH, MESSAGES_PATH):
        mock.play()
        _heard(_stream(mock, path))
        line = row(mock, 0)
        assert (line["path"], line["status"], line["fault"], line["client_gone"]) == (path, 200, None, False)
        assert (line["stream"], line["events"], line["completion_tokens"], line["prompt_tokens"]) == (
            True,
            5,
            5,
            3,
        )
        assert mock.stats()["requests"] == [
            {"path": path, "status": 200, "fault": None, "refused": None, "count": 1}
        ]


def test_a_connection_is_kept_after_a_stream(mock: Mock) -> None:
    with send(mock, stream=True) as sock:
        hear(sock, until=LAST_CHUNK, silence_s=5)
        sock.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
        assert b"200 OK" in sock.recv(4096)


def test_a_stream_holds_its_slot_to_the_end(mock: Mock) -> None:
    mock.play(**SLOW, **STEADY, capacity={"slots": 1, "queue": 1})
    first = _stream(mock)
    mock.until("capacity.running", 1)
    second = _stream(mock)
    mock.until("capacity.queued", 1)
    with _stream(mock) as third:
        assert third.recv(4096).startswith(b"HTTP/1.1 503")
    _heard(first)
    _heard(second)
    assert row(mock, 1)["started_us"] - row(mock, 0)["started_us"] >= 300_000
    assert (mock.stats()["capacity"]["running"], mock.stats()["capacity"]["queued"]) == (0, 0)


def _leave_in_the_middle(mock: Mock) -> None:
    with _stream(mock) as sock:
        assert sock.recv(65_536).startswith(b"HTTP/1.1 200")


def test_who_leaves_in_the_middle_keeps_its_slot_to_the_end(mock: Mock) -> None:
    mock.play(**SLOW, **STEADY, capacity={"slots": 1})
    _leave_in_the_middle(mock)
    mock.until("connections.open", 1)
    assert mock.stats()["capacity"]["running"] == 1
    mock.until("in_flight", 0)
    line = row(mock, 0)
    assert (line["status"], line["client_gone"], line["completion_tokens"]) == (200, True, 5)
    assert line["events"] < 5
    assert line["finished_us"] - line["started_us"] >= 300_000


def test_who_leaves_in_the_middle_frees_its_slot_if_the_profile_says_so(mock: Mock) -> None:
    slow = {"inter_token": {"mean_ms": 60_000, "cv": 0}}
    mock.play(**slow, capacity={"slots": 1, "abandon_when_client_gone": True})
    _leave_in_the_middle(mock)
    mock.until("capacity.running", 0)
    mock.until("in_flight", 0)
    line = row(mock, 0)
    assert (line["status"], line["client_gone"], line["events"]) == (200, True, 1)


def test_a_reset_of_the_server_cuts_streams_and_says_so_once(mock: Mock) -> None:
    mock.play(inter_token={"mean_ms": 60_000, "cv": 0})
    with _stream(mock, headers={"x-primetime-call": "888001"}) as sock:
        assert sock.recv(65_536).startswith(b"HTTP/1.1 200")
        mock.admin("POST", "/admin/reset")
        assert hear(sock, silence_s=5).ending == "reset"
    assert mock.stats()["in_flight"] == 0
    mock.until("capacity.running", 0)
    threading.Event().wait(0.25)  # the log is flushed at least that often
    lines = [line for line in mock.rows() if line["call"] == 888_001]
    assert [(line["status"], line["fault"], line["events"]) for line in lines] == [(200, "admin_reset", 1)]


def test_a_caller_who_does_not_read_cannot_hold_up_a_reset(mock: Mock) -> None:
    mock.play()
    with _stream(mock, tokens=32_000):
        mock.until("in_flight", 1)
        mock.admin("POST", "/admin/reset")
        assert mock.stats()["in_flight"] == 0


@pytest.mark.parametrize("path", [CHAT_PATH, MESSAGES_PATH])
def test_refusals_of_a_stream_are_plain_answers(mock: Mock, path: str) -> None:
    mock.play(limits={"rpm": 1})
    _heard(_stream(mock, path))
    with _stream(mock, path, headers={"connection": "close"}) as sock:
        heard = hear(sock, silence_s=5)
    assert (heard.status, heard.whole) == (429, True)
    assert "error" in json.loads(heard.body)
    assert row(mock, 1)["refused"] == "requests"


def test_an_old_client_gets_its_stream_without_chunks(mock: Mock) -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"x"}],"stream":true}'
    with socket.create_connection(("127.0.0.1", mock.port), timeout=5) as sock:
        sock.sendall(
            b"POST /v1/chat/completions HTTP/1.0\r\nauthorization: Bearer k\r\n"
            b"content-length: %d\r\n\r\n%s" % (len(body), body)
        )
        heard = hear(sock, silence_s=5)
    assert heard.ending == "closed"
    assert heard.data.endswith(b"\n\ndata: [DONE]\n\n")


def test_a_generation_does_not_wait_for_a_caller_who_does_not_read(mock: Mock) -> None:
    """Its slot is free when its time is over; what has not been read is still sent when it is asked for."""
    mock.play(capacity={"slots": 1, "queue": 1}, inter_token={"mean_ms": 0.05, "cv": 0})
    tokens = {"x-primetime-tokens": "20000"}  # a second, and some 4 MB
    with send(mock, headers=tokens | {"connection": "close"}, stream=True, max_tokens=None, n=None) as sock:
        mock.until("capacity.running", 1)
        with send(mock, headers={"x-primetime-tokens": "5", "connection": "close"}) as other:
            assert hear(other, silence_s=4).status == 200
        assert mock.stats()["in_flight"] == 1
        heard = hear(sock, silence_s=4)
    assert heard.whole
    assert len(heard.events) == 20_000 + 3


@pytest.mark.parametrize("fault", ["hang_after_headers", "reset_after_headers", "stall; after_events=0"])
def test_a_stream_without_a_content_event_has_no_first_token(mock: Mock, fault: str) -> None:
    with send(mock, headers={"x-mock-fault": fault, "connection": "close"}, stream=True) as sock:
        hear(sock, silence_s=0.2)
    mock.until("in_flight", 0)
    (row,) = mock.admin("GET", "/admin/requests")["requests"]
    assert (row["first_us"], row["events"]) == (None, 0)
    assert "mockserver_ttft_seconds_count" not in mock.request("GET", "/metrics")[2].decode()


def test_what_was_never_begun_has_no_tokens(mock: Mock) -> None:
    mock.play(
        capacity={"slots": 1, "queue": 2, "abandon_when_client_gone": True},
        ttft={"median_ms": 400, "slow_median_ms": 400, "sigma": 0},
    )
    with send(mock, headers={"x-primetime-call": "1"}):
        mock.until("capacity.running", 1)
        send(mock, headers={"x-primetime-call": "2"}).close()
        mock.until("received", 2)
    mock.until("in_flight", 0)
    rows = {row["call"]: row for row in mock.admin("GET", "/admin/requests")["requests"]}
    assert (rows[2]["started_us"], rows[2]["completion_tokens"], rows[2]["client_gone"]) == (None, None, True)


def test_a_reset_cuts_a_stream_whose_generation_is_over_and_whose_caller_has_not_read_it(mock: Mock) -> None:
    """Not a proper end: what the caller has is a part, and its HTTP must say so."""
    tokens = {"x-primetime-tokens": "30000"}
    with send(mock, headers=tokens, stream=True, max_tokens=None, n=4) as sock:
        mock.until("capacity.running", 0)
        mock.until("in_flight", 1)
        mock.admin("POST", "/admin/reset")
        heard = hear(sock, silence_s=2)
    assert (heard.whole, heard.ending) == (False, "reset")
