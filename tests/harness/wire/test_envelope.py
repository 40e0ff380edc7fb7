"""Errors as any format reports them in a body."""

import json
import tracemalloc
from typing import Any

import pytest

from harness.model import Fault, Outcome, Usage
from harness.wire.anthropic import ANTHROPIC
from harness.wire.base import Wire
from harness.wire.opaque import OPAQUE
from harness.wire.openai import OPENAI

every_wire = pytest.mark.parametrize("wire", [OPENAI, ANTHROPIC, OPAQUE], ids=lambda wire: wire.name)
chat_wire = pytest.mark.parametrize("wire", [OPENAI, ANTHROPIC], ids=lambda wire: wire.name)


def _error(**fields: Any) -> bytes:
    return json.dumps({"error": fields}).encode()


@every_wire
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"code": 1234, "type": "x"}, "1234"),
        ({"code": None, "type": "x"}, "x"),
        ({"code": "", "type": "x"}, "x"),
        ({"code": True, "type": "x"}, "x"),
        ({"code": ["a"], "type": "x"}, "x"),
        ({"code": {"a": 1}, "type": 5.5}, None),
        ({"code": "c" * 5000, "type": "x"}, "c" * 100),
        ({"message": "only"}, None),
    ],
)
def test_the_code_of_an_error(wire: Wire, fields: dict[str, Any], code: str | None) -> None:
    assert wire.parse(400, {}, _error(**fields)).code == code


@every_wire
@pytest.mark.parametrize(
    ("message", "detail"),
    [("no", "HTTP 500: no"), (None, "HTTP 500: "), (5, "HTTP 500: "), ("é" * 5000, "HTTP 500: " + "é" * 200)],
)
def test_the_message_of_an_error(wire: Wire, message: Any, detail: str) -> None:
    assert wire.parse(500, {}, _error(message=message, type="server_error")).detail == detail


@every_wire
@pytest.mark.parametrize("message", [None, 5, {"a": 1}, "no"])
def test_a_quota_error_is_fatal_whatever_its_message_is(wire: Wire, message: Any) -> None:
    for fields in ({"type": "insufficient_quota"}, {"code": "insufficient_quota"}):
        parsed = wire.parse(429, {}, _error(message=message, **fields))
        assert (parsed.outcome, parsed.fault) == (Outcome.FATAL, Fault.QUOTA)
    parsed = wire.parse(429, {}, _error(type="insufficient_quota", code="project_limit", message=message))
    assert (parsed.outcome, parsed.fault, parsed.code) == (Outcome.FATAL, Fault.QUOTA, "project_limit")


@every_wire
def test_an_error_that_is_only_text(wire: Wire) -> None:
    parsed = wire.parse(503, {}, b'{"error":"try later"}')
    assert (parsed.outcome, parsed.code, parsed.detail) == (Outcome.OVERLOADED, None, "HTTP 503: try later")


@every_wire
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe\x00",
        b"null",
        b"[]",
        b"5",
        b'{"error":null}',
        b'{"error":5}',
        b'{"error":[]}',
        b'{"error":{}}',
        b'{"error":{"message":"\xff"}}',
        b'{"detail":[{"loc":["body","model"],"msg":"Field required","type":"missing"}]}',
        b'{"detail":""}',
        b'{"message":{"a":1},"type":5.5}',
        b'{"error":' + b"[" * 100_000,
        b'{"error":{"code":' + b"9" * 10_000 + b"}}",
        b'{"error":{"code":1e999}}',
    ],
)
def test_a_body_in_no_known_form_leaves_the_status(wire: Wire, body: bytes) -> None:
    parsed = wire.parse(503, {"retry-after": "3"}, body)
    assert (parsed.outcome, parsed.fault, parsed.code) == (Outcome.OVERLOADED, Fault.STATUS, None)
    assert parsed.detail == "HTTP 503: " + body.decode("utf-8", "replace")[:200]
    assert parsed.retry_after_s == 3.0


@every_wire
@pytest.mark.parametrize("letter", [b"x", "ก".encode(), b"\xff"])
def test_a_huge_error_page_is_quoted_shortened_and_not_copied(wire: Wire, letter: bytes) -> None:
    page = b"<html><title>502 Bad Gateway</title>" + letter * (10_000_000 // len(letter))
    tracemalloc.start()
    try:
        parsed = wire.parse(502, {}, page)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (parsed.outcome, parsed.code) == (Outcome.TRANSIENT, None)
    assert parsed.detail == "HTTP 502: " + page[:1000].decode("utf-8", "replace")[:200]
    assert peak < 100_000


@every_wire
@pytest.mark.parametrize(
    ("body", "code", "detail"),
    [
        # vLLM.
        (
            {"object": "error", "message": "too long", "type": "BadRequestError", "param": None, "code": 400},
            "400",
            "too long",
        ),
        ({"message": "too long", "type": "BadRequestError"}, "BadRequestError", "too long"),
        # FastAPI.
        ({"detail": "Not Found"}, None, "Not Found"),
        ({"detail": "d" * 5000}, None, "d" * 200),
        # Azure's gateway.
        ({"statusCode": 400, "message": "Try again in 2 seconds."}, None, "Try again in 2 seconds."),
        ({"message": "", "detail": "why"}, None, "why"),
        # An envelope comes first.
        ({"error": {"type": "t", "message": "inner"}, "message": "outer", "code": 5}, "t", "inner"),
    ],
)
def test_an_error_without_an_envelope(
    wire: Wire, body: dict[str, Any], code: str | None, detail: str
) -> None:
    for mark in (b"", b"\xef\xbb\xbf"):
        parsed = wire.parse(400, {}, mark + json.dumps(body).encode())
        assert (parsed.outcome, parsed.fault) == (Outcome.FATAL, Fault.STATUS)
        assert (parsed.code, parsed.detail) == (code, f"HTTP 400: {detail}")


@every_wire
def test_a_quota_without_an_envelope_is_fatal(wire: Wire) -> None:
    parsed = wire.parse(429, {}, b'{"object":"error","message":"no","type":"insufficient_quota","code":429}')
    assert (parsed.outcome, parsed.fault, parsed.code) == (Outcome.FATAL, Fault.QUOTA, "429")


IN_A_200 = [
    ({"type": "server_error", "code": None}, Outcome.TRANSIENT, Fault.BODY, "server_error"),
    ({"type": "invalid_request_error"}, Outcome.FATAL, Fault.BODY, "invalid_request_error"),
    ({"type": "invalid_request_error", "code": "new"}, Outcome.FATAL, Fault.BODY, "new"),
    ({"type": "rate_limit_error"}, Outcome.THROTTLED, Fault.BODY, "rate_limit_error"),
    ({"type": "tokens", "code": "rate_limit_exceeded"}, Outcome.THROTTLED, Fault.BODY, "rate_limit_exceeded"),
    ({"type": "overloaded_error"}, Outcome.OVERLOADED, Fault.BODY, "overloaded_error"),
    ({"type": "insufficient_quota"}, Outcome.FATAL, Fault.QUOTA, "insufficient_quota"),
    ({"code": "billing_error"}, Outcome.FATAL, Fault.QUOTA, "billing_error"),
    ({"code": 400}, Outcome.FATAL, Fault.BODY, "400"),
    ({"code": 402}, Outcome.FATAL, Fault.QUOTA, "402"),
    ({"code": "408"}, Outcome.TRANSIENT, Fault.BODY, "408"),
    ({"code": 429}, Outcome.THROTTLED, Fault.BODY, "429"),
    ({"code": 502}, Outcome.TRANSIENT, Fault.BODY, "502"),
    ({"code": 503}, Outcome.OVERLOADED, Fault.BODY, "503"),
    ({"code": 599}, Outcome.TRANSIENT, Fault.BODY, "599"),
    ({"code": 399}, Outcome.MALFORMED, Fault.BODY, "399"),
    ({"code": 600}, Outcome.MALFORMED, Fault.BODY, "600"),
    ({"code": 1234, "type": "never_seen"}, Outcome.MALFORMED, Fault.BODY, "1234"),
    ({}, Outcome.MALFORMED, Fault.BODY, None),
]


@chat_wire
@pytest.mark.parametrize("is_flat", [False, True])
@pytest.mark.parametrize(("fields", "outcome", "fault", "code"), IN_A_200)
def test_an_error_in_a_200_is_what_it_says(
    wire: Wire, fields: dict[str, Any], outcome: Outcome, fault: Fault, code: str | None, *, is_flat: bool
) -> None:
    error = {**fields, "message": "no"}
    body = json.dumps({"object": "error", **error} if is_flat else {"error": error}).encode()
    headers = {"retry-after": "2", "x-should-retry": "true"}
    for mark in (b"", b"\xef\xbb\xbf"):
        parsed = wire.parse(200, headers, mark + body)
        assert (parsed.outcome, parsed.fault, parsed.code, parsed.reply) == (outcome, fault, code, None)
        assert parsed.detail == "HTTP 200 with an error: no"
        assert (parsed.retry_after_s, parsed.should_retry) == (2.0, True)


@chat_wire
def test_an_error_of_anthropics_form_in_a_200(wire: Wire) -> None:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_9"}'
    parsed = wire.parse(200, {}, body)
    assert (parsed.outcome, parsed.code, parsed.request_id) == (
        Outcome.OVERLOADED,
        "overloaded_error",
        "req_9",
    )


@chat_wire
@pytest.mark.parametrize(
    "body", [b'{"error":5}', b'{"error":{}}', b'{"error":null}', b'{"type":"server_error"}']
)
def test_a_200_that_tells_no_error_is_malformed(wire: Wire, body: bytes) -> None:
    parsed = wire.parse(200, {}, body)
    assert (parsed.outcome, parsed.fault, parsed.code) == (Outcome.MALFORMED, Fault.BODY, None)
    assert parsed.detail.startswith("the body is not a ")


@chat_wire
def test_tokens_of_an_unusable_reply_are_still_counted(wire: Wire) -> None:
    body = b'{"usage":{"prompt_tokens":5,"completion_tokens":7}}'
    assert wire.parse(200, {}, body).usage == Usage(5, 7)


@every_wire
def test_headers_of_a_reply_are_not_echoed(wire: Wire) -> None:
    headers = {"authorization": "Bearer sk-secret", "x-api-key": "sk-secret", "set-cookie": "sk-secret"}
    for status in (200, 400, 500):
        assert "sk-secret" not in repr(wire.parse(status, headers, b"<html>"))
    assert "sk-secret" not in repr(wire.reader(headers).end())
