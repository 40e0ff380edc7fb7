"""Writing replies as OpenAI does; the golden values are of its own documentation and replies."""

import json

import pytest

from mockserver.core.bucket import Level
from mockserver.core.decisions import Fault, Generate, Overload, Throttle
from mockserver.core.limits import Exceeded, Levels
from mockserver.errors import WireError
from mockserver.rules import RequestRule, RetryAfter
from mockserver.wire import openai_reply
from mockserver.wire.answer import Moment
from mockserver.wire.request import ParsedRequest

NO_LEVELS = Levels()
MOMENT = Moment("abc", 1_700_000_000_250_000)
PARSED = ParsedRequest("m", 12, None)


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "0s"),
        (6_000, "6ms"),
        (5_001, "6ms"),
        (494_000, "494ms"),
        (1_000_000, "1s"),
        (1_500_000, "1.5s"),
        (3_890_000, "3.89s"),
        (60_052_000, "1m0.052s"),
        (60_000_000, "1m0s"),
        (3_600_000_000, "1h0m0s"),
        (3_725_250_000, "1h2m5.25s"),
    ],
)
def test_durations_are_written_as_go_does(us: int, text: str) -> None:
    assert openai_reply.go_duration(us) == text


def test_a_completion_has_every_field_and_a_consistent_usage() -> None:
    reply = Generate(0, 40, "stop", NO_LEVELS, None)
    answer = openai_reply.whole(reply, ParsedRequest("gpt-4.1", 12, None), MOMENT)
    assert (answer.status, answer.headers) == (200, {})
    document = json.loads(answer.body)
    assert document["id"] == "chatcmpl-abc"
    assert document["object"] == "chat.completion"
    assert (document["created"], document["model"]) == (1_700_000_000, "gpt-4.1")
    choice = document["choices"][0]
    assert (choice["index"], choice["finish_reason"], choice["message"]["role"]) == (0, "stop", "assistant")
    assert len(choice["message"]["content"]) == 80
    usage = document["usage"]
    details = [usage.pop(f"{kind}_tokens_details") for kind in ("prompt", "completion")]
    assert usage == {"prompt_tokens": 12, "completion_tokens": 40, "total_tokens": 52}
    assert {number for detail in details for number in detail.values()} == {0}


def test_a_refusal_says_the_documented_sentence_and_both_headers() -> None:
    exceeded = Exceeded("tokens", 30_000, 28_039, 3_906, 3_890_000)
    levels = Levels(Level(10_000, 9_999, 6_000), Level(30_000, 1_961, 56_078_000))
    answer = openai_reply.throttled(Throttle(exceeded, levels), ParsedRequest("gpt-4.1", 12, None), MOMENT)
    error = json.loads(answer.body)["error"]
    assert answer.status == 429
    assert error["message"].startswith("Rate limit reached for gpt-4.1 in organization org-")
    assert (
        " on tokens per min (TPM): Limit 30000, Used 28039, Requested 3906. Please try again in 3.89s. "
        in error["message"]
    )
    assert (error["type"], error["param"], error["code"]) == ("tokens", None, "rate_limit_exceeded")
    assert answer.headers == {
        "retry-after": "4",
        "retry-after-ms": "3890",
        "x-ratelimit-limit-requests": "10000",
        "x-ratelimit-remaining-requests": "9999",
        "x-ratelimit-reset-requests": "6ms",
        "x-ratelimit-limit-tokens": "30000",
        "x-ratelimit-remaining-tokens": "1961",
        "x-ratelimit-reset-tokens": "56.078s",
    }


def test_a_wait_below_a_second_is_494_milliseconds_and_one_second() -> None:
    exceeded = Exceeded("requests", 10_000, 10_000, 1, 493_001)
    answer = openai_reply.throttled(Throttle(exceeded, NO_LEVELS), PARSED, MOMENT)
    assert answer.headers == {"retry-after": "1", "retry-after-ms": "494"}
    assert (
        "on requests per min (RPM): Limit 10000, Used 10000, Requested 1. Please try again in 494ms."
        in str(json.loads(answer.body)["error"]["message"])
    )
    assert json.loads(answer.body)["error"]["type"] == "requests"


def test_too_large_a_request_gets_no_hint() -> None:
    exceeded = Exceeded("tokens", 1_000, 0, 1_001, None)
    answer = openai_reply.throttled(Throttle(exceeded, NO_LEVELS), PARSED, MOMENT)
    assert answer.headers == {}
    assert json.loads(answer.body)["error"]["message"].startswith("Request too large for m in organization")


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [(503, "service_unavailable_error", "server_is_overloaded"), (429, "rate_limit_error", "slow_down")],
)
def test_an_overload_has_two_faces(status: int, kind: str, code: str) -> None:
    answer = openai_reply.overloaded(Overload(status, 1.5, NO_LEVELS), MOMENT)
    error = json.loads(answer.body)["error"]
    assert (answer.status, error["type"], error["code"]) == (status, kind, code)
    assert answer.headers == {"retry-after": "2", "retry-after-ms": "1500"}


def test_an_injected_500_is_the_well_known_sentence() -> None:
    answer = openai_reply.injected(Fault(RequestRule("x", "status", status=500), NO_LEVELS), MOMENT)
    assert answer.status == 500
    assert json.loads(answer.body)["error"] == {
        "message": "The server had an error while processing your request. Sorry about that!",
        "type": "server_error",
        "param": None,
        "code": None,
    }
    assert answer.headers == {}


def test_an_injected_429_carries_its_hint() -> None:
    rule = RequestRule("x", "status", status=429, retry_after=RetryAfter(2))
    answer = openai_reply.injected(Fault(rule, NO_LEVELS), MOMENT)
    assert json.loads(answer.body)["error"]["code"] == "rate_limit_exceeded"
    assert answer.headers == {"retry-after": "2", "retry-after-ms": "2000"}


@pytest.mark.parametrize(("status", "kind"), [(418, "invalid_request_error"), (599, "server_error")])
def test_any_other_status_has_a_body_of_its_class(status: int, kind: str) -> None:
    answer = openai_reply.injected(Fault(RequestRule("x", "status", status=status), NO_LEVELS), MOMENT)
    assert answer.status == status
    assert json.loads(answer.body)["error"]["type"] == kind


def test_a_malformed_request_is_told_the_parameter() -> None:
    answer = openai_reply.refused(WireError(400, "no", param="n", code="c"), MOMENT)
    assert (answer.status, answer.headers) == (400, {})
    assert json.loads(answer.body) == {
        "error": {"message": "no", "type": "invalid_request_error", "param": "n", "code": "c"}
    }


def test_a_wrong_method_is_told_the_right_one() -> None:
    assert openai_reply.refused(WireError(405, "no", allow="POST"), MOMENT).headers == {"allow": "POST"}


def test_a_generation_that_failed_at_its_end_is_a_500_with_its_limits() -> None:
    answer = openai_reply.broken(Levels(Level(10, 9, 6_000)), MOMENT)
    assert answer.status == 500
    assert json.loads(answer.body)["error"]["type"] == "server_error"
    assert answer.headers["x-ratelimit-remaining-requests"] == "9"
