"""Replies that are passed through."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import RequestError
from harness.model import Fault, Level, Levels, Message, Outcome, Request, Usage
from harness.wire.base import Parsed, Piece
from harness.wire.opaque import OPAQUE
from harness.wire.sse import SseEvent

EMBEDDING = b'{"object":"list","data":[{"embedding":[0.1]}],"usage":{"prompt_tokens":8,"total_tokens":8}}'
RESPONSE = b'{"id":"resp_1","output":[],"usage":{"input_tokens":36,"output_tokens":87,"total_tokens":123}}'
ANTHROPIC_ERROR = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
LIMITS = {"x-ratelimit-limit-tokens": "9", "x-ratelimit-remaining-tokens": "8", "x-request-id": "req_1"}


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 301, 304, 308])
@pytest.mark.parametrize("body", [b"", b"{", b"\xff" * 100, b"<html>", b"[]", EMBEDDING])
def test_a_success_and_a_redirect_are_passed_through(status: int, body: bytes) -> None:
    assert OPAQUE.parse(status, LIMITS, body) == Parsed(
        Outcome.OK, request_id="req_1", levels=Levels(tokens=Level(9, 8))
    )


def test_usage_is_taken_where_it_is_told() -> None:
    assert OPAQUE.parse(200, {}, RESPONSE).usage == Usage(36, 87)
    text_completion = b'{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":7}}'
    assert OPAQUE.parse(200, {}, text_completion).usage == Usage(5, 7)


def test_the_request_id_of_either_provider() -> None:
    assert OPAQUE.parse(200, {"request-id": "req_2"}, b"").request_id == "req_2"


@pytest.mark.parametrize(
    ("status", "body", "outcome", "fault", "code"),
    [
        (429, b'{"error":{"code":"slow_down"}}', Outcome.THROTTLED, Fault.STATUS, "slow_down"),
        (429, b'{"error":{"type":"insufficient_quota"}}', Outcome.FATAL, Fault.QUOTA, "insufficient_quota"),
        (529, ANTHROPIC_ERROR, Outcome.OVERLOADED, Fault.STATUS, "overloaded_error"),
        (502, b"<html>", Outcome.TRANSIENT, Fault.STATUS, None),
        (404, b"", Outcome.FATAL, Fault.STATUS, None),
        (101, b"", Outcome.FATAL, Fault.STATUS, None),
    ],
)
def test_errors_of_either_provider(
    status: int, body: bytes, outcome: Outcome, fault: Fault, code: str | None
) -> None:
    parsed = OPAQUE.parse(status, {"retry-after": "3"}, body)
    assert (parsed.outcome, parsed.fault, parsed.code) == (outcome, fault, code)
    assert parsed.retry_after_s == 3.0
    assert parsed.detail.startswith(f"HTTP {status}: ")


def test_nothing_is_encoded() -> None:
    with pytest.raises(RequestError, match="expected openai or anthropic"):
        OPAQUE.encode(Request((Message("user", "a"),), "m", 1))


def test_it_adds_no_headers_and_no_path() -> None:
    assert (OPAQUE.name, OPAQUE.path, OPAQUE.headers("sk-test")) == ("opaque", "", {})


def test_any_event_is_output_without_text() -> None:
    reader = OPAQUE.reader({"x-request-id": "req_1"})
    for data in (b"[DONE]", b"", b"\xff", b"{}", b'{"error":null}', b'{"type":"x","delta":"text"}'):
        assert reader.feed(SseEvent("", data)) == (Piece.OUTPUT, "")
    assert reader.feed(SseEvent("response.completed", RESPONSE)) == (Piece.OUTPUT, "")
    assert reader.text == ""
    assert reader.end() == Parsed(Outcome.OK, usage=Usage(36, 87), request_id="req_1")


def test_a_stream_without_events_is_fine() -> None:
    assert OPAQUE.reader({}).end() == Parsed(Outcome.OK)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("", b'{"error":{"type":"server_error","message":"no"}}'),
        ("error", b'{"error":{"type":"server_error","message":"no"}}'),
        # The Responses API: no envelope.
        ("error", b'{"type":"error","code":"server_error","message":"no","param":null}'),
    ],
)
def test_an_error_in_the_stream(name: str, data: bytes) -> None:
    for before, outcome in ((0, Outcome.TRANSIENT), (1, Outcome.PARTIAL)):
        reader = OPAQUE.reader({})
        for _ in range(before):
            reader.feed(SseEvent("", b"{}"))
        assert reader.feed(SseEvent(name, data)) == (Piece.ERROR, "")
        assert reader.feed(SseEvent("", b"{}")) == (Piece.ERROR, "")
        parsed = reader.end()
        assert (parsed.outcome, parsed.fault, parsed.code) == (outcome, Fault.STREAM, "server_error")
        assert parsed.detail == "error in the stream: no"


@given(status=st.integers(100, 599), body=st.binary(max_size=100), name=st.sampled_from(["", "error"]))
@settings(deadline=None)
def test_nothing_raises(status: int, body: bytes, name: str) -> None:
    assert (OPAQUE.parse(status, {}, body).outcome is Outcome.OK) == (200 <= status < 400)
    reader = OPAQUE.reader({})
    reader.feed(SseEvent(name, body))
    assert (reader.end().outcome is Outcome.OK) == (name == "")
