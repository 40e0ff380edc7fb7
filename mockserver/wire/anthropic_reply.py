"""Writing Anthropic's replies: bodies, error envelopes and headers."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import msgspec

from mockserver.core.bucket import Level
from mockserver.core.decisions import Exhausted, Fault, Generate, Overload, Throttle
from mockserver.core.limits import Exceeded, Levels, LimitKind
from mockserver.errors import WireError
from mockserver.text import thai_copy
from mockserver.units import US_PER_S
from mockserver.wire.answer import Answer, Headers, Moment
from mockserver.wire.hints import injected_hint, retry_after
from mockserver.wire.request import ParsedRequest

OVERLOADED = 529
ORGANIZATION = "00000000-0000-4000-8000-000000000000"
# "rounded to the nearest thousand": https://platform.claude.com/docs/en/api/rate-limits
_TOKENS_TOLD = 1_000
STOP_REASONS = {"stop": "end_turn", "length": "max_tokens"}

# Status -> (type, message), from https://docs.anthropic.com/en/api/errors; others get the nearest below.
_ERRORS: dict[int, tuple[str, str]] = {
    400: ("invalid_request_error", "The request was rejected."),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "There is an issue with your billing or payment information."),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "The requested resource could not be found."),
    413: ("request_too_large", "Request exceeds the maximum allowed number of bytes."),
    429: ("rate_limit_error", "Your account has hit a rate limit. Please try again later."),
    500: ("api_error", "Internal server error"),
    503: ("overloaded_error", "Overloaded"),
    504: ("timeout_error", "The request timed out while processing."),
    529: ("overloaded_error", "Overloaded"),
}
# What an injected code says here: Anthropic's own types as they are, OpenAI's codes by their nearest.
_KINDS: dict[str, str] = {kind: kind for kind, _message in _ERRORS.values()} | {
    "insufficient_quota": "billing_error",
    "credit_balance_exhausted": "billing_error",
    "rate_limit_exceeded": "rate_limit_error",
    "slow_down": "rate_limit_error",
    "server_is_overloaded": "overloaded_error",
    "context_length_exceeded": "invalid_request_error",
    "invalid_api_key": "authentication_error",
    "model_not_found": "not_found_error",
}
_MESSAGES = dict(_ERRORS.values())
_NO_CREDIT = (
    "Your credit balance is too low to access the Anthropic API. "
    "Please go to Plans & Billing to upgrade or purchase credits."
)
# As recorded on its 429s; the SDKs obey it.
_WORTH_A_RETRY = {"x-should-retry": "true"}
_MORE = (
    "For details, refer to: https://docs.claude.com/en/api/rate-limits. "
    "You can see the response headers for current usage."
)
_SALES = (
    "You may also contact sales at https://claude.com/contact-sales "
    "to discuss your options for a rate limit increase."
)
_UNITS: dict[LimitKind, str] = {
    "requests": "requests per minute",
    "tokens": "tokens per minute",
    "input_tokens": "input tokens per minute",
    "output_tokens": "output tokens per minute",
}


def whole(reply: Generate, parsed: ParsedRequest, moment: Moment) -> Answer:
    """A whole message."""
    text = {"type": "text", "text": thai_copy(reply.tokens)}
    body = msgspec.json.encode(
        message_head(parsed, moment)
        | {
            "content": [text],
            "stop_reason": STOP_REASONS[reply.finish_reason],
            "stop_sequence": None,
            "usage": usage(parsed, reply.tokens),
        }
    )
    return Answer(200, body, limit_headers(reply.levels, moment))


def counted(parsed: ParsedRequest) -> Answer:
    """The answer of `count_tokens`."""
    return Answer(200, msgspec.json.encode({"input_tokens": parsed.prompt_tokens}))


def message_head(parsed: ParsedRequest, moment: Moment) -> dict[str, Any]:
    """The fields of a message that are known before its first token."""
    return {"id": f"msg_{moment.request_id}", "type": "message", "role": "assistant", "model": parsed.model}


def usage(parsed: ParsedRequest, output_tokens: int) -> dict[str, Any]:
    """The tokens of a request and of its reply so far."""
    return {
        "input_tokens": parsed.prompt_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output_tokens,
        "service_tier": "standard",
    }


def common_headers(request_id: str, _taken_us: int) -> Headers:
    """What every answer carries."""
    return {
        "content-type": "application/json",
        "request-id": f"req_{request_id}",
        "anthropic-organization-id": ORGANIZATION,
    }


def refused(error: WireError, moment: Moment) -> Answer:
    """The answer to a request refused before any decision."""
    body = envelope(_kind(error.status)[0], error.message, moment)
    return Answer(error.status, body, {} if error.allow is None else {"allow": error.allow})


def injected(fault: Fault, moment: Moment) -> Answer:
    """The answer of a fault rule with a status."""
    rule = fault.rule
    kind, message = _kind(rule.status)
    if rule.code is not None:
        kind = _KINDS[rule.code]
        message = _MESSAGES[kind]
    headers = limit_headers(fault.levels, moment) | injected_hint(rule.retry_after, moment, with_ms=False)
    return Answer(rule.status, envelope(kind, message, moment), headers)


def broken(levels: Levels, moment: Moment) -> Answer:
    """The answer of a generation that failed at its end."""
    return Answer(OVERLOADED, envelope(*_ERRORS[OVERLOADED], moment), limit_headers(levels, moment))


def throttled(decision: Throttle, parsed: ParsedRequest, moment: Moment) -> Answer:
    """429 for a rate limit."""
    exceeded = decision.exceeded
    headers = limit_headers(decision.levels, moment)
    if exceeded.wait_us is not None:
        headers |= {"retry-after": str(-(-exceeded.wait_us // US_PER_S))} | _WORTH_A_RETRY
    body = envelope("rate_limit_error", _limit_message(exceeded, parsed.model), moment)
    return Answer(429, body, headers)


def exhausted(decision: Exhausted, moment: Moment) -> Answer:
    """The answer for a key without credit: a 400, as this provider has it."""
    body = envelope("invalid_request_error", _NO_CREDIT, moment)
    return Answer(400, body, limit_headers(decision.levels, moment))


def overloaded(decision: Overload, moment: Moment) -> Answer:
    """The answer of a full queue: what others call 503 is 529 here."""
    unavailable = decision.status == HTTPStatus.SERVICE_UNAVAILABLE
    status = OVERLOADED if unavailable else decision.status
    headers = limit_headers(decision.levels, moment) | retry_after(decision.retry_after_s, with_ms=False)
    headers |= _WORTH_A_RETRY
    return Answer(status, envelope(*_kind(status), moment), headers)


def overloaded_error(moment: Moment) -> bytes:
    """The envelope of an overload that is noticed in the middle of a stream."""
    return envelope(*_ERRORS[OVERLOADED], moment)


def limit_headers(levels: Levels, moment: Moment) -> Headers:
    """`anthropic-ratelimit-*` for those buckets that have a limit.

    Without a limit of their own, `tokens` are the sum of input and output.
    """
    headers: Headers = {}
    for kind, level in (
        ("requests", levels.requests),
        ("tokens", levels.tokens or _sum(levels.input_tokens, levels.output_tokens)),
        ("input-tokens", levels.input_tokens),
        ("output-tokens", levels.output_tokens),
    ):
        if level is not None:
            unit = 1 if kind == "requests" else _TOKENS_TOLD
            headers |= _level_headers(kind, level, unit, moment)
    return headers


def rfc3339(unix_us: int) -> str:
    """A moment in whole seconds, rounded up: `2025-01-31T13:00:05Z`."""
    moment = datetime.fromtimestamp(-(-unix_us // US_PER_S), UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def envelope(kind: str, message: str, moment: Moment) -> bytes:
    """The body of every error; its request id is that of the header."""
    error = {"type": kind, "message": message}
    return msgspec.json.encode({"type": "error", "error": error, "request_id": f"req_{moment.request_id}"})


def _level_headers(kind: str, level: Level, unit: int, moment: Moment) -> Headers:
    return {
        f"anthropic-ratelimit-{kind}-limit": str(level.limit),
        f"anthropic-ratelimit-{kind}-remaining": str((level.remaining + unit // 2) // unit * unit),
        f"anthropic-ratelimit-{kind}-reset": rfc3339(moment.unix_us + level.reset_us),
    }


def _sum(one: Level | None, other: Level | None) -> Level | None:
    if one is None or other is None:
        return one or other
    reset_us = max(one.reset_us, other.reset_us)
    return Level(one.limit + other.limit, one.remaining + other.remaining, reset_us)


def _kind(status: int) -> tuple[str, str]:
    nearest = 500 if status >= HTTPStatus.INTERNAL_SERVER_ERROR else 400
    return _ERRORS.get(status, _ERRORS[nearest])


def _limit_message(exceeded: Exceeded, model: str) -> str:
    limit = f"{exceeded.limit:,} {_UNITS[exceeded.kind]}"
    advice = (
        "Please reduce the prompt length or the maximum tokens requested."
        if exceeded.wait_us is None
        else "Please reduce the prompt length or the maximum tokens requested, or try again later."
    )
    account = f"(org: {ORGANIZATION}, model: {model})"
    refusal = f"This request would exceed your organization's rate limit of {limit} {account}."
    return f"{refusal} {_MORE} {advice} {_SALES}"
