"""The frozen data that travels between the layers. Times are nanoseconds of the injected clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """How an attempt or a call ended; each ends as exactly one."""

    OK = "ok"
    THROTTLED = "throttled"
    OVERLOADED = "overloaded"
    TRANSIENT = "transient"
    TIMEOUT = "timeout"
    MALFORMED = "malformed"
    PARTIAL = "partial"
    LOCAL = "local"
    FATAL = "fatal"
    DEADLINE = "deadline"
    CANCELLED = "cancelled"
    REJECTED = "rejected"  # a call only: no attempt was let through


class Fault(StrEnum):
    """What went wrong, finer than the outcome. A policy may name `outcome.fault`, as `transient.connect`."""

    NONE = ""
    STATUS = "status"  # the server said so
    CONNECT = "connect"  # refused, unreachable, no such name
    READ = "read"  # the connection broke while it was used
    PROTOCOL = "protocol"  # what came back is not HTTP
    CONNECT_TIMEOUT = "connect_timeout"
    READ_TIMEOUT = "read_timeout"
    ATTEMPT_TIMEOUT = "attempt_timeout"
    POOL = "pool"  # no connection of our own was free
    BODY = "body"  # 200, but not a usable reply
    QUOTA = "quota"  # a 429 that no wait can help


class StoppedBy(StrEnum):
    """Why a call that did not succeed went no further."""

    ATTEMPTS = "attempts"
    BUDGET = "budget"
    DEADLINE = "deadline"
    FATAL = "fatal"
    BREAKER = "breaker"
    ADMISSION = "admission"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Request:
    """One chat request, independent of the wire format."""

    prompt: str
    model: str
    max_tokens: int
    system: str | None = None
    temperature: float | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the API counted them."""

    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Reply:
    """A usable reply."""

    text: str
    model: str
    finish_reason: str
    usage: Usage
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Tag:
    """What a load generator knows of a call before it is made; a plain application leaves it empty.

    `intended_ns` is the instant the call was scheduled for (latency counts from it); `planned_*` are the
    lengths the schedule asked for; `reply_tokens` asks the bundled mock server for a reply of that length.
    """

    call_id: int | None = None
    intended_ns: int | None = None
    shop: str = ""
    kind: str = ""
    planned_prompt_tokens: int | None = None
    planned_completion_tokens: int | None = None
    reply_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request on the wire and how it ended.

    `sent_ns` is when the permit was held and the request left; `headers_ns` when the status line had
    arrived. `permit_wait_ns` was spent waiting for a permit before it.
    """

    call_id: int
    number: int
    sent_ns: int
    end_ns: int
    outcome: Outcome
    fault: Fault = Fault.NONE
    status: int | None = None
    code: str | None = None
    headers_ns: int | None = None
    permit_wait_ns: int = 0
    retry_after_s: float | None = None
    should_retry: bool | None = None
    request_id: str | None = None
    detail: str = ""
    reply: Reply | None = None

    @property
    def selector(self) -> str:
        """The finest name of how it ended, as `transient.connect`."""
        return f"{self.outcome}.{self.fault}" if self.fault else str(self.outcome)


@dataclass(frozen=True, slots=True)
class Call:
    """One logical call: what the customer felt. `attempts` counts requests sent."""

    call_id: int
    intended_ns: int
    start_ns: int
    end_ns: int
    outcome: Outcome
    stopped_by: StoppedBy | None
    attempts: int
    model: str
    tag: Tag = field(default_factory=Tag)
    permit_wait_ns: int = 0
    backoff_ns: int = 0
    status: int | None = None
    code: str | None = None
    usage: Usage | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AttemptFinished:
    """An attempt ended."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Waited:
    """A call begins to wait between two attempts; `reason` is the outcome of the attempt before."""

    call_id: int
    at_ns: int
    duration_ns: int
    reason: Outcome


@dataclass(frozen=True, slots=True)
class BreakerChanged:
    """The breaker went from one state to another."""

    at_ns: int
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class CallFinished:
    """A call ended."""

    call: Call


Event = AttemptFinished | Waited | BreakerChanged | CallFinished
