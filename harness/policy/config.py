"""Every setting of the client's policy, validated when it is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from harness.errors import expected
from harness.policy import checks

#: Outcomes that count against the breaker unless a policy chooses otherwise.
FAILURES = ("overloaded", "transient", "timeout", "malformed")

#: Outcomes worth another attempt unless a policy chooses otherwise.
RETRYABLE = ("throttled", "overloaded", "transient", "timeout", "malformed")


@dataclass(frozen=True, slots=True)
class RetryConfig:
    """Retries. `attempts` counts the first. `base_s` is the backoff base after a transient failure,
    `throttle_base_s` after a 429, 503 or 529. With `hints` the API's own are obeyed: Retry-After is a floor
    under the wait, `x-should-retry: false` ends the call.
    """

    attempts: int = 3
    on: tuple[str, ...] = RETRYABLE
    base_s: float = 0.05
    throttle_base_s: float = 1.0
    min_s: float = 0.0
    cap_s: float = 10.0
    jitter: Literal["full", "none"] = "full"
    hints: bool = True

    def __post_init__(self) -> None:
        checks.types(self, "retry")
        checks.at_least("retry.attempts", self.attempts, 1)
        checks.selectors("retry.on", self.on, never=checks.NEVER_RETRIED)
        checks.at_least("retry.base_s", self.base_s, 0)
        checks.at_least("retry.throttle_base_s", self.throttle_base_s, 0)
        checks.at_least("retry.min_s", self.min_s, 0)
        checks.at_least("retry.cap_s", self.cap_s, self.min_s)


@dataclass(frozen=True, slots=True)
class BudgetConfig:
    """Retry budget, a token bucket: each call earns `ratio`, each second `min_per_s`, a retry costs 1.

    Finagle's RetryBudget has ratio 0.2 and 10/s. `cap` bounds what is saved up.
    """

    kind: Literal["bucket", "off"] = "bucket"
    ratio: float = 0.2
    min_per_s: float = 10.0
    cap: float = 100.0

    def __post_init__(self) -> None:
        checks.types(self, "budget")
        checks.at_least("budget.ratio", self.ratio, 0)
        checks.at_least("budget.min_per_s", self.min_per_s, 0)
        checks.at_least("budget.cap", self.cap, 1)


@dataclass(frozen=True, slots=True)
class BreakerConfig:
    """Circuit breaker.

    `ratio`: opens when at least `failure_ratio` of the last `window_s` (of at least `min_calls`) failed, or,
    with `slow_call_s`, when at least `slow_ratio` of them took longer (a stream: to its first token). After
    `open_s` it lets `probes` through, closes when they succeed, opens again when one fails, each time for
    longer: the open time doubles up to `max_open_s`, and up to a quarter of it is added at random. With
    `ramp`, permits start at `probes` when it closes and grow by one a success.
    `counter` is the article's: +1 a failure, -1 a success, opens at `threshold`, after `open_s` all at once.
    With `recheck` it is asked again once the permit is held.
    """

    kind: Literal["ratio", "counter", "off"] = "ratio"
    counts: tuple[str, ...] = FAILURES
    recheck: bool = True
    window_s: float = 10.0
    min_calls: int = 20
    failure_ratio: float = 0.5
    slow_call_s: float | None = None
    slow_ratio: float = 0.8
    open_s: float = 5.0
    max_open_s: float = 60.0
    probes: int = 5
    ramp: bool = True
    threshold: int = 10

    def __post_init__(self) -> None:
        checks.types(self, "breaker")
        checks.selectors("breaker.counts", self.counts)
        checks.positive("breaker.window_s", self.window_s)
        checks.at_least("breaker.min_calls", self.min_calls, 1)
        checks.fraction("breaker.failure_ratio", self.failure_ratio)
        checks.positive("breaker.slow_call_s", self.slow_call_s)
        checks.fraction("breaker.slow_ratio", self.slow_ratio)
        checks.positive("breaker.open_s", self.open_s)
        checks.positive("breaker.max_open_s", self.max_open_s)
        if self.kind == "ratio":
            checks.at_least("breaker.max_open_s", self.max_open_s, self.open_s)
        checks.at_least("breaker.probes", self.probes, 1)
        checks.at_least("breaker.threshold", self.threshold, 1)


@dataclass(frozen=True, slots=True)
class ConcurrencyConfig:
    """Permits for attempts in flight. A permit is held for one attempt (a stream: until it is closed), never
    through a wait.

    `static`: at most `limit`. `aimd`: starts at `initial`, one permit more for each round of successes,
    times `decrease` after an attempt that ended as one of `decrease_on`, between `min` and `max`. A policy
    file that sets `limit` and no `kind` means `static`.
    """

    kind: Literal["static", "aimd", "off"] = "static"
    limit: int = 100
    initial: int = 20
    min: int = 1
    max: int = 200
    decrease: float = 0.7
    decrease_on: tuple[str, ...] = ("throttled", "overloaded", "timeout")

    def __post_init__(self) -> None:
        checks.types(self, "concurrency")
        checks.at_least("concurrency.limit", self.limit, 1)
        checks.at_least("concurrency.min", self.min, 1)
        checks.at_least("concurrency.max", self.max, self.min)
        if not self.min <= self.initial <= self.max:
            raise expected("concurrency.initial", self.initial, f"from min {self.min} to max {self.max}")
        if not 0 < self.decrease < 1:
            raise expected("concurrency.decrease", self.decrease, "a factor between 0 and 1")
        checks.selectors("concurrency.decrease_on", self.decrease_on)


@dataclass(frozen=True, slots=True)
class RateConfig:
    """Requests and tokens a minute, as the provider's own leaky bucket; None sets no limit.

    `burst_s` of the rate may be spent at once. With `sync` the level follows the `x-ratelimit-*` and
    `anthropic-ratelimit-*` headers, and so does a limit that is not set here or is higher than theirs. With
    `pause` a 429's Retry-After holds all calls, unless its headers show that the limits are not used up; for
    `max_pause_s` at the longest: the call that met it still waits as long as it was told.
    """

    rpm: int | None = None
    tpm: int | None = None
    burst_s: float = 60.0
    sync: bool = True
    pause: bool = True
    max_pause_s: float = 60.0

    def __post_init__(self) -> None:
        checks.types(self, "rate")
        checks.at_least("rate.rpm", self.rpm, 1)
        checks.at_least("rate.tpm", self.tpm, 1)
        checks.positive("rate.burst_s", self.burst_s)
        checks.positive("rate.max_pause_s", self.max_pause_s)


@dataclass(frozen=True, slots=True)
class FallbackConfig:
    """A second choice for calls that could not be served: another `model`; None for none.

    It is tried once the first choice has used up its attempts or its budget or refuses, not when the caller
    or the API said no. `reserve_s` of the deadline are kept for it.
    """

    model: str | None = None
    reserve_s: float = 0.0

    def __post_init__(self) -> None:
        checks.types(self, "fallback")
        if self.model is not None and not self.model.strip():
            raise expected("fallback.model", self.model, "the name of a model")
        checks.at_least("fallback.reserve_s", self.reserve_s, 0)


@dataclass(frozen=True, slots=True)
class AdmissionConfig:
    """At most `max_waiting` calls wait for rate and permit; None is unbounded.

    A further one is rejected at once, unless it has a higher priority than one that waits: then that one is.
    """

    max_waiting: int | None = None

    def __post_init__(self) -> None:
        checks.types(self, "admission")
        checks.at_least("admission.max_waiting", self.max_waiting, 0)


@dataclass(frozen=True, slots=True)
class ConnectionsConfig:
    """Connections of the httpx transport: `keepalive` idle ones kept, `max` open at once.

    Without `reuse` every request opens a connection of its own. `read_timeout_s` is the longest silence
    between two chunks, not a total. `pool` chooses who pools: aiohttp, or httpx's own. aiohttp has no
    bound on idle connections of its own: there `keepalive` is not used.
    """

    keepalive: int = 100
    max: int = 400
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 60.0
    reuse: bool = True
    pool: Literal["aiohttp", "httpx"] = "aiohttp"

    def __post_init__(self) -> None:
        checks.types(self, "connections")
        checks.at_least("connections.keepalive", self.keepalive, 0)
        checks.at_least("connections.max", self.max, 1)
        checks.positive("connections.connect_timeout_s", self.connect_timeout_s)
        checks.positive("connections.read_timeout_s", self.read_timeout_s)


@dataclass(frozen=True, slots=True)
class Policy:
    """All settings of the client. None for a time means there is no such bound.

    `deadline_s` bounds a call with all its attempts and waits, `attempt_timeout_s` an attempt; that of a
    stream only to its first output, as `first_token_timeout_s` does; from there on `idle_timeout_s` bounds
    the silence between two events.
    """

    name: str = "custom"
    deadline_s: float | None = 60.0
    attempt_timeout_s: float | None = 30.0
    first_token_timeout_s: float | None = None
    idle_timeout_s: float | None = 15.0
    retry: RetryConfig = field(default_factory=RetryConfig)
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    breaker: BreakerConfig = field(default_factory=BreakerConfig)
    rate: RateConfig = field(default_factory=RateConfig)
    concurrency: ConcurrencyConfig = field(default_factory=ConcurrencyConfig)
    admission: AdmissionConfig = field(default_factory=AdmissionConfig)
    fallback: FallbackConfig = field(default_factory=FallbackConfig)
    connections: ConnectionsConfig = field(default_factory=ConnectionsConfig)

    def __post_init__(self) -> None:
        checks.types(self, "")
        checks.positive("deadline_s", self.deadline_s)
        checks.positive("attempt_timeout_s", self.attempt_timeout_s)
        checks.positive("first_token_timeout_s", self.first_token_timeout_s)
        checks.positive("idle_timeout_s", self.idle_timeout_s)
        if self.deadline_s is not None and self.fallback.reserve_s >= self.deadline_s:
            what = f"less than the deadline of {self.deadline_s:g} s"
            raise expected("fallback.reserve_s", self.fallback.reserve_s, what)
