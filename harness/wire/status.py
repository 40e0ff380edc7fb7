"""What an HTTP status and its headers mean for a call, whatever the wire format."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from harness.model import Fault, Outcome

OK = 200
SERVER_ERRORS = 500

PAYMENT_REQUIRED = 402

#: There is nothing left to pay with: no retry can help, though the status may be 429.
#: https://platform.openai.com/docs/guides/error-codes, https://docs.claude.com/en/api/errors
#: Gateways give the status as the code.
FATAL_CODES = frozenset({"insufficient_quota", "credit_balance_exhausted", "billing_error", "402"})

#: A hint of more than ten years is none.
LONGEST_HINT_S = 10 * 366 * 86_400

_OUTCOMES = {
    408: Outcome.TRANSIENT,
    409: Outcome.TRANSIENT,
    429: Outcome.THROTTLED,
    503: Outcome.OVERLOADED,
    529: Outcome.OVERLOADED,
}


def outcome_of(status: int, code: str | None) -> tuple[Outcome, Fault]:
    """The outcome of a reply that is not 200, from its status and the provider's error code.

    A redirect is fatal: none is followed, so that no key leaves for another host.
    """
    if code in FATAL_CODES or status == PAYMENT_REQUIRED:
        return Outcome.FATAL, Fault.QUOTA
    default = Outcome.TRANSIENT if status >= SERVER_ERRORS else Outcome.FATAL
    return _OUTCOMES.get(status, default), Fault.STATUS


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The server's hint: `retry-after-ms`, or `retry-after` in seconds or as an HTTP date.

    A date is taken relative to the reply's own `date`, so no clock is read. None where there is no usable
    hint (missing, malformed, negative).
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after")
    seconds = _number(text)
    if seconds is not None or text is None:
        return seconds
    at, now = _date(text), _date(headers.get("date", ""))
    if at is None or now is None:
        return None
    return _number(str(max(0.0, (at - now).total_seconds())))


def should_retry(headers: Mapping[str, str]) -> bool | None:
    """`x-should-retry` as OpenAI and Anthropic send it; None when absent."""
    return {"true": True, "false": False}.get(headers.get("x-should-retry", ""))


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value <= LONGEST_HINT_S else None


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
