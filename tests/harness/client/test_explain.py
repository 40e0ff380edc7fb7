"""What an API's answer to a first request means, and what is to be done."""

from __future__ import annotations

import json
import ssl
from http.client import BadStatusLine, RemoteDisconnected
from typing import Any

import pytest

from harness.client.endpoint import Endpoint
from harness.client.explain import Answer, explain, explain_silence
from harness.wire.choose import wire_named

KEY = "sk-proj-secret-0123456789"


def said(status: int, body: Any, *, wire: str = "openai", **headers: str) -> str | None:
    endpoint = Endpoint("https://api.example/v1", KEY, wire)  # type: ignore[arg-type]  # a name
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw)
    parsed = wire_named(wire).parse(status, answer.headers, raw)
    return explain(answer, parsed, endpoint, "gpt-9")


def openai(message: str, code: str | None = None, kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def anthropic(message: str, kind: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}}


# As the providers word them: https://platform.openai.com/docs/guides/error-codes,
# https://docs.claude.com/en/api/errors.
CASES = [
    (401, openai("Incorrect API key provided", "invalid_api_key"), "openai", "OPENAI_API_KEY has to hold"),
    (401, anthropic("invalid x-api-key", "authentication_error"), "anthropic", "ANTHROPIC_API_KEY has to"),
    (403, openai("Country, region, or territory not supported"), "openai", "from this place"),
    (404, openai("The model `gpt-9` does not exist", "model_not_found"), "openai", "has no model 'gpt-9'"),
    (404, anthropic("model: gpt-9", "not_found_error"), "anthropic", "give --model"),
    (404, openai("Invalid URL (POST /chat/completions)"), "openai", "base address with its version"),
    (404, b"<html>nothing here</html>", "openai", "nothing at that path"),
    (405, b"", "openai", "nothing at that path"),
    (404, openai("Invalid URL (POST /v1/messages)"), "anthropic", "give --wire openai"),
    (404, anthropic("Not Found", "not_found_error"), "openai", "give --wire anthropic"),
    (401, anthropic("x-api-key header is required", "authentication_error"), "openai", "--wire anthropic"),
    (400, openai("Unsupported parameter: use 'max_completion_tokens' instead"), "openai", "give --model"),
    (400, openai("invalid model ID"), "openai", "give --model with one that it has"),
    (429, openai("You exceeded your current quota", "insufficient_quota"), "openai", "top up the account"),
    (402, openai("Payment required"), "openai", "nothing left to pay with"),
    (429, openai("Rate limit reached", "rate_limit_exceeded"), "openai", "rate limiting already"),
    (529, anthropic("Overloaded", "overloaded_error"), "anthropic", "is in trouble"),
    (500, b"", "openai", "try again later"),
    (200, b"<html>Welcome</html>", "openai", "gave no reply of the format openai"),
]


@pytest.mark.parametrize(("status", "body", "wire", "words"), CASES)
def test_what_is_wrong_is_said_with_its_remedy(status: int, body: Any, wire: str, words: str) -> None:
    found = said(status, body, wire=wire)
    assert found is not None
    assert found.startswith("the API at https://api.example/v1 ")
    assert words in found
    assert "\n" not in found


def test_a_hint_when_to_come_back_is_passed_on() -> None:
    found = said(429, openai("Rate limit reached"), retry_after="17")
    assert found is not None
    assert "it asks to wait 17 s: try again then" in found


def test_a_redirect_is_not_followed_and_named() -> None:
    found = said(308, b"", location="https://eu.api.example/v1")
    assert found is not None
    assert "redirects to https://eu.api.example/v1" in found


def test_a_request_that_was_served_is_no_matter() -> None:
    served = {
        "choices": [{"message": {"content": "ok"}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 8, "completion_tokens": 1},
    }
    assert said(200, served) is None


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), "does not speak TLS"),
        (RemoteDisconnected("closed"), "does not answer in HTTP"),
        (BadStatusLine("\x15\x03"), "whether it wants https://"),
        (TimeoutError(), "did not answer in time"),
        (ConnectionRefusedError(111, "Connection refused"), "cannot be reached (Connection refused)"),
        (OSError(-2, "Name or service not known"), "Name or service not known"),
    ],
)
def test_silence_is_explained_too(error: Any, words: str) -> None:
    assert words in explain_silence(error, "https://api.example/v1")


def test_a_certificate_that_is_not_trusted_is_told_from_no_tls() -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    found = explain_silence(error, "https://api.example/v1")
    assert "not trusted (self-signed certificate)" in found
    assert "SSL_CERT_FILE" in found
