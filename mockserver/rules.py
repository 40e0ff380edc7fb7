"""Fault rules, as frozen data: which connections or requests they meet, when, and what becomes of them.

Field names are the keys of a profile file; `rule_tables` reads and checks them.
"""

from dataclasses import dataclass
from typing import Literal, get_args

MINUTES_PER_DAY = 1440

ConnectionAction = Literal["refuse", "hang", "reset"]
# In place of a generation: the request never takes a slot.
RefusingAction = Literal["status", "refuse", "hang", "reset", "garbage"]
# What a generation has written is spoiled on its way to the caller.
SpoilingAction = Literal[
    "delay",
    "slow_drip",
    "wrong_length",
    "reset_in_headers",
    "reset_after_headers",
    "hang_after_headers",
    "stall",
    "reset_mid",
    "truncate",
    "half_json",
    "malformed_sse",
    "stream_error",
]
RequestAction = RefusingAction | SpoilingAction

REFUSING: frozenset[str] = frozenset(get_args(RefusingAction))
SPOILING: frozenset[str] = frozenset(get_args(SpoilingAction))
# Those that let so many content events of a stream pass first.
COUNTS_EVENTS: frozenset[str] = frozenset(
    {"wrong_length", "stall", "reset_mid", "truncate", "half_json", "malformed_sse", "stream_error"}
)


# The codes an injected status may carry: OpenAI's `code` (https://platform.openai.com/docs/guides/error-codes)
# and Anthropic's error types (https://docs.anthropic.com/en/api/errors).
ERROR_CODES: tuple[str, ...] = (
    "insufficient_quota",
    "credit_balance_exhausted",
    "rate_limit_exceeded",
    "slow_down",
    "server_is_overloaded",
    "context_length_exceeded",
    "invalid_api_key",
    "model_not_found",
    "rate_limit_error",
    "overloaded_error",
    "billing_error",
    "authentication_error",
    "permission_error",
    "not_found_error",
    "request_too_large",
    "invalid_request_error",
    "api_error",
    "timeout_error",
)


@dataclass(frozen=True, slots=True)
class ClockWindow:
    """A stretch of the evening clock in minutes of the day (ICT), its end excluded; it may pass midnight."""

    start_min: int
    end_min: int

    @property
    def length_min(self) -> int:
        return (self.end_min - self.start_min) % MINUTES_PER_DAY

    def holds(self, minute: float) -> bool:
        """Whether `minute` (of any day) lies inside."""
        return (minute - self.start_min) % MINUTES_PER_DAY < self.length_min


@dataclass(frozen=True, slots=True)
class When:
    """When a fault rule is in force; what is None does not restrict it.

    `window` is on the evening clock; `from_s` and `to_s` are real seconds since the clock was set.
    """

    window: ClockWindow | None = None
    from_s: float | None = None
    to_s: float | None = None


@dataclass(frozen=True, slots=True)
class ConnectionRule:
    """A fault of a new connection: refused by the kernel, accepted and never read, or reset at once.

    Nobody listens while connections are refused, so `refuse` cannot pick single ones: its probability is
    drawn anew for every tenth of a second.
    """

    name: str
    action: ConnectionAction
    probability: float = 1.0
    when: When = When()


@dataclass(frozen=True, slots=True)
class HeaderIs:
    """A request header, and the value it must have; names are of any case."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class CallRange:
    """Call ids from `first` to `last`, both included."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """The hint beside an injected status: good seconds (as a number or as a date), or any text instead.

    `should_retry` is the header `x-should-retry`, which the SDKs obey.
    """

    seconds: float | None = None
    as_date: bool = False
    text: str | None = None
    should_retry: bool | None = None


@dataclass(frozen=True, slots=True)
class RequestRule:
    """A fault of a request that has been read.

    Which: `path`, `model`, `key` (the digest of an API key), `header`, `call`, `attempts` (only the first so
    many attempts of a call). How often: `first` (only so many requests that match everything else), `every`
    (every so many of them), `probability`. What: `status`, `code` and `retry_after` for the action status;
    `delay_ms` of the action delay; `bytes_per_s` of slow_drip; `length_off`, by which wrong_length is wrong;
    `after_events`: content events of a stream before it is spoiled; a whole reply is spoiled in the middle of
    its body.
    """

    name: str
    action: RequestAction
    probability: float = 1.0
    when: When = When()
    path: str | None = None
    model: str | None = None
    key: str | None = None
    header: HeaderIs | None = None
    call: CallRange | None = None
    attempts: int | None = None
    first: int | None = None
    every: int | None = None
    status: int = 500
    code: str | None = None
    retry_after: RetryAfter = RetryAfter()
    delay_ms: float = 1000.0
    bytes_per_s: float = 100.0
    length_off: int = 16
    after_events: int = 1
