"""Writing replies as Anthropic does; the golden values are of its own documentation."""

import json

import pytest

from mockserver.core.bucket import Level
from mockserver.core.decisions import Exhausted, Fault, Generate, Overload, Throttle
from mockserver.core.limits import Exceeded, Levels
from mockserver.errors import WireError
from mockserver.rules import ERROR_CODES, RequestRule, RetryAfter
from mockserver.wire import anthropic_reply
from mockserver.wire.answer import Moment
from mockserver.wire.request import ParsedRequest

# 2023-11-14T22:13:20.25Z
MOMENT = Moment("abc", 1_700_000_000_250_000)
PARSED = ParsedRequest("claude-x", 12, 100)


def test_a_message_byte_for_byte() -> None:
    answer = anthropic_reply.whole(Generate(0, 2, "stop", Levels(), None), PARSED, MOMENT)
    assert (answer.status, answer.headers) == (200, {})
    assert answer.body.decode() == (
        '{"id":"msg_abc","type":"message","role":"assistant","model":"claude-x",'
        '"content":[{"type":"text","text":"กาแฟ"}],"stop_reason":"end_turn","stop_sequence":null,'
        '"usage":{"input_tokens":12,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,'
        '"output_tokens":2,"service_tier":"standard"}}'
    )


def test_a_cut_message_says_max_tokens() -> None:
    answer = anthropic_reply.whole(Generate(0, 2, "length", Levels(), None), PARSED, MOMENT)
    assert json.loads(answer.body)["stop_reason"] == "max_tokens"


def test_limits_are_told_with_the_moment_of_their_reset() -> None:
    levels = Levels(Level(50, 49, 1_200_000), Level(40_000, 39_000, 750_000))
    assert anthropic_reply.limit_headers(levels, MOMENT) == {
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "49",
        "anthropic-ratelimit-requests-reset": "2023-11-14T22:13:22Z",
        "anthropic-ratelimit-tokens-limit": "40000",
        "anthropic-ratelimit-tokens-remaining": "39000",
        "anthropic-ratelimit-tokens-reset": "2023-11-14T22:13:21Z",
    }


def test_a_refusal_is_a_rate_limit_error_with_its_hint() -> None:
    exceeded = Exceeded("tokens", 40_000, 39_000, 2_000, 1_500_000)
    answer = anthropic_reply.throttled(Throttle(exceeded, Levels()), PARSED, MOMENT)
    document = json.loads(answer.body)
    assert (answer.status, answer.headers) == (429, {"retry-after": "2", "x-should-retry": "true"})
    assert document["error"]["type"] == "rate_limit_error"
    assert "rate limit of 40,000 tokens per minute" in document["error"]["message"]


def test_who_has_no_credit_has_nothing_to_wait_for() -> None:
    answer = anthropic_reply.exhausted(Exhausted(Levels()), MOMENT)
    assert (answer.status, answer.headers) == (400, {})
    error = json.loads(answer.body)["error"]
    assert error["type"] == "invalid_request_error"
    assert error["message"].startswith("Your credit balance is too low to access the Anthropic API.")


def test_input_and_output_are_told_apart_and_as_a_sum() -> None:
    levels = Levels(None, None, Level(30_000, 28_499, 3_000_000), Level(8_000, 7_500, 4_000_000))
    headers = anthropic_reply.limit_headers(levels, MOMENT)
    told = {name.removeprefix("anthropic-ratelimit-"): value for name, value in headers.items()}
    assert {name: value for name, value in told.items() if not name.endswith("reset")} == {
        "tokens-limit": "38000",
        "tokens-remaining": "36000",
        "input-tokens-limit": "30000",
        "input-tokens-remaining": "28000",
        "output-tokens-limit": "8000",
        "output-tokens-remaining": "8000",
    }
    assert told["tokens-reset"] == told["output-tokens-reset"] == "2023-11-14T22:13:25Z"


def test_an_injected_code_is_said_in_the_words_of_this_api() -> None:
    for code, kind in (("insufficient_quota", "billing_error"), ("overloaded_error", "overloaded_error")):
        rule = RequestRule(
            "x", "status", status=429, code=code, retry_after=RetryAfter(1.2, should_retry=False)
        )
        answer = anthropic_reply.injected(Fault(rule, Levels()), MOMENT)
        assert answer.headers == {"retry-after": "2", "x-should-retry": "false"}
        assert json.loads(answer.body)["error"]["type"] == kind
    for code in ERROR_CODES:
        rule = RequestRule("x", "status", code=code)
        assert anthropic_reply.injected(Fault(rule, Levels()), MOMENT).status == 500


def test_too_large_a_request_gets_no_hint() -> None:
    exceeded = Exceeded("tokens", 1_000, 0, 1_001, None)
    answer = anthropic_reply.throttled(Throttle(exceeded, Levels()), PARSED, MOMENT)
    assert answer.headers == {}
    assert "try again" not in json.loads(answer.body)["error"]["message"]


@pytest.mark.parametrize(
    ("status", "sent", "kind"),
    [(503, 529, "overloaded_error"), (429, 429, "rate_limit_error"), (529, 529, "overloaded_error")],
)
def test_what_others_call_503_is_529_here(status: int, sent: int, kind: str) -> None:
    answer = anthropic_reply.overloaded(Overload(status, 1.5, Levels()), MOMENT)
    assert (answer.status, json.loads(answer.body)["error"]["type"]) == (sent, kind)
    assert answer.headers == {"retry-after": "2", "x-should-retry": "true"}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
        (418, "invalid_request_error"),
        (599, "api_error"),
    ],
)
def test_every_status_has_its_type_of_error(status: int, kind: str) -> None:
    answer = anthropic_reply.injected(Fault(RequestRule("x", "status", status=status), Levels()), MOMENT)
    assert (answer.status, json.loads(answer.body)["error"]["type"]) == (status, kind)


def test_a_malformed_request_is_told_in_the_envelope() -> None:
    answer = anthropic_reply.refused(WireError(400, "max_tokens: Field required"), MOMENT)
    assert answer.body == (
        b'{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: Field required"},'
        b'"request_id":"req_abc"}'
    )


def test_a_generation_that_failed_at_its_end_is_a_529() -> None:
    answer = anthropic_reply.broken(Levels(), MOMENT)
    assert (answer.status, json.loads(answer.body)["error"]["type"]) == (529, "overloaded_error")


def test_counted_tokens() -> None:
    assert anthropic_reply.counted(PARSED).body == b'{"input_tokens":12}'


def test_a_moment_is_rounded_up_to_the_second() -> None:
    assert anthropic_reply.rfc3339(1_700_000_000_000_000) == "2023-11-14T22:13:20Z"
    assert anthropic_reply.rfc3339(1_700_000_000_000_001) == "2023-11-14T22:13:21Z"
