"""A profile: every number of the imitated provider, as frozen data.

Field names are the keys of a profile file, section by section; the defaults are those of an absent key.
Nothing is validated here: `profile_file` does that where a profile enters.
"""

from dataclasses import dataclass, field

from mockserver.rules import ClockWindow, ConnectionRule, RequestRule

_PRIME_HOUR = ClockWindow(19 * 60 + 30, 20 * 60 + 30)


@dataclass(frozen=True, slots=True)
class Evening:
    """Which part of the evening is played, and in how many real seconds."""

    window: ClockWindow = _PRIME_HOUR
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
    """Requests and tokens a minute for each key and model; 0 means no limit.

    `tpm` counts prompt and output together, as OpenAI does, `itpm` and `otpm` each alone, as Anthropic does.
    `models` has other numbers for some models. `quota_tokens` is what a key may spend at all.
    """

    rpm: int = 0
    tpm: int = 0
    itpm: int = 0
    otpm: int = 0
    window_s: float = 60.0
    quota_tokens: int = 0
    models: tuple["ModelLimits", ...] = ()


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """The limits of one model: None is the common limit, 0 is none."""

    model: str
    rpm: int | None = None
    tpm: int | None = None
    itpm: int | None = None
    otpm: int | None = None


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
