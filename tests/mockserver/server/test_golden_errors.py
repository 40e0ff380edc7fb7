"""Errors and headers against golden ones: keys, documented sentences, names and the form of each value."""

import re
from math import ceil
from typing import Any

import pytest

from mockserver.core.decisions import Throttle
from mockserver.core.limits import Exceeded, Levels
from mockserver.wire import openai_reply
from mockserver.wire.answer import Moment
from mockserver.wire.request import ParsedRequest
from tests.mockserver.server.asking import ANTHROPIC_KEY, Answered, chat, message, models
from tests.mockserver.server.golden_files import golden_headers, golden_json
from tests.mockserver.server.running import Mock
from tests.mockserver.server.shapes import differences

_WHOLE = r"[0-9]+"
_GO_DURATION = r"[0-9]+ms|(?=[0-9])([0-9]+h)?([0-9]+m)?([0-9]+(\.[0-9]+)?s)?"
_RFC_3339 = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"

# Header -> the form of its value; by the end of its name where a family shares it.
FORMS: dict[str, str] = {
    "retry-after": r"[1-9][0-9]*",
    "retry-after-ms": _WHOLE,
    "x-request-id": r"req_[0-9a-f]{32}",
    "request-id": r"req_[0-9A-Za-z]{24,}",
    "openai-processing-ms": _WHOLE,
    "openai-version": "2020-10-01",
} | {
    f"x-ratelimit-{what}-{kind}": _GO_DURATION if what == "reset" else _WHOLE
    for what in ("limit", "remaining", "reset")
    for kind in ("requests", "tokens")
}
FORMS |= {
    f"anthropic-ratelimit-{kind}-{what}": _RFC_3339 if what == "reset" else _WHOLE
    for what in ("limit", "remaining", "reset")
    for kind in ("requests", "tokens", "input-tokens", "output-tokens")
}

OPENAI_LIMITS = {"rpm": 60, "tpm": 150_000}
ANTHROPIC_LIMITS = {"rpm": 50, "itpm": 30_000, "otpm": 8_000}


def _assert_headers_like(name: str, received: dict[str, str]) -> None:
    for header, value in golden_headers(name).items():
        assert re.fullmatch(FORMS[header], value), f"the golden {header}: {value}"
        assert re.fullmatch(FORMS[header], received[header]), f"{header}: {received[header]}"


def _spend(mock: Mock, limits: dict[str, int], tokens: int) -> None:
    """Play with these limits, and have one reply of so many tokens behind us."""
    mock.play(limits=limits)
    headers = {"x-primetime-tokens": str(tokens)}
    assert chat(mock, headers, max_tokens=tokens).status == 200


@pytest.mark.parametrize(
    ("name", "status", "fault"),
    [
        ("openai-error-401", 401, "status; status=401"),
        ("openai-error-429-quota", 429, "status; status=429; code=insufficient_quota"),
        ("openai-error-500", 500, "status; status=500"),
        ("openai-error-503", 503, "status; status=503"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_an_error_of_openai_has_the_golden_envelope(
    mock: Mock, name: str, status: int, fault: str, *, stream: bool
) -> None:
    answer = chat(mock, {"x-mock-fault": fault}, stream=stream)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/json")
    assert differences(golden_json(name), answer.document) == set()


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("openai-error-429-quota", "status; status=429; code=insufficient_quota"),
        ("openai-error-500", "status; status=500"),
    ],
)
def test_an_error_of_openai_says_the_golden_sentence(mock: Mock, name: str, fault: str) -> None:
    assert chat(mock, {"x-mock-fault": fault}).document == golden_json(name)


def test_a_spent_quota_is_the_golden_error(mock: Mock) -> None:
    _spend(mock, {"quota_tokens": 5}, 5)
    answer = chat(mock)
    assert (answer.status, answer.document) == (429, golden_json("openai-error-429-quota"))


def test_a_wrong_key_is_told_as_openai_does_but_for_the_key(mock: Mock) -> None:
    def blotted(error: dict[str, Any]) -> str:
        return re.sub(r"provided: \S*\*+\w*\.", "provided: ***.", error["error"]["message"])

    ours = chat(mock, {"x-mock-fault": "status; status=401"}).document
    assert blotted(ours) == blotted(golden_json("openai-error-401"))


def test_the_refusal_over_the_tokens_is_the_golden_one_but_for_the_organisation() -> None:
    exceeded = Exceeded("tokens", 30_000, 28_039, 3_906, 3_890_000)
    parsed = ParsedRequest("gpt-4.1", 12, None)
    answer = openai_reply.throttled(Throttle(exceeded, Levels()), parsed, Moment("abc", 0))
    golden = golden_json("openai-error-429-tokens")
    ours = Answered(answer.status, answer.headers, answer.body).document
    organisations = re.compile(r"org-\w+")
    assert organisations.sub("org-", ours["error"].pop("message")) == organisations.sub(
        "org-", golden["error"].pop("message")
    )
    assert ours == golden


def test_over_the_tokens_the_numbers_follow_the_golden_formula(mock: Mock) -> None:
    _spend(mock, {"tpm": 30_000}, 28_036)  # and 3 of the prompt: 28039
    answer = chat(mock, max_tokens=3_903)
    golden = golden_json("openai-error-429-tokens")
    assert (answer.status, differences(golden, answer.document)) == (429, set())
    sentence = (
        r"Rate limit reached for gpt-4\.1 in organization org-\w+ on tokens per min \(TPM\): Limit 30000, "
        r"Used ([0-9]+), Requested 3906\. Please try again in ([0-9.]+)(ms|s)\. Visit "
        r"https://platform\.openai\.com/account/rate-limits to learn more\."
    )
    assert re.fullmatch(sentence, golden["error"]["message"])
    told = re.fullmatch(sentence, answer.document["error"]["message"])
    assert told is not None
    used, wait_ms = int(told[1]), float(told[2]) * (1000 if told[3] == "s" else 1)
    assert 27_000 < used <= 28_039
    # (used + requested - limit) / (limit / 60); used is rounded up to a token, the wait to a millisecond.
    assert (used + 3_906 - 30_000) / 500 * 1000 - wait_ms == pytest.approx(0, abs=3)
    assert int(answer.headers["retry-after-ms"]) == pytest.approx(wait_ms)
    assert answer.headers["retry-after"] == str(ceil(wait_ms / 1000))


@pytest.mark.parametrize("stream", [False, True])
def test_the_headers_of_openai_have_the_golden_form(mock: Mock, *, stream: bool) -> None:
    mock.play(limits=OPENAI_LIMITS)
    answer = chat(mock, stream=stream)
    _assert_headers_like("openai-headers", answer.headers)
    assert (answer.headers["x-ratelimit-limit-requests"], answer.headers["x-ratelimit-reset-requests"]) == (
        "60",
        "1s",
    )


def test_the_headers_of_a_429_of_openai_have_the_golden_form(mock: Mock) -> None:
    _spend(mock, OPENAI_LIMITS | {"tpm": 60}, 50)
    answer = chat(mock)
    assert answer.status == 429
    _assert_headers_like("openai-headers-429", answer.headers)


@pytest.mark.parametrize("stream", [False, True])
def test_the_headers_of_anthropic_have_the_golden_form(mock: Mock, *, stream: bool) -> None:
    mock.play(limits=ANTHROPIC_LIMITS)
    answer = message(mock, stream=stream)
    _assert_headers_like("anthropic-headers", answer.headers)
    assert answer.headers["anthropic-ratelimit-tokens-limit"] == "38000"


def test_a_429_of_anthropic_has_its_limits_and_whole_seconds(mock: Mock) -> None:
    mock.play(limits=ANTHROPIC_LIMITS | {"rpm": 1})
    message(mock)
    answer = message(mock)
    assert answer.status == 429
    _assert_headers_like("anthropic-headers", answer.headers)
    assert re.fullmatch(FORMS["retry-after"], answer.headers["retry-after"])
    assert differences(golden_json("anthropic-error-429"), answer.document) == set()


# From https://platform.claude.com/docs/en/api/errors ("HTTP errors").
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_an_error_of_anthropic_has_the_golden_envelope(
    mock: Mock, status: int, kind: str, *, stream: bool
) -> None:
    answer = message(mock, {"x-mock-fault": f"status; status={status}"}, stream=stream)
    golden = golden_json("anthropic-error-404")
    golden["error"]["type"] = kind
    assert (answer.status, differences(golden, answer.document)) == (status, set())
    assert answer.document["request_id"] == answer.headers["request-id"]
    if status == 404:
        assert answer.document["error"] == golden["error"]


def test_an_unknown_model_is_told_in_the_golden_envelope(mock: Mock) -> None:
    answer = models(mock, ANTHROPIC_KEY, "claude-9")
    assert (answer.status, differences(golden_json("anthropic-error-404"), answer.document)) == (404, set())
