"""OpenAI's wire format, held against golden payloads."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.model import Fault, Level, Levels, Message, Outcome, Reply, Request, Usage
from harness.wire.base import Parsed, Piece
from harness.wire.openai import OPENAI
from harness.wire.sse import SseEvent, SseParser
from tests.harness.wire.streams import OPENAI_STREAM

parse = OPENAI.parse

# The request of the article's client.
ARTICLE = Request(
    (
        Message("system", "คุณเป็นผู้เชี่ยวชาญด้านการเขียนคอนเทนต์ภาษาไทย"),
        Message("user", "เขียนแคมเปญโปรโมทร้านกาแฟในกรุงเทพ"),
    ),
    model="gpt-4.1",
    max_tokens=1000,
    temperature=0.7,
)

# Headers and body of a 429 as OpenAI sends it for gpt-4.1.
THROTTLED_HEADERS = {
    "retry-after": "1",
    "retry-after-ms": "494",
    "x-ratelimit-limit-requests": "10000",
    "x-ratelimit-limit-tokens": "30000000",
    "x-ratelimit-remaining-requests": "9999",
    "x-ratelimit-remaining-tokens": "0",
    "x-ratelimit-reset-requests": "6ms",
    "x-ratelimit-reset-tokens": "1m0.052s",
    "x-request-id": "req_4711",
}
THROTTLED = (
    b'{"error":{"message":"Rate limit reached for gpt-4.1 in organization org-x on tokens per min (TPM): '
    b'Limit 30000, Used 28039, Requested 3906. Please try again in 3.89s.","type":"tokens","param":null,'
    b'"code":"rate_limit_exceeded"}}'
)
COMPLETION = {
    "id": "chatcmpl-9",
    "object": "chat.completion",
    "created": 1_730_000_000,
    "model": "gpt-4.1-2025-04-14",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "กาแฟหอม ๆ ☕", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {
        "prompt_tokens": 57,
        "completion_tokens": 129,
        "total_tokens": 186,
        "prompt_tokens_details": {"cached_tokens": 0},
    },
    "system_fingerprint": "fp_1",
}


def _error(kind: str, code: str | None, message: str = "no") -> bytes:
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}}).encode()


def test_the_body_of_the_articles_request() -> None:
    assert json.loads(OPENAI.encode(ARTICLE)) == {
        "model": "gpt-4.1",
        "messages": [
            {"role": "system", "content": "คุณเป็นผู้เชี่ยวชาญด้านการเขียนคอนเทนต์ภาษาไทย"},
            {"role": "user", "content": "เขียนแคมเปญโปรโมทร้านกาแฟในกรุงเทพ"},
        ],
        "max_tokens": 1000,
        "temperature": 0.7,
    }


def test_a_stream_is_asked_for_its_usage() -> None:
    sent = json.loads(OPENAI.encode(Request((Message("user", "a"),), "m", 1, stream=True)))
    assert (sent["stream"], sent["stream_options"]) == (True, {"include_usage": True})


def test_no_bound_is_sent_where_none_is_set() -> None:
    request = Request((Message("user", "a"),), "o3", None)
    assert OPENAI.encode(request) == b'{"model":"o3","messages":[{"role":"user","content":"a"}]}'


def test_a_model_that_thinks_has_its_own_bound() -> None:
    request = Request((Message("user", "a"),), "o3", None, extra={"max_completion_tokens": 500})
    assert json.loads(OPENAI.encode(request)) == {
        "model": "o3",
        "messages": [{"role": "user", "content": "a"}],
        "max_completion_tokens": 500,
    }


def test_turns_keep_their_order_and_a_temperature_of_two_is_sent() -> None:
    turns = (Message("user", "1"), Message("assistant", "2"), Message("system", "3"), Message("user", "4"))
    sent = json.loads(OPENAI.encode(Request(turns, "m", 1, temperature=2.0)))
    assert [(m["role"], m["content"]) for m in sent["messages"]] == [
        ("user", "1"),
        ("assistant", "2"),
        ("system", "3"),
        ("user", "4"),
    ]
    assert sent["temperature"] == 2.0


def test_headers_carry_the_key() -> None:
    assert OPENAI.headers("sk-test") == {
        "authorization": "Bearer sk-test",
        "content-type": "application/json",
        "accept": "application/json",
    }


def test_its_name_and_path() -> None:
    assert (OPENAI.name, OPENAI.path) == ("openai", "/chat/completions")


def test_a_completion_is_a_reply() -> None:
    parsed = parse(200, {"x-request-id": "req_1"}, json.dumps(COMPLETION).encode())
    assert parsed == Parsed(
        Outcome.OK,
        Fault.NONE,
        reply=Reply("กาแฟหอม ๆ ☕", "gpt-4.1-2025-04-14", "stop", Usage(57, 129), "req_1"),
        usage=Usage(57, 129),
        request_id="req_1",
    )


def test_a_completion_tells_the_limits() -> None:
    parsed = parse(200, THROTTLED_HEADERS, json.dumps(COMPLETION).encode())
    assert parsed.levels == Levels(Level(10_000, 9_999), Level(30_000_000, 0))
    assert parsed.retry_after_s is None


def test_a_429_with_its_headers() -> None:
    parsed = parse(429, THROTTLED_HEADERS, THROTTLED)
    assert (parsed.outcome, parsed.fault, parsed.code) == (
        Outcome.THROTTLED,
        Fault.STATUS,
        "rate_limit_exceeded",
    )
    assert parsed.retry_after_s == 0.494
    assert parsed.should_retry is None
    assert parsed.request_id == "req_4711"
    assert parsed.levels == Levels(Level(10_000, 9_999), Level(30_000_000, 0))
    assert parsed.detail.startswith("HTTP 429: Rate limit reached for gpt-4.1")
    assert parsed.reply is None


@pytest.mark.parametrize(
    ("status", "body", "outcome", "code"),
    [
        (429, _error("requests", "rate_limit_exceeded"), Outcome.THROTTLED, "rate_limit_exceeded"),
        (429, _error("insufficient_quota", "insufficient_quota"), Outcome.FATAL, "insufficient_quota"),
        (429, _error("insufficient_quota", None), Outcome.FATAL, "insufficient_quota"),
        (429, _error("x", "credit_balance_exhausted"), Outcome.FATAL, "credit_balance_exhausted"),
        (
            401,
            _error("invalid_request_error", "invalid_api_key", "Incorrect API key provided: sk-ab***cd."),
            Outcome.FATAL,
            "invalid_api_key",
        ),
        (400, _error("invalid_request_error", None), Outcome.FATAL, "invalid_request_error"),
        (404, _error("invalid_request_error", "model_not_found"), Outcome.FATAL, "model_not_found"),
        (408, _error("timeout", None), Outcome.TRANSIENT, "timeout"),
        (409, _error("conflict", None), Outcome.TRANSIENT, "conflict"),
        (500, _error("server_error", None), Outcome.TRANSIENT, "server_error"),
        (
            503,
            _error("service_unavailable_error", "server_is_overloaded"),
            Outcome.OVERLOADED,
            "server_is_overloaded",
        ),
        (529, _error("overloaded_error", None), Outcome.OVERLOADED, "overloaded_error"),
    ],
)
def test_errors_by_status_and_code(status: int, body: bytes, outcome: Outcome, code: str) -> None:
    parsed = parse(status, {}, body)
    fault = Fault.QUOTA if code in {"insufficient_quota", "credit_balance_exhausted"} else Fault.STATUS
    assert (parsed.outcome, parsed.fault, parsed.code) == (outcome, fault, code)
    assert parsed.detail.startswith(f"HTTP {status}: ")


def _changed(**changes: object) -> bytes:
    return json.dumps({**COMPLETION, **changes}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        json.dumps(COMPLETION).encode()[:-40],
        b"<html>ok</html>",
        b'"a string"',
        b"[]",
        b"{}",
        _changed(choices=[]),
        _changed(choices=None),
        _changed(choices=[{"index": 0, "finish_reason": "stop"}]),
        _changed(choices=[{"message": None}]),
        _changed(choices=[{"message": {"content": 5}}]),
        _changed(choices=[{"message": {"content": [5]}}]),
        _changed(choices=[], usage=None),
        _changed(model=5),
        json.dumps(COMPLETION, ensure_ascii=False).encode("utf-16"),
        json.dumps(COMPLETION, ensure_ascii=False).encode("tis-620", "replace"),
        b'{"x":' + b"[" * 100_000,
    ],
)
def test_a_200_that_is_not_a_completion_is_malformed(body: bytes) -> None:
    parsed = parse(200, {"x-request-id": "req_2"}, body)
    assert (parsed.outcome, parsed.fault, parsed.reply) == (Outcome.MALFORMED, Fault.BODY, None)
    assert parsed.request_id == "req_2"
    assert parsed.detail
    assert len(parsed.detail) <= 200


def test_a_completion_without_choices_has_still_been_paid_for() -> None:
    parsed = parse(200, {}, _changed(choices=[]))
    assert (parsed.outcome, parsed.usage) == (Outcome.MALFORMED, Usage(57, 129))


def _without(*names: str) -> bytes:
    return json.dumps({name: value for name, value in COMPLETION.items() if name not in names}).encode()


@pytest.mark.parametrize(
    "body",
    [
        _without("usage"),
        _changed(usage=None),
        _changed(usage={}),
        _changed(usage={"prompt_tokens": 1}),
        _changed(usage={"prompt_tokens": "many", "completion_tokens": 1}),
        _changed(usage={"prompt_tokens": -1, "completion_tokens": 1}),
        _changed(usage={"prompt_tokens": 1, "completion_tokens": 2**31}),
        _changed(usage={"prompt_tokens": 1.5, "completion_tokens": 1}),
        _changed(usage=[]),
        _changed(usage="none"),
    ],
)
def test_a_completion_that_does_not_count_its_tokens_is_a_reply(body: bytes) -> None:
    assert parse(200, {"x-request-id": "req_1"}, body) == Parsed(
        Outcome.OK,
        reply=Reply("กาแฟหอม ๆ ☕", "gpt-4.1-2025-04-14", "stop", None, "req_1"),
        request_id="req_1",
    )


@pytest.mark.parametrize("body", [_without("model"), _changed(model=None), _changed(model="")])
def test_a_completion_that_names_no_model_is_a_reply(body: bytes) -> None:
    assert parse(200, {}, body).reply == Reply("กาแฟหอม ๆ ☕", "", "stop", Usage(57, 129))


def test_a_byte_order_mark_before_a_completion_is_passed_over() -> None:
    body = json.dumps(COMPLETION).encode()
    assert parse(200, {}, b"\xef\xbb\xbf" + body) == parse(200, {}, body)
    assert parse(200, {}, b"\xef\xbb\xbf" + _without("usage")).outcome is Outcome.OK


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "กาแฟ"}, {"type": "text", "text": "หอม"}], "กาแฟหอม"),
        (
            [
                {"type": "thinking", "thinking": [{"type": "text", "text": "x"}]},
                {"type": "text", "text": "a"},
            ],
            "a",
        ),
        ([{"type": "text", "text": None}, {"type": "refusal", "refusal": "no"}], ""),
        ([], ""),
    ],
)
def test_a_message_in_parts_is_the_text_of_them(content: list[Any], text: str) -> None:
    parsed = parse(200, {}, _changed(choices=[{"message": {"role": "assistant", "content": content}}]))
    assert parsed.reply == Reply(text, "gpt-4.1-2025-04-14", "", Usage(57, 129))


@pytest.mark.parametrize("content", [None, ""])
def test_a_completion_without_text_is_an_empty_reply(content: str | None) -> None:
    body = _changed(
        choices=[{"message": {"role": "assistant", "content": content}, "finish_reason": "length"}]
    )
    parsed = parse(200, {}, body)
    assert parsed.reply is not None
    assert (parsed.reply.text, parsed.reply.finish_reason) == ("", "length")


@pytest.mark.parametrize("status", [204, 301, 302, 304, 307])
def test_only_200_is_a_success(status: int) -> None:
    parsed = parse(status, {"location": "https://elsewhere"}, json.dumps(COMPLETION).encode())
    assert (parsed.outcome, parsed.fault, parsed.reply) == (Outcome.FATAL, Fault.STATUS, None)


@given(status=st.integers(100, 599), body=st.binary(max_size=200), hint=st.text(max_size=20))
@settings(deadline=None)
def test_no_reply_raises(status: int, body: bytes, hint: str) -> None:
    parsed = parse(status, {"retry-after": hint, "x-should-retry": hint}, body)
    assert parsed.outcome is not Outcome.OK
    assert parsed.reply is None


def _chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **fields: Any) -> bytes:
    choice = {"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish}
    return json.dumps(
        {"object": "chat.completion.chunk", "model": "m", "choices": [choice], **fields}
    ).encode()


ROLE = _chunk({"role": "assistant", "content": ""})
TEXT = _chunk({"content": "กา"})
STOP = _chunk(finish="stop")
USAGE = _chunk(choices=[], usage={"prompt_tokens": 5, "completion_tokens": 7})
DONE = b"[DONE]"
BROKEN = b'{"error":{"message":"The server had an error","type":"server_error","param":null,"code":null}}'


def _read(*events: bytes, name: str = "") -> tuple[list[tuple[Piece, str]], Parsed]:
    reader = OPENAI.reader({"x-request-id": "req_3"})
    pieces = [reader.feed(SseEvent(name, data)) for data in events]
    assert reader.text == "".join(text for _, text in pieces)
    return pieces, reader.end()


def test_a_recorded_stream() -> None:
    reader = OPENAI.reader(THROTTLED_HEADERS)
    pieces = [reader.feed(event) for event in SseParser().feed(OPENAI_STREAM)]
    assert pieces == [
        (Piece.PREAMBLE, ""),
        (Piece.OUTPUT, "กาแฟ"),
        (Piece.OUTPUT, "หอม ๆ ☕"),
        (Piece.END, ""),
        (Piece.END, ""),
        (Piece.END, ""),
    ]
    assert reader.text == "กาแฟหอม ๆ ☕"
    assert reader.end() == Parsed(
        Outcome.OK,
        reply=Reply("กาแฟหอม ๆ ☕", "gpt-4.1-2025-04-14", "stop", Usage(57, 129), "req_4711"),
        usage=Usage(57, 129),
        request_id="req_4711",
        levels=Levels(Level(10_000, 9_999), Level(30_000_000, 0)),
    )


@pytest.mark.parametrize(
    ("data", "piece"),
    [
        (ROLE, (Piece.PREAMBLE, "")),
        (_chunk({}), (Piece.PREAMBLE, "")),
        (_chunk({"content": None, "refusal": None, "tool_calls": []}), (Piece.PREAMBLE, "")),
        (_chunk(choices=[{"index": 0, "delta": None}]), (Piece.PREAMBLE, "")),
        # Azure's first chunk.
        (_chunk(choices=[], model="", prompt_filter_results=[{}]), (Piece.PREAMBLE, "")),
        (_chunk({"content": " "}), (Piece.OUTPUT, " ")),
        (
            _chunk({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}),
            (Piece.OUTPUT, "ab"),
        ),
        (_chunk({"content": [{"type": "thinking", "thinking": []}]}), (Piece.OUTPUT, "")),
        (_chunk({"content": []}), (Piece.PREAMBLE, "")),
        (_chunk({"refusal": "I cannot"}), (Piece.OUTPUT, "")),
        (_chunk({"role": "assistant", "content": "", "reasoning_content": "คิด"}), (Piece.OUTPUT, "")),
        (_chunk({"content": None, "reasoning": "คิด"}), (Piece.OUTPUT, "")),
        (_chunk({"function_call": {"name": "f", "arguments": ""}}), (Piece.OUTPUT, "")),
        (_chunk({"audio": {"id": "audio_1", "data": "AAAA"}}), (Piece.OUTPUT, "")),
        (_chunk({"content": "", "reasoning_content": "", "reasoning": None}), (Piece.PREAMBLE, "")),
        (_chunk({"function_call": None, "audio": None}), (Piece.PREAMBLE, "")),
        (_chunk({"content": "a", "reasoning": "b"}), (Piece.OUTPUT, "a")),
        (_chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}), (Piece.OUTPUT, "")),
        (_chunk({"content": "a"}, finish="stop"), (Piece.OUTPUT, "a")),
        (STOP, (Piece.END, "")),
        (USAGE, (Piece.END, "")),
        (_chunk(choices=[{"index": 1, "delta": {"content": "other"}}]), (Piece.OUTPUT, "")),
        (_chunk({"content": "a"}, error=None), (Piece.OUTPUT, "a")),
        (DONE, (Piece.ERROR, "")),  # nothing else at all
        (BROKEN, (Piece.ERROR, "")),
        (_chunk({"content": "a"}, error={"code": 502, "message": "gone"}), (Piece.ERROR, "")),
        (b"", (Piece.ERROR, "")),
        (b"{", (Piece.ERROR, "")),
        (b"null", (Piece.ERROR, "")),
        (b"[]", (Piece.ERROR, "")),
        # Keep-alive chunks of gateways.
        (b"{}", (Piece.PREAMBLE, "")),
        (b'{"id":"","object":"chat.completion.chunk"}', (Piece.PREAMBLE, "")),
        (b'{"type":"ping"}', (Piece.PREAMBLE, "")),
        (b'{"type":["error"],"object":{},"code":[]}', (Piece.PREAMBLE, "")),
        (b"\xff", (Piece.ERROR, "")),
        (_chunk({"content": 5}), (Piece.ERROR, "")),
        (_chunk(choices=5), (Piece.ERROR, "")),
        (_chunk(choices=None), (Piece.PREAMBLE, "")),
        (_chunk(choices=None, usage={"prompt_tokens": 1, "completion_tokens": 0}), (Piece.END, "")),
        (b'{"usage":{"prompt_tokens":1,"completion_tokens":0}}', (Piece.END, "")),
        (_chunk(choices=None, usage={"prompt_tokens": 1}), (Piece.PREAMBLE, "")),
        (_chunk(choices=[], usage={"prompt_tokens": -1, "completion_tokens": 0}), (Piece.PREAMBLE, "")),
        (_chunk({"content": "a"}, usage=[5]), (Piece.OUTPUT, "a")),
        (_chunk({"content": "a"}, usage="none"), (Piece.OUTPUT, "a")),
        (_chunk({"tool_calls": [{"index": 0}]}, usage=5), (Piece.OUTPUT, "")),
        # Errors without an envelope, and without the event's name.
        (b'{"object":"error","message":"no","type":"BadRequestError","code":400}', (Piece.ERROR, "")),
        (b'{"type":"error","code":"server_error","message":"no"}', (Piece.ERROR, "")),
        (b'{"choices":[],"x":' + b"[" * 100_000, (Piece.ERROR, "")),
    ],
)
def test_what_an_event_is(data: bytes, piece: tuple[Piece, str]) -> None:
    assert _read(data)[0] == [piece]


@pytest.mark.parametrize(
    ("events", "finish", "usage"),
    [
        ((ROLE, TEXT, STOP, USAGE, DONE), "stop", Usage(5, 7)),
        ((ROLE, TEXT, STOP, DONE), "stop", None),
        ((ROLE, TEXT, STOP), "stop", None),
        ((TEXT, STOP, USAGE), "stop", Usage(5, 7)),
        ((ROLE, TEXT, DONE), "", None),
        ((ROLE, TEXT, b" [DONE] "), "", None),
        ((ROLE, TEXT, _chunk(finish="length"), DONE, BROKEN, b"junk"), "length", None),
    ],
)
def test_a_complete_stream(events: tuple[bytes, ...], finish: str, usage: Usage | None) -> None:
    _, parsed = _read(*events)
    assert parsed == Parsed(
        Outcome.OK, reply=Reply("กา", "m", finish, usage, "req_3"), usage=usage, request_id="req_3"
    )


def test_a_reply_without_text_is_complete_with_its_finish_reason() -> None:
    _, parsed = _read(ROLE, STOP, DONE)
    assert parsed.reply == Reply("", "m", "stop", None, "req_3")


def test_usage_that_every_chunk_tells_is_taken_from_the_last() -> None:
    early, late = ({"prompt_tokens": 5, "completion_tokens": n} for n in (1, 2))
    pieces, parsed = _read(_chunk({"role": "assistant"}, usage=early), _chunk({"content": "a"}, usage=late))
    assert [piece for piece, _ in pieces] == [Piece.PREAMBLE, Piece.OUTPUT]
    assert parsed.usage == Usage(5, 2)


@pytest.mark.parametrize(
    "usage", [{"prompt_tokens": 5}, {"prompt_tokens": -5, "completion_tokens": 2}, "x", [], 5]
)
def test_a_usage_that_cannot_be_read_is_ignored(usage: Any) -> None:
    _, parsed = _read(ROLE, TEXT, STOP, _chunk(choices=[], usage=usage), DONE)
    assert parsed.reply == Reply("กา", "m", "stop", None, "req_3")
    _, parsed = _read(ROLE, TEXT, STOP, USAGE, _chunk(choices=[], usage=usage), DONE)
    assert parsed.reply == Reply("กา", "m", "stop", Usage(5, 7), "req_3")


def test_a_usage_chunk_without_choices_counts() -> None:
    nothing: tuple[list[Any] | None, ...] = (None, [])
    for choices in nothing:
        usage = _chunk(choices=choices, usage={"prompt_tokens": 5, "completion_tokens": 7})
        assert _read(ROLE, TEXT, STOP, usage, DONE)[1].usage == Usage(5, 7)
    _, parsed = _read(ROLE, TEXT, STOP, b'{"usage":{"prompt_tokens":5,"completion_tokens":7}}', DONE)
    assert parsed.usage == Usage(5, 7)


def test_thinking_is_no_text_but_the_reply_has_begun() -> None:
    thinking = _chunk({"role": "assistant", "reasoning_content": "คิด"})
    pieces, parsed = _read(thinking, TEXT, STOP, DONE)
    assert pieces[0] == (Piece.OUTPUT, "")
    assert parsed.reply == Reply("กา", "m", "stop", None, "req_3")
    _, parsed = _read(thinking)
    assert (parsed.outcome, parsed.fault) == (Outcome.PARTIAL, Fault.STREAM)


@pytest.mark.parametrize("events", [(), (ROLE,), (ROLE, _chunk({}))])
def test_a_stream_that_ends_before_any_output_may_be_asked_again(events: tuple[bytes, ...]) -> None:
    _, parsed = _read(*events)
    assert (parsed.outcome, parsed.fault) == (Outcome.TRANSIENT, Fault.STREAM)
    assert parsed.detail == "the stream ended before any output"
    assert parsed.request_id == "req_3"


@pytest.mark.parametrize("events", [(DONE,), (ROLE, DONE)])
def test_a_stream_of_nothing_but_its_end_mark_is_malformed(events: tuple[bytes, ...]) -> None:
    _, parsed = _read(*events)
    assert (parsed.outcome, parsed.fault, parsed.reply) == (Outcome.MALFORMED, Fault.BODY, None)


def test_a_stream_that_ends_after_some_output_is_partial() -> None:
    _, parsed = _read(ROLE, TEXT)
    assert (parsed.outcome, parsed.fault, parsed.reply) == (Outcome.PARTIAL, Fault.STREAM, None)
    assert parsed.detail == "the stream ended before the reply was complete"


@pytest.mark.parametrize(
    ("kind", "code", "outcome", "fault"),
    [
        ("server_error", None, Outcome.TRANSIENT, Fault.STREAM),
        ("server_error", "server_error", Outcome.TRANSIENT, Fault.STREAM),
        ("tokens", "rate_limit_exceeded", Outcome.THROTTLED, Fault.STREAM),
        ("requests", None, Outcome.THROTTLED, Fault.STREAM),
        ("tokens", None, Outcome.THROTTLED, Fault.STREAM),
        ("insufficient_quota", "insufficient_quota", Outcome.FATAL, Fault.QUOTA),
        ("insufficient_quota", None, Outcome.FATAL, Fault.QUOTA),
        ("service_unavailable_error", "server_is_overloaded", Outcome.OVERLOADED, Fault.STREAM),
        ("service_unavailable", None, Outcome.OVERLOADED, Fault.STREAM),
        ("overloaded", None, Outcome.OVERLOADED, Fault.STREAM),
        ("invalid_request_error", "context_length_exceeded", Outcome.FATAL, Fault.STREAM),
        ("something_new", "never_seen", Outcome.TRANSIENT, Fault.STREAM),
        ("", 429, Outcome.THROTTLED, Fault.STREAM),
        ("", "503", Outcome.OVERLOADED, Fault.STREAM),
        ("", 402, Outcome.FATAL, Fault.QUOTA),
        ("", 400, Outcome.FATAL, Fault.STREAM),
        ("", 399, Outcome.TRANSIENT, Fault.STREAM),
        ("", 600, Outcome.TRANSIENT, Fault.STREAM),
        ("", 7, Outcome.TRANSIENT, Fault.STREAM),
        (None, None, Outcome.TRANSIENT, Fault.STREAM),
    ],
)
@pytest.mark.parametrize("name", ["", "error"])
def test_an_error_in_the_stream(
    kind: str | None, code: str | int | None, outcome: Outcome, fault: Fault, name: str
) -> None:
    error = json.dumps({"error": {"message": "no", "type": kind, "param": None, "code": code}}).encode()
    kept = str(code) if code is not None else kind or None
    reader = OPENAI.reader({"x-request-id": "req_3", "retry-after": "2", "x-should-retry": "true"})
    assert reader.feed(SseEvent("", ROLE)) == (Piece.PREAMBLE, "")
    assert reader.feed(SseEvent(name, error)) == (Piece.ERROR, "")
    assert reader.feed(SseEvent("", TEXT)) == (Piece.ERROR, "")
    expected = Parsed(
        outcome,
        fault,
        code=kept,
        detail="error in the stream: no",
        retry_after_s=2.0,
        should_retry=True,
        request_id="req_3",
    )
    assert reader.end() == expected


@pytest.mark.parametrize(
    ("failure", "fault", "code"),
    [
        (BROKEN, Fault.STREAM, "server_error"),
        (b"{", Fault.BODY, None),
        (b'{"error":{"type":"insufficient_quota"}}', Fault.QUOTA, "insufficient_quota"),
    ],
)
@pytest.mark.parametrize("before", [(ROLE, TEXT), (TEXT, STOP), (_chunk({"refusal": "no"}),), (USAGE,)])
def test_a_failure_after_output_is_partial(
    before: tuple[bytes, ...], failure: bytes, fault: Fault, code: str | None
) -> None:
    pieces, parsed = _read(*before, failure)
    assert pieces[-1] == (Piece.ERROR, "")
    assert (parsed.outcome, parsed.fault, parsed.code, parsed.reply) == (Outcome.PARTIAL, fault, code, None)
    assert parsed.detail


@pytest.mark.parametrize("name", ["", "error"])
def test_an_error_without_an_envelope(name: str) -> None:
    error = b'{"object":"error","message":"too long","type":"BadRequestError","param":null,"code":400}'
    _, parsed = _read(error, name=name)
    assert (parsed.outcome, parsed.fault, parsed.code) == (Outcome.FATAL, Fault.STREAM, "400")
    assert parsed.detail == "error in the stream: too long"


def test_an_error_event_in_no_known_form_is_quoted() -> None:
    _, parsed = _read(b"upstream \xff" + b"x" * 10_000, name="error")
    assert (parsed.outcome, parsed.fault, parsed.code) == (Outcome.TRANSIENT, Fault.STREAM, None)
    assert parsed.detail.startswith("error in the stream: upstream \ufffdxxx")
    assert len(parsed.detail) == len("error in the stream: ") + 200


def test_an_event_that_is_no_chunk_is_malformed() -> None:
    _, parsed = _read(ROLE, b"<html>")
    assert (parsed.outcome, parsed.fault) == (Outcome.MALFORMED, Fault.BODY)
    assert parsed.detail.startswith("an event is not a chunk of a chat completion: ")


@given(
    events=st.lists(
        st.binary(max_size=20) | st.sampled_from([ROLE, TEXT, STOP, USAGE, DONE, BROKEN, _chunk({})]),
        max_size=8,
    )
)
@settings(deadline=None)
def test_whatever_comes_the_end_agrees_with_the_pieces(events: list[bytes]) -> None:
    pieces, parsed = _read(*events)
    kinds = [piece for piece, _ in pieces]
    failed = Piece.ERROR in kinds
    began = Piece.OUTPUT in kinds or Piece.END in kinds
    assert (parsed.reply is not None) == (parsed.outcome is Outcome.OK)
    if parsed.outcome is Outcome.OK:
        assert began
        assert not failed
    else:
        assert (parsed.outcome is Outcome.PARTIAL) == began
    if failed:
        assert set(kinds[kinds.index(Piece.ERROR) :]) == {Piece.ERROR}
