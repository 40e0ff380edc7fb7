"""Anthropic's wire format, held against golden payloads."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import RequestError
from harness.model import Fault, Level, Levels, Message, Outcome, Reply, Request, Usage
from harness.wire.anthropic import ANTHROPIC
from harness.wire.base import Parsed, Piece
from harness.wire.sse import SseEvent, SseParser
from tests.harness.wire.streams import ANTHROPIC_STREAM

parse = ANTHROPIC.parse

HEADERS = {
    "request-id": "req_011CSHoEeqs5C35K2UUqR7Fy",
    "retry-after": "13",
    "x-should-retry": "true",
    "anthropic-ratelimit-requests-limit": "4000",
    "anthropic-ratelimit-requests-remaining": "0",
    "anthropic-ratelimit-requests-reset": "2025-01-01T13:00:00Z",
    "anthropic-ratelimit-tokens-limit": "480000",
    "anthropic-ratelimit-tokens-remaining": "479000",
    "anthropic-ratelimit-input-tokens-limit": "400000",
    "anthropic-ratelimit-input-tokens-remaining": "399000",
}
LEVELS = Levels(Level(4_000, 0), Level(480_000, 479_000), Level(400_000, 399_000))
MESSAGE = {
    "id": "msg_01XFDUDYJgAACzvnptvVoYEL",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5-20250929",
    "content": [
        {"type": "thinking", "thinking": "คิด", "signature": "EqQ"},
        {"type": "text", "text": "กาแฟหอม ๆ ", "citations": None},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"text": "no"}},
        {"type": "text", "text": "☕"},
    ],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 57,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 1000,
        "cache_creation": {"ephemeral_5m_input_tokens": 0},
        "output_tokens": 129,
        "service_tier": "standard",
    },
}


def _error(kind: str, message: str = "no") -> bytes:
    error = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_body"}
    return json.dumps(error).encode()


def _changed(**changes: object) -> bytes:
    return json.dumps({**MESSAGE, **changes}).encode()


def test_system_messages_stand_apart() -> None:
    turns = (
        Message("system", "คุณเป็นผู้เชี่ยวชาญ"),
        Message("user", "สวัสดี"),
        Message("assistant", "ค่ะ"),
        Message("system", "พูดสั้น ๆ"),
        Message("user", "เขียนแคมเปญ"),
    )
    request = Request(turns, "claude-sonnet-4-5", 1000, temperature=1.0, stream=True)
    assert json.loads(ANTHROPIC.encode(request)) == {
        "model": "claude-sonnet-4-5",
        "messages": [
            {"role": "user", "content": "สวัสดี"},
            {"role": "assistant", "content": "ค่ะ"},
            {"role": "user", "content": "เขียนแคมเปญ"},
        ],
        "max_tokens": 1000,
        "system": "คุณเป็นผู้เชี่ยวชาญ\n\nพูดสั้น ๆ",
        "temperature": 1.0,
        "stream": True,
    }


def test_a_blank_system_message_is_not_sent() -> None:
    turns = (Message("system", " "), Message("user", "a"))
    assert "system" not in json.loads(ANTHROPIC.encode(Request(turns, "m", 1)))


def test_system_messages_alone_are_refused() -> None:
    with pytest.raises(RequestError, match="expected one of user or assistant"):
        ANTHROPIC.encode(Request((Message("system", "s"),), "m", 1))


def test_a_bound_is_needed() -> None:
    message = "^max_tokens = None: expected a number of tokens: Anthropic's API needs one$"
    with pytest.raises(RequestError, match=message):
        ANTHROPIC.encode(Request((Message("user", "a"),), "m", None))


def test_the_system_may_not_come_from_further_fields() -> None:
    with pytest.raises(RequestError, match=r"extra\['system'\]"):
        ANTHROPIC.encode(Request((Message("user", "a"),), "m", 1, extra={"system": "s"}))


def test_headers_carry_the_key() -> None:
    assert ANTHROPIC.headers("sk-ant-test") == {
        "x-api-key": "sk-ant-test",
        "anthropic-version": "2023-06-01",
        "content-type": "application/json",
        "accept": "application/json",
    }


def test_its_name_and_path() -> None:
    assert (ANTHROPIC.name, ANTHROPIC.path) == ("anthropic", "/messages")


def test_a_message_is_a_reply() -> None:
    request_id = HEADERS["request-id"]
    assert parse(200, HEADERS, json.dumps(MESSAGE).encode()) == Parsed(
        Outcome.OK,
        reply=Reply("กาแฟหอม ๆ ☕", "claude-sonnet-4-5-20250929", "end_turn", Usage(1057, 129), request_id),
        usage=Usage(1057, 129),
        request_id=request_id,
        levels=LEVELS,
    )


def _without(name: str) -> bytes:
    return json.dumps({key: value for key, value in MESSAGE.items() if key != name}).encode()


@pytest.mark.parametrize(
    "body",
    [
        _without("usage"),
        _changed(usage=None),
        _changed(usage={"input_tokens": 1}),
        _changed(usage={"input_tokens": -1, "output_tokens": 1}),
        _changed(usage={"input_tokens": 2**31 - 1, "output_tokens": 1, "cache_read_input_tokens": 1}),
        _changed(usage=[]),
        b"\xef\xbb\xbf" + _without("usage"),
    ],
)
def test_a_message_that_does_not_count_its_tokens_is_a_reply(body: bytes) -> None:
    assert parse(200, {"request-id": "req_1"}, body) == Parsed(
        Outcome.OK,
        reply=Reply("กาแฟหอม ๆ ☕", "claude-sonnet-4-5-20250929", "end_turn", None, "req_1"),
        request_id="req_1",
    )


@pytest.mark.parametrize("body", [_without("model"), _changed(model=None)])
def test_a_message_that_names_no_model_is_a_reply(body: bytes) -> None:
    assert parse(200, {}, body).reply == Reply("กาแฟหอม ๆ ☕", "", "end_turn", Usage(1057, 129))


def test_a_byte_order_mark_before_a_message_is_passed_over() -> None:
    body = json.dumps(MESSAGE).encode()
    assert parse(200, {}, b"\xef\xbb\xbf" + body) == parse(200, {}, body)


@pytest.mark.parametrize("content", [[], [{"type": "text", "text": ""}], [{"type": "new_kind", "x": 1}]])
def test_a_message_without_text_is_an_empty_reply(content: list[Any]) -> None:
    parsed = parse(200, {}, _changed(content=content, stop_reason="max_tokens"))
    assert parsed.reply is not None
    assert (parsed.reply.text, parsed.reply.finish_reason) == ("", "max_tokens")


@pytest.mark.parametrize(
    ("status", "kind", "outcome", "fault"),
    [
        (400, "invalid_request_error", Outcome.FATAL, Fault.STATUS),
        (401, "authentication_error", Outcome.FATAL, Fault.STATUS),
        (402, "billing_error", Outcome.FATAL, Fault.QUOTA),
        (403, "permission_error", Outcome.FATAL, Fault.STATUS),
        (404, "not_found_error", Outcome.FATAL, Fault.STATUS),
        (413, "request_too_large", Outcome.FATAL, Fault.STATUS),
        (429, "rate_limit_error", Outcome.THROTTLED, Fault.STATUS),
        (500, "api_error", Outcome.TRANSIENT, Fault.STATUS),
        (504, "timeout_error", Outcome.TRANSIENT, Fault.STATUS),
        (529, "overloaded_error", Outcome.OVERLOADED, Fault.STATUS),
        (307, "", Outcome.FATAL, Fault.STATUS),
    ],
)
def test_errors_by_status_and_type(status: int, kind: str, outcome: Outcome, fault: Fault) -> None:
    assert parse(status, HEADERS, _error(kind)) == Parsed(
        outcome,
        fault,
        code=kind or None,
        detail=f"HTTP {status}: no",
        retry_after_s=13.0,
        should_retry=True,
        request_id=HEADERS["request-id"],
        levels=LEVELS,
    )


def test_no_credit_is_a_quota_though_its_type_does_not_say_so() -> None:
    message = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing."
    parsed = parse(400, {}, _error("invalid_request_error", message))
    assert (parsed.outcome, parsed.fault, parsed.code) == (
        Outcome.FATAL,
        Fault.QUOTA,
        "invalid_request_error",
    )


def test_the_request_id_of_the_body_serves_where_the_header_is_missing() -> None:
    assert parse(500, {}, _error("api_error")).request_id == "req_body"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        json.dumps(MESSAGE).encode()[:-40],
        b"<html>ok</html>",
        b"[]",
        b"{}",
        _changed(type="completion"),
        _changed(type="x" * 10_000),
        _changed(content=None),
        _changed(content="text"),
        _changed(content=[{"text": "no type"}]),
        _changed(content=[{"type": "text", "text": 5}]),
        _changed(content=None, usage=None),
        _changed(model=5),
        json.dumps(MESSAGE, ensure_ascii=False).encode("tis-620", "replace"),
        b'{"type":' + b"[" * 100_000,
    ],
)
def test_a_200_that_is_not_a_message_is_malformed(body: bytes) -> None:
    parsed = parse(200, {"request-id": "req_2"}, body)
    assert (parsed.outcome, parsed.fault, parsed.reply) == (Outcome.MALFORMED, Fault.BODY, None)
    assert parsed.request_id == "req_2"
    assert 0 < len(parsed.detail) <= 200


@given(status=st.integers(100, 599), body=st.binary(max_size=200))
@settings(deadline=None)
def test_no_reply_raises(status: int, body: bytes) -> None:
    parsed = parse(status, {}, body)
    assert parsed.outcome is not Outcome.OK
    assert parsed.reply is None


def _event(kind: str, **fields: Any) -> bytes:
    return json.dumps({"type": kind, **fields}).encode()


def _delta(kind: str, **fields: Any) -> bytes:
    return _event("content_block_delta", index=0, delta={"type": kind, **fields})


START = _event(
    "message_start",
    message={
        "type": "message",
        "model": "m",
        "content": [],
        "usage": {"input_tokens": 25, "output_tokens": 1},
    },
)
BLOCK = _event("content_block_start", index=0, content_block={"type": "text", "text": ""})
PING = _event("ping")
TEXT = _delta("text_delta", text="กา")
BLOCK_END = _event("content_block_stop", index=0)
END = _event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 15})
STOP = _event("message_stop")
OVERLOADED = _error("overloaded_error", "Overloaded")


def _name(data: bytes) -> str:
    try:
        return str(json.loads(data)["type"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def _read(*events: bytes, names: bool = True) -> tuple[list[tuple[Piece, str]], Parsed]:
    reader = ANTHROPIC.reader({"request-id": "req_3"})
    pieces = [reader.feed(SseEvent(_name(data) if names else "", data)) for data in events]
    assert reader.text == "".join(text for _, text in pieces)
    return pieces, reader.end()


def test_a_recorded_stream() -> None:
    reader = ANTHROPIC.reader(HEADERS)
    pieces = [reader.feed(event) for event in SseParser().feed(ANTHROPIC_STREAM)]
    assert pieces == [
        (Piece.PREAMBLE, ""),
        (Piece.PREAMBLE, ""),
        (Piece.PREAMBLE, ""),
        (Piece.OUTPUT, "กาแฟ"),
        (Piece.OUTPUT, "หอม ๆ ☕"),
        (Piece.END, ""),
        (Piece.END, ""),
        (Piece.END, ""),
    ]
    request_id = HEADERS["request-id"]
    assert reader.end() == Parsed(
        Outcome.OK,
        reply=Reply("กาแฟหอม ๆ ☕", "claude-sonnet-4-5-20250929", "end_turn", Usage(1157, 129), request_id),
        usage=Usage(1157, 129),
        request_id=request_id,
        levels=LEVELS,
    )


@pytest.mark.parametrize(
    ("data", "piece"),
    [
        (START, (Piece.PREAMBLE, "")),
        (BLOCK, (Piece.PREAMBLE, "")),
        (PING, (Piece.PREAMBLE, "")),
        (BLOCK_END, (Piece.PREAMBLE, "")),
        (_event("something_new", delta="not what a delta is"), (Piece.PREAMBLE, "")),
        (_delta("text_delta", text=" "), (Piece.OUTPUT, " ")),
        (_delta("text_delta", text=""), (Piece.OUTPUT, "")),
        (_delta("thinking_delta", thinking="คิด"), (Piece.OUTPUT, "")),
        (_delta("input_json_delta", partial_json="{"), (Piece.OUTPUT, "")),
        (_delta("signature_delta", signature="EqQ"), (Piece.OUTPUT, "")),
        (END, (Piece.END, "")),
        (STOP, (Piece.ERROR, "")),  # nothing else at all
        (OVERLOADED, (Piece.ERROR, "")),
        (b'{"error":{"type":"api_error","message":"from a gateway"}}', (Piece.ERROR, "")),
        (_delta("text_delta"), (Piece.ERROR, "")),
        (_delta("text_delta", text=5), (Piece.ERROR, "")),
        (_event("content_block_delta"), (Piece.ERROR, "")),
        (_event("message_delta", delta={}, usage={"output_tokens": -1}), (Piece.END, "")),
        (_event("message_delta", delta={}, usage=[]), (Piece.END, "")),
        (_event("message_start", message={"model": "m", "usage": "none"}), (Piece.PREAMBLE, "")),
        (_event("message_start", message="none"), (Piece.ERROR, "")),
        (b"", (Piece.ERROR, "")),
        (b"{", (Piece.ERROR, "")),
        (b"{}", (Piece.ERROR, "")),
        (b"[DONE]", (Piece.ERROR, "")),
        (b"\xff", (Piece.ERROR, "")),
        (b'{"type":"ping","x":' + b"[" * 100_000, (Piece.ERROR, "")),
    ],
)
@pytest.mark.parametrize("names", [True, False])
def test_what_an_event_is(data: bytes, piece: tuple[Piece, str], *, names: bool) -> None:
    assert _read(data, names=names)[0] == [piece]


def test_the_end_of_a_block_is_an_end_after_output() -> None:
    pieces, _ = _read(START, BLOCK, TEXT, PING, BLOCK_END)
    assert [piece for piece, _ in pieces[3:]] == [Piece.PREAMBLE, Piece.END]


def test_a_complete_stream() -> None:
    _, parsed = _read(START, BLOCK, TEXT, BLOCK_END, END, STOP, OVERLOADED)
    assert parsed == Parsed(
        Outcome.OK,
        reply=Reply("กา", "m", "end_turn", Usage(25, 15), "req_3"),
        usage=Usage(25, 15),
        request_id="req_3",
    )


def test_a_reply_without_text_is_complete_with_its_stop_reason() -> None:
    _, parsed = _read(START, END, STOP)
    assert parsed.reply == Reply("", "m", "end_turn", Usage(25, 15), "req_3")


def test_counts_of_the_last_event_replace_the_first_ones() -> None:
    late = {"input_tokens": 30, "cache_read_input_tokens": 4, "output_tokens": 15}
    end = _event("message_delta", delta={"stop_reason": "end_turn"}, usage=late)
    assert _read(START, TEXT, end, STOP)[1].usage == Usage(34, 15)


def test_a_server_that_counts_no_tokens() -> None:
    start = _event("message_start", message={"model": "m"})
    end = _event("message_delta", delta={"stop_reason": "end_turn"})
    _, parsed = _read(start, TEXT, end, STOP)
    assert parsed.reply == Reply("กา", "m", "end_turn", None, "req_3")


@pytest.mark.parametrize("usage", [None, [], "x", 5, {"input_tokens": -1, "output_tokens": 3}])
def test_a_usage_that_cannot_be_read_is_ignored(usage: Any) -> None:
    start = _event("message_start", message={"model": "m", "usage": usage})
    _, parsed = _read(start, TEXT, END, STOP)
    assert parsed.reply == Reply("กา", "m", "end_turn", None, "req_3")


@pytest.mark.parametrize("events", [(), (START,), (START, BLOCK, PING)])
def test_a_stream_that_ends_before_any_output_may_be_asked_again(events: tuple[bytes, ...]) -> None:
    _, parsed = _read(*events)
    assert (parsed.outcome, parsed.fault) == (Outcome.TRANSIENT, Fault.STREAM)
    assert parsed.detail == "the stream ended before any output"


def test_a_stream_of_nothing_but_its_ends_is_malformed() -> None:
    _, parsed = _read(START, STOP)
    assert (parsed.outcome, parsed.fault, parsed.reply) == (Outcome.MALFORMED, Fault.BODY, None)


@pytest.mark.parametrize("events", [(START, BLOCK, TEXT), (START, BLOCK, TEXT, BLOCK_END, END)])
def test_a_stream_without_its_end_is_partial(events: tuple[bytes, ...]) -> None:
    _, parsed = _read(*events)
    assert (parsed.outcome, parsed.fault, parsed.reply) == (Outcome.PARTIAL, Fault.STREAM, None)
    assert parsed.usage is not None


@pytest.mark.parametrize(
    ("kind", "outcome", "fault"),
    [
        ("overloaded_error", Outcome.OVERLOADED, Fault.STREAM),
        ("rate_limit_error", Outcome.THROTTLED, Fault.STREAM),
        ("api_error", Outcome.TRANSIENT, Fault.STREAM),
        ("timeout_error", Outcome.TRANSIENT, Fault.STREAM),
        ("authentication_error", Outcome.FATAL, Fault.STREAM),
        ("permission_error", Outcome.FATAL, Fault.STREAM),
        ("not_found_error", Outcome.FATAL, Fault.STREAM),
        ("invalid_request_error", Outcome.FATAL, Fault.STREAM),
        ("billing_error", Outcome.FATAL, Fault.QUOTA),
        ("something_new", Outcome.TRANSIENT, Fault.STREAM),
    ],
)
@pytest.mark.parametrize("names", [True, False])
def test_an_error_in_the_stream(kind: str, outcome: Outcome, fault: Fault, *, names: bool) -> None:
    pieces, parsed = _read(START, _error(kind), TEXT, names=names)
    assert [piece for piece, _ in pieces] == [Piece.PREAMBLE, Piece.ERROR, Piece.ERROR]
    assert (parsed.outcome, parsed.fault, parsed.code) == (outcome, fault, kind)
    assert parsed.detail == "error in the stream: no"
    assert parsed.request_id == "req_3"


@pytest.mark.parametrize(
    ("failure", "fault", "code"), [(OVERLOADED, Fault.STREAM, "overloaded_error"), (b"{", Fault.BODY, None)]
)
def test_a_failure_after_output_is_partial(failure: bytes, fault: Fault, code: str | None) -> None:
    _, parsed = _read(START, BLOCK, TEXT, failure)
    assert (parsed.outcome, parsed.fault, parsed.code, parsed.reply) == (Outcome.PARTIAL, fault, code, None)


@given(
    events=st.lists(
        st.binary(max_size=20)
        | st.sampled_from([START, BLOCK, PING, TEXT, BLOCK_END, END, STOP, OVERLOADED]),
        max_size=8,
    )
)
@settings(deadline=None)
def test_whatever_comes_the_end_agrees_with_the_pieces(events: list[bytes]) -> None:
    pieces, parsed = _read(*events)
    kinds = [piece for piece, _ in pieces]
    began = Piece.OUTPUT in kinds or Piece.END in kinds
    assert (parsed.reply is not None) == (parsed.outcome is Outcome.OK)
    if parsed.outcome is Outcome.OK:
        assert began
        assert Piece.ERROR not in kinds
    else:
        assert (parsed.outcome is Outcome.PARTIAL) == began
