"""A profile: every number of the imitated provider, as frozen data.

Field names are the keys of a profile file, section by section; the defaults are those of an absent key.
Nothing is validated here: `profile_file` does that where a profile enters.
"""

from dataclasses import dataclass, field
from typing import Literal, get_args

MINUTES_PER_DAY = 1440

ConnectionAction = Literal["hang", "reset"]
# In place of a generation: the request never takes a slot.
RefusingAction = Literal["status", "hang", "reset", "garbage"]
# What a generation has written is spoiled on its way to the caller.
SpoilingAction = Literal[
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
COUNTS_EVENTS = SPOILING - {"hang_after_headers"}


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
class Evening:
    """Which part of the evening is played, and in how many real seconds."""

    window: ClockWindow = ClockWindow(19 * 60 + 30, 20 * 60 + 30)
    duration_s: float = 180.0


@dataclass(frozen=True, slots=True)
class Ttft:
    """Time to first token: a mixture of two lognormals, plus a share for the prompt."""

    median_ms: float = 720.0
    sigma: float = 0.28
    slow_share: float = 0.02
    slow_median_ms: float = 2000.0
    slow_sigma: float = 0.40
    per_1k_prompt_ms: float = 27.0


@dataclass(frozen=True, slots=True)
class InterToken:
    """Time between tokens in an empty batch, and its coefficient of variation."""

    mean_ms: float = 14.0
    cv: float = 0.15


@dataclass(frozen=True, slots=True)
class Length:
    """Output tokens: lognormal, cut by the request's own maximum."""

    median_tokens: float = 151.0
    sigma: float = 0.86


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests and tokens a minute for each key and model; 0 means no limit."""

    rpm: int = 0
    tpm: int = 0
    window_s: float = 60.0


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The background load (fraction of the slots) at a minute of the day."""

    minute: int
    fraction: float


@dataclass(frozen=True, slots=True)
class CapacitySettings:
    """How many generations run at once, how many wait, and what the others take; 0 slots means no limit."""

    slots: int = 0
    queue: int = 0
    background: tuple[CurvePoint, ...] = ()
    slowdown: float = 0.0
    abandon_when_client_gone: bool = False
    overload_status: int = 503
    overload_retry_after_s: float = 1.0


@dataclass(frozen=True, slots=True)
class FrontSettings:
    """How fast new connections are accepted, and how many may be open; 0 means no limit."""

    connections_per_s: float = 0.0
    burst: int = 1
    backlog: int = 1024
    max_open: int = 0


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
    """A fault of a new connection: accepted and never read, or reset at once."""

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
class RequestRule:
    """A fault of a request that has been read.

    `first`: only so many requests that match everything else. `after_events`: content events of a stream
    before it is spoiled; a whole reply is spoiled in the middle of its body.
    """

    name: str
    action: RequestAction
    probability: float = 1.0
    when: When = When()
    path: str | None = None
    model: str | None = None
    header: HeaderIs | None = None
    first: int | None = None
    status: int = 500
    retry_after_s: float | None = None
    after_events: int = 1


@dataclass(frozen=True, slots=True)
class Profile:
    """One imitated provider on one evening."""

    name: str
    evening: Evening = field(default_factory=Evening)
    ttft: Ttft = field(default_factory=Ttft)
    inter_token: InterToken = field(default_factory=InterToken)
    length: Length = field(default_factory=Length)
    limits: Limits = field(default_factory=Limits)
    capacity: CapacitySettings = field(default_factory=CapacitySettings)
    front: FrontSettings = field(default_factory=FrontSettings)
    connection_faults: tuple[ConnectionRule, ...] = ()
    request_faults: tuple[RequestRule, ...] = ()
