"""OpenAI's wire format, held against golden payloads."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import RequestError
from harness.model import Fault, Outcome, Reply, Request, Usage
from harness.wire.openai import Parsed, encode, headers, parse

# The request of the article's client.
ARTICLE = Request(
    prompt="เขียนแคมเปญโปรโมทร้านกาแฟในกรุงเทพ",
    model="gpt-4.1",
    max_tokens=1000,
    system="คุณเป็นผู้เชี่ยวชาญด้านการเขียนคอนเทนต์ภาษาไทย",
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
    assert json.loads(encode(ARTICLE)) == {
        "model": "gpt-4.1",
        "messages": [
            {"role": "system", "content": "คุณเป็นผู้เชี่ยวชาญด้านการเขียนคอนเทนต์ภาษาไทย"},
            {"role": "user", "content": "เขียนแคมเปญโปรโมทร้านกาแฟในกรุงเทพ"},
        ],
        "max_tokens": 1000,
        "temperature": 0.7,
    }


def test_what_is_not_asked_for_is_not_sent() -> None:
    assert encode(Request("สวัสดี", "m", 1)) == (
        '{"model":"m","messages":[{"role":"user","content":"สวัสดี"}],"max_tokens":1}'.encode()
    )


def test_temperature_zero_is_sent() -> None:
    assert json.loads(encode(Request("a", "m", 1, temperature=0.0)))["temperature"] == 0


@given(prompt=st.text(min_size=1).filter(str.strip), system=st.none() | st.text())
@settings(deadline=None)
def test_any_text_survives_the_wire(prompt: str, system: str | None) -> None:
    messages = json.loads(encode(Request(prompt, "m", 5, system)))["messages"]
    assert [m["content"] for m in messages] == ([prompt] if system is None else [system, prompt])


@pytest.mark.parametrize("prompt", ["", " ", "\n\t "])
def test_an_empty_prompt_is_refused(prompt: str) -> None:
    with pytest.raises(RequestError, match="prompt is empty"):
        encode(Request(prompt, "m", 5))


@pytest.mark.parametrize("tokens", [0, -1])
def test_fewer_than_one_token_is_refused(tokens: int) -> None:
    with pytest.raises(RequestError, match=f"max_tokens = {tokens}: expected at least 1"):
        encode(Request("a", "m", tokens))


def test_text_that_is_not_unicode_is_refused_as_a_request_error() -> None:
    # Half a surrogate pair, as `errors="surrogateescape"` leaves in text read from a file.
    with pytest.raises(RequestError):
        encode(Request("ขาย \ud800", "m", 5))


def test_headers_carry_the_key() -> None:
    sent = headers("sk-test")
    assert sent["authorization"] == "Bearer sk-test"
    assert sent["content-type"] == "application/json"


def test_a_completion_is_a_reply() -> None:
    parsed = parse(200, {"x-request-id": "req_1"}, json.dumps(COMPLETION).encode())
    assert parsed == Parsed(
        Outcome.OK,
        Fault.NONE,
        reply=Reply("กาแฟหอม ๆ ☕", "gpt-4.1-2025-04-14", "stop", Usage(57, 129), "req_1"),
        request_id="req_1",
    )


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


def test_a_numeric_code_is_kept_as_text() -> None:
    assert parse(400, {}, b'{"error":{"message":"no","code":1234}}').code == "1234"


def test_a_quota_error_without_a_message_is_still_fatal() -> None:
    body = b'{"error":{"message":null,"type":"insufficient_quota","code":"insufficient_quota"}}'
    assert parse(429, {}, body).outcome is Outcome.FATAL


def test_an_html_error_page_is_quoted_shortened() -> None:
    page = b"<html><head><title>502 Bad Gateway</title></head>" + b"x" * 10_000
    parsed = parse(502, {"retry-after": "3"}, page)
    assert (parsed.outcome, parsed.code, parsed.retry_after_s) == (Outcome.TRANSIENT, None, 3.0)
    assert parsed.detail.startswith("HTTP 502: <html><head><title>502 Bad Gateway")
    assert len(parsed.detail) <= len("HTTP 502: ") + 200


@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe\x00", b"null", b"[]", b'{"error":"no"}', b'{"error":{"message":"\xff"}}']
)
def test_an_error_body_in_no_known_form_leaves_the_status(body: bytes) -> None:
    parsed = parse(503, {}, body)
    assert (parsed.outcome, parsed.code) == (Outcome.OVERLOADED, None)


def test_a_long_message_is_shortened() -> None:
    assert len(parse(500, {}, _error("server_error", None, "é" * 5000)).detail) == len("HTTP 500: ") + 200


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
        _changed(choices=[{"message": {"content": 5}}]),
        _changed(usage=None),
        _changed(usage={"prompt_tokens": "many", "completion_tokens": 1}),
        _changed(model=5),
        json.dumps(COMPLETION, ensure_ascii=False).encode("utf-16"),
        json.dumps(COMPLETION, ensure_ascii=False).encode("tis-620", "replace"),
        _error("server_error", None),
    ],
)
def test_a_200_that_is_not_a_completion_is_malformed(body: bytes) -> None:
    parsed = parse(200, {"x-request-id": "req_2"}, body)
    assert (parsed.outcome, parsed.fault, parsed.reply) == (Outcome.MALFORMED, Fault.BODY, None)
    assert parsed.request_id == "req_2"
    assert parsed.detail


@pytest.mark.parametrize("content", [None, ""])
def test_a_completion_without_text_is_an_empty_reply(content: str | None) -> None:
    body = _changed(
        choices=[{"message": {"role": "assistant", "content": content}, "finish_reason": "length"}]
    )
    parsed = parse(200, {}, body)
    assert parsed.reply is not None
    assert (parsed.reply.text, parsed.reply.finish_reason) == ("", "length")


@given(status=st.integers(100, 599), body=st.binary(max_size=200), hint=st.text(max_size=20))
@settings(deadline=None)
def test_no_reply_raises(status: int, body: bytes, hint: str) -> None:
    parsed = parse(status, {"retry-after": hint, "x-should-retry": hint}, body)
    assert parsed.outcome is not Outcome.OK
    assert parsed.reply is None
