"""Writing OpenAI's replies: bodies, error envelopes and headers."""

from http import HTTPStatus
from typing import Any

import msgspec

from mockserver.core.bucket import Level
from mockserver.core.decisions import Exhausted, Fault, Generate, Overload, Throttle
from mockserver.core.limits import Exceeded, Levels, LimitKind
from mockserver.errors import WireError
from mockserver.text import thai_copy
from mockserver.units import MS_PER_S
from mockserver.wire.answer import Answer, Headers, Moment
from mockserver.wire.hints import injected_hint, retry_after
from mockserver.wire.request import ParsedRequest

ORGANIZATION = "org-mock"
SERVICE_TIER = "default"
FINGERPRINT = "fp_mock"

_UNITS: dict[LimitKind, str] = {
    "requests": "requests per min (RPM)",
    "tokens": "tokens per min (TPM)",
    "input_tokens": "input tokens per min (ITPM)",
    "output_tokens": "output tokens per min (OTPM)",
}
# Nothing is cached, heard, thought or predicted here: the same bytes in every reply.
_NO_PROMPT_DETAILS = msgspec.Raw(b'{"cached_tokens":0,"audio_tokens":0}')
_NO_COMPLETION_DETAILS = msgspec.Raw(
    b'{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}'
)
_SERVER_ERROR = "The server had an error while processing your request. Sorry about that!"
_OVERLOADED = "The engine is currently overloaded, please try again later"
_SLOW_DOWN = "The server is receiving requests too quickly. Please slow down and try again later."

# The provider repeats the key with its middle blotted out: this server repeats no key at all.
_WRONG_KEY = (
    "Incorrect API key provided: ********. You can find your API key at "
    "https://platform.openai.com/account/api-keys."
)
_MORE = (
    "For more information on this error, read the docs: "
    "https://platform.openai.com/docs/guides/error-codes/api-errors."
)

# Code -> (message, type), of those that say more than their status.
_CODES: dict[str, tuple[str, str]] = {
    "insufficient_quota": (
        f"You exceeded your current quota, please check your plan and billing details. {_MORE}",
        "insufficient_quota",
    ),
    "credit_balance_exhausted": (f"Your credit balance is exhausted. {_MORE}", "insufficient_quota"),
    "slow_down": (_SLOW_DOWN, "rate_limit_error"),
    "server_is_overloaded": (_OVERLOADED, "service_unavailable_error"),
    "context_length_exceeded": (
        "This model's maximum context length is 1047576 tokens. Please reduce the length of the messages.",
        "invalid_request_error",
    ),
    "invalid_api_key": (_WRONG_KEY, "invalid_request_error"),
    "model_not_found": ("The model does not exist or you do not have access to it.", "invalid_request_error"),
}

# Status -> (message, type, code) of injected errors, as OpenAI words them; others get the nearest below.
_ERRORS: dict[int, tuple[str, str, str | None]] = {
    400: ("The request was rejected.", "invalid_request_error", None),
    401: (_WRONG_KEY, "invalid_request_error", "invalid_api_key"),
    403: ("You do not have access to this resource.", "invalid_request_error", "permission_denied"),
    404: ("The model does not exist or is not yours.", "invalid_request_error", "model_not_found"),
    408: ("Request timed out.", "invalid_request_error", None),
    409: ("The resource was updated by another request.", "invalid_request_error", None),
    429: ("Rate limit reached. Please try again later.", "requests", "rate_limit_exceeded"),
    500: (_SERVER_ERROR, "server_error", None),
    502: ("Bad gateway.", "server_error", None),
    503: (_OVERLOADED, "service_unavailable_error", "server_is_overloaded"),
    504: ("The request timed out upstream.", "server_error", None),
}


def whole(reply: Generate, parsed: ParsedRequest, moment: Moment) -> Answer:
    """A whole chat completion."""
    body = msgspec.json.encode(
        {
            "id": f"chatcmpl-{moment.request_id}",
            "object": "chat.completion",
            "created": moment.unix_s,
            "model": parsed.model,
            "choices": [_choice(reply, index) for index in range(reply.choices)],
            "usage": usage(reply, parsed),
            "service_tier": SERVICE_TIER,
            "system_fingerprint": FINGERPRINT,
        }
    )
    return Answer(200, body, limit_headers(reply.levels, moment))


def _choice(reply: Generate, index: int) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": thai_copy(reply.tokens, index),
        "refusal": None,
        "annotations": [],
    }
    return {"index": index, "message": message, "logprobs": None, "finish_reason": reply.finish_reason}


def usage(reply: Generate, parsed: ParsedRequest) -> dict[str, Any]:
    """The tokens of a request and its reply."""
    return {
        "prompt_tokens": parsed.prompt_tokens,
        "completion_tokens": reply.spent_tokens,
        "total_tokens": parsed.prompt_tokens + reply.spent_tokens,
        "prompt_tokens_details": _NO_PROMPT_DETAILS,
        "completion_tokens_details": _NO_COMPLETION_DETAILS,
    }


def common_headers(request_id: str, taken_us: int) -> Headers:
    """What every answer carries."""
    return {
        "content-type": "application/json",
        "x-request-id": f"req_{request_id}",
        "openai-organization": ORGANIZATION,
        "openai-processing-ms": str(taken_us // 1000),
        "openai-version": "2020-10-01",
    }


def refused(error: WireError, _moment: Moment) -> Answer:
    """The answer to a request refused before any decision."""
    body = _error(error.message, "invalid_request_error", error.param, error.code)
    return Answer(error.status, body, {} if error.allow is None else {"allow": error.allow})


def injected(fault: Fault, moment: Moment) -> Answer:
    """The answer of a fault rule with a status."""
    rule = fault.rule
    nearest = 500 if rule.status >= HTTPStatus.INTERNAL_SERVER_ERROR else 400
    message, kind, code = _ERRORS.get(rule.status, _ERRORS[nearest])
    if rule.code is not None:
        message, kind = _CODES.get(rule.code, (message, kind))
        code = rule.code
    headers = limit_headers(fault.levels, moment) | injected_hint(rule.retry_after, moment, with_ms=True)
    return Answer(rule.status, _error(message, kind, None, code), headers)


def broken(levels: Levels, moment: Moment) -> Answer:
    """The answer of a generation that failed at its end."""
    return Answer(500, server_error(), limit_headers(levels, moment))


def server_error() -> bytes:
    """The envelope of a failure on the provider's side."""
    return _error(_SERVER_ERROR, "server_error", None, None)


def throttled(decision: Throttle, parsed: ParsedRequest, moment: Moment) -> Answer:
    """429 for a rate limit, with the wait in the message and in the headers."""
    exceeded = decision.exceeded
    headers = limit_headers(decision.levels, moment)
    if exceeded.wait_us is not None:
        wait_ms = -(-exceeded.wait_us // 1000)
        headers |= {"retry-after-ms": str(wait_ms), "retry-after": str(-(-wait_ms // 1000))}
    kind = "requests" if exceeded.kind == "requests" else "tokens"
    body = _error(_limit_message(exceeded, parsed.model), kind, None, "rate_limit_exceeded")
    return Answer(429, body, headers)


def exhausted(decision: Exhausted, moment: Moment) -> Answer:
    """429 for a key whose quota is spent: there is nothing to wait for."""
    body = _error(*_CODES["insufficient_quota"], None, "insufficient_quota")
    return Answer(429, body, limit_headers(decision.levels, moment))


def overloaded(decision: Overload, moment: Moment) -> Answer:
    """The answer of a full queue: 429 `slow_down`, or 503 `server_is_overloaded`."""
    if decision.status == HTTPStatus.TOO_MANY_REQUESTS:
        body = _error(*_CODES["slow_down"], None, "slow_down")
    else:
        body = _error(*_CODES["server_is_overloaded"], None, "server_is_overloaded")
    headers = limit_headers(decision.levels, moment) | retry_after(decision.retry_after_s, with_ms=True)
    return Answer(decision.status, body, headers)


def limit_headers(levels: Levels, _moment: Moment) -> Headers:
    """`x-ratelimit-*` for those buckets that have a limit."""
    headers: Headers = {}
    for kind, level in (("requests", levels.requests), ("tokens", levels.tokens)):
        if level is not None:
            headers |= _level_headers(kind, level)
    return headers


def go_duration(us: int) -> str:
    """A duration as Go prints it, in whole milliseconds rounded up: `6ms`, `1.5s`, `1m0.052s`, `1h0m0s`."""
    ms = -(-us // 1000)
    if ms < MS_PER_S:
        return f"{ms}ms" if ms else "0s"
    minutes, ms = divmod(ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{ms // 1000}.{ms % 1000:03d}".rstrip("0").rstrip(".")
    if hours:
        return f"{hours}h{minutes}m{seconds}s"
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"


def _level_headers(kind: str, level: Level) -> Headers:
    return {
        f"x-ratelimit-limit-{kind}": str(level.limit),
        f"x-ratelimit-remaining-{kind}": str(level.remaining),
        f"x-ratelimit-reset-{kind}": go_duration(level.reset_us),
    }


def _limit_message(exceeded: Exceeded, model: str) -> str:
    where = f"for {model} in organization {ORGANIZATION} on {_UNITS[exceeded.kind]}"
    numbers = f"Limit {exceeded.limit}, Used {exceeded.used}, Requested {exceeded.requested}."
    more = "Visit https://platform.openai.com/account/rate-limits to learn more."
    if exceeded.wait_us is None:
        sizes = f"Limit {exceeded.limit}, Requested {exceeded.requested}."
        advice = "The input or output tokens must be reduced in order to run successfully."
        return f"Request too large {where}: {sizes} {advice} {more}"
    return f"Rate limit reached {where}: {numbers} Please try again in {_wait_text(exceeded.wait_us)}. {more}"


def _wait_text(us: int) -> str:
    """The wait as the messages write it: `494ms`, `3.89s`."""
    ms = -(-us // 1000)
    return f"{ms}ms" if ms < MS_PER_S else f"{ms / MS_PER_S:.3f}".rstrip("0").rstrip(".") + "s"


def _error(message: str, kind: str, param: str | None, code: str | None) -> bytes:
    return msgspec.json.encode({"error": {"message": message, "type": kind, "param": param, "code": code}})
