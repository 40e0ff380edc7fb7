"""The frozen data that travels between the layers. Times are nanoseconds of the injected clock.

`gc=False`: none of them can be part of a reference cycle, and the garbage collector need not look at what a
hundred thousand calls leave a minute.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeAlias

import msgspec

#: Instants in nanoseconds, packed: array("q").
Instants: TypeAlias = "array[int]"


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
    FIRST_TOKEN_TIMEOUT = "first_token_timeout"  # noqa: S105 - of text
    IDLE_TIMEOUT = "idle_timeout"  # a stream fell silent
    POOL = "pool"  # no connection of our own was free
    BODY = "body"  # 200, but not a usable reply
    STREAM = "stream"  # the API reported an error inside a stream, or ended it early
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


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message of a chat; `role` is "system", "user" or "assistant"."""

    role: str
    content: str


class Request(msgspec.Struct, frozen=True, gc=False):
    """One chat request, independent of the wire format. `extra` are further fields of the body, as given.

    Without `max_tokens` the length of the reply is the API's to bound, or that of a field of `extra`.
    """

    messages: tuple[Message, ...]
    model: str
    max_tokens: int | None
    temperature: float | None = None
    stream: bool = False
    extra: Mapping[str, Any] = msgspec.field(default_factory=dict)


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Tokens as the API counted them."""

    prompt_tokens: int
    completion_tokens: int


class Level(msgspec.Struct, frozen=True, gc=False):
    """What the API says of one rate limit: requests or tokens a minute, and how many of them are left."""

    limit: int
    remaining: int


class Levels(msgspec.Struct, frozen=True, gc=False):
    """The rate limits as a reply's headers tell them; None where they do not.

    `tokens` are those of prompt and reply together; some APIs limit each alone, too, or instead.
    """

    requests: Level | None = None
    tokens: Level | None = None
    input_tokens: Level | None = None
    output_tokens: Level | None = None

    @property
    def prompt_tokens(self) -> Level | None:
        """The limit that a prompt counts against: of all tokens, or else of those that are read."""
        return self.tokens or self.input_tokens


class Reply(msgspec.Struct, frozen=True, gc=False):
    """A usable reply. A stream of a server that counts no tokens has no usage."""

    text: str
    model: str
    finish_reason: str
    usage: Usage | None
    request_id: str | None = None


class Tag(msgspec.Struct, frozen=True, gc=False):
    """What a load generator knows of a call before it is made; a plain application leaves it empty.

    `intended_ns` is the instant the call was scheduled for (latency counts from it); `planned_*` are the
    lengths the schedule asked for; `reply_tokens` asks the bundled mock server for a reply of that length.
    `attempts_before` were sent for the same id by calls before this one: attempts are counted from there.
    """

    call_id: int | None = None
    intended_ns: int | None = None
    shop: str = ""
    kind: str = ""
    planned_prompt_tokens: int | None = None
    planned_completion_tokens: int | None = None
    reply_tokens: int | None = None
    attempts_before: int = 0


#: Of a call nobody tagged.
NO_TAG = Tag()


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """One request on the wire and how it ended.

    `sent_ns` is when the permit was held and the request left; `headers_ns` when the status line had
    arrived; `first_token_ns` when a stream's first output had, `output_ns` when each event with a part of the
    reply had; these, and the end of a reply, are when the socket was read, where the transport tells.
    `permit_wait_ns` was spent waiting for rate and permit before it. `route` is 0 for the first choice, 1 for
    the fallback.
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
    first_token_ns: int | None = None
    output_ns: Instants | None = None
    permit_wait_ns: int = 0
    retry_after_s: float | None = None
    should_retry: bool | None = None
    request_id: str | None = None
    detail: str = ""
    usage: Usage | None = None
    levels: Levels | None = None
    route: int = 0
    reply: Reply | None = None

    @property
    def selector(self) -> str:
        """The finest name of how it ended, as `transient.connect`."""
        return f"{self.outcome}.{self.fault}" if self.fault else str(self.outcome)


class Call(msgspec.Struct, frozen=True, gc=False):
    """One logical call: what the customer felt. `attempts` counts requests sent.

    Of one that went through a queue, `accepted_ns` is when that had taken it, `taken_up_ns` when a worker
    first took it up; its waits are those of its last try.
    """

    call_id: int
    intended_ns: int
    start_ns: int
    end_ns: int
    outcome: Outcome
    stopped_by: StoppedBy | None
    attempts: int
    model: str
    tag: Tag = NO_TAG
    permit_wait_ns: int = 0
    backoff_ns: int = 0
    status: int | None = None
    code: str | None = None
    usage: Usage | None = None
    detail: str = ""
    accepted_ns: int | None = None
    taken_up_ns: int | None = None


class AttemptFinished(msgspec.Struct, frozen=True, gc=False):
    """An attempt ended."""

    attempt: Attempt


class Waited(msgspec.Struct, frozen=True, gc=False):
    """A call begins to wait between two attempts; `reason` is the outcome of the attempt before."""

    call_id: int
    at_ns: int
    duration_ns: int
    reason: Outcome


class BreakerChanged(msgspec.Struct, frozen=True, gc=False):
    """The breaker went from one state to another."""

    at_ns: int
    before: str
    after: str
    route: int = 0


class LimitChanged(msgspec.Struct, frozen=True, gc=False):
    """The number of permits went from one to another."""

    at_ns: int
    before: int
    after: int
    route: int = 0


class Paused(msgspec.Struct, frozen=True, gc=False):
    """A 429 told when to come back: nothing is sent until then."""

    at_ns: int
    duration_ns: int
    route: int = 0


class CallFinished(msgspec.Struct, frozen=True, gc=False):
    """A call ended."""

    call: Call


Event = AttemptFinished | Waited | BreakerChanged | LimitChanged | Paused | CallFinished
