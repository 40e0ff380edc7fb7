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
        b'{"detail":"Not Found"}',
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


@chat_wire
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"type": "server_error", "code": None, "message": "no"}, "server_error"),
        ({"code": 429, "message": "no"}, "429"),
        ({"type": "insufficient_quota", "message": "no"}, "insufficient_quota"),
        ({"message": "no"}, None),
    ],
)
def test_an_error_in_a_200_is_malformed_with_its_code(wire: Wire, fields: dict[str, Any], code: str) -> None:
    parsed = wire.parse(200, {"retry-after": "2"}, _error(**fields))
    assert (parsed.outcome, parsed.fault, parsed.code) == (Outcome.MALFORMED, Fault.BODY, code)
    assert parsed.detail == "HTTP 200 with an error: no"
    assert parsed.retry_after_s == 2.0


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
