"""Every setting of the client's policy, validated when it is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import Literal

from harness.errors import ConfigError, expected, nearest
from harness.model import Fault, Outcome

#: Outcomes that count against the breaker unless a policy chooses otherwise.
FAILURES = ("overloaded", "transient", "timeout", "malformed")

#: What may stand behind the dot of a selector.
FAULTS = tuple(str(f) for f in Fault if f)

#: Outcomes worth another attempt unless a policy chooses otherwise.
RETRYABLE = ("throttled", "overloaded", "transient", "timeout", "malformed")


def _at_least(field_name: str, value: float | None, low: float) -> None:
    if value is not None and not low <= value < inf:
        raise expected(field_name, value, "a finite number" if value == inf else f"at least {low:g}")


def _positive(field_name: str, value: float | None) -> None:
    if value is not None and not 0 < value < inf:
        raise expected(field_name, value, "a finite number" if value == inf else "more than 0")


def _one_of(field_name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise expected(field_name, value, f"one of {', '.join(map(repr, choices))}")


def _fraction(field_name: str, value: float) -> None:
    if not 0 < value <= 1:
        raise expected(field_name, value, "a fraction, more than 0 and at most 1")


def _selectors(field_name: str, value: tuple[str, ...]) -> None:
    outcomes = [str(o) for o in Outcome if o not in {Outcome.OK, Outcome.REJECTED, Outcome.CANCELLED}]
    for selector in value:
        outcome, dot, fault = selector.partition(".")
        if outcome not in outcomes or (dot and fault not in FAULTS):
            hint = nearest(outcome, outcomes)
            raise ConfigError(
                f"{field_name}: unknown outcome {selector!r}{hint}: expected some of {', '.join(outcomes)},"
                " each optionally with a fault, as 'transient.connect'"
            )


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
        _at_least("retry.attempts", self.attempts, 1)
        _selectors("retry.on", self.on)
        _at_least("retry.base_s", self.base_s, 0)
        _at_least("retry.throttle_base_s", self.throttle_base_s, 0)
        _at_least("retry.min_s", self.min_s, 0)
        _at_least("retry.cap_s", self.cap_s, self.min_s)
        _one_of("retry.jitter", self.jitter, ("full", "none"))


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
        _one_of("budget.kind", self.kind, ("bucket", "off"))
        _at_least("budget.ratio", self.ratio, 0)
        _at_least("budget.min_per_s", self.min_per_s, 0)
        _at_least("budget.cap", self.cap, 1)


@dataclass(frozen=True, slots=True)
class BreakerConfig:
    """Circuit breaker.

    `ratio`: opens when at least `failure_ratio` of the last `window_s` (of at least `min_calls`) failed;
    after `open_s` lets `probes` through, closes when they succeed, opens again when one fails.
    `counter` is the article's: +1 a failure, -1 a success, opens at `threshold`, after `open_s` all at once.
    With `recheck` it is asked again once the permit is held.
    """

    kind: Literal["ratio", "counter", "off"] = "ratio"
    counts: tuple[str, ...] = FAILURES
    recheck: bool = True
    window_s: float = 10.0
    min_calls: int = 20
    failure_ratio: float = 0.5
    open_s: float = 5.0
    probes: int = 5
    threshold: int = 10

    def __post_init__(self) -> None:
        _one_of("breaker.kind", self.kind, ("ratio", "counter", "off"))
        _selectors("breaker.counts", self.counts)
        _positive("breaker.window_s", self.window_s)
        _at_least("breaker.min_calls", self.min_calls, 1)
        _fraction("breaker.failure_ratio", self.failure_ratio)
        _positive("breaker.open_s", self.open_s)
        _at_least("breaker.probes", self.probes, 1)
        _at_least("breaker.threshold", self.threshold, 1)


@dataclass(frozen=True, slots=True)
class ConcurrencyConfig:
    """Permits: at most `limit` attempts in flight. A permit is held for one attempt, never through a wait."""

    kind: Literal["static", "off"] = "static"
    limit: int = 100

    def __post_init__(self) -> None:
        _one_of("concurrency.kind", self.kind, ("static", "off"))
        _at_least("concurrency.limit", self.limit, 1)


@dataclass(frozen=True, slots=True)
class AdmissionConfig:
    """At most `max_waiting` calls wait for a permit; a further one is rejected at once. None is unbounded."""

    max_waiting: int | None = None

    def __post_init__(self) -> None:
        _at_least("admission.max_waiting", self.max_waiting, 0)


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
        _one_of("connections.pool", self.pool, ("aiohttp", "httpx"))
        _at_least("connections.keepalive", self.keepalive, 0)
        _at_least("connections.max", self.max, 1)
        _positive("connections.connect_timeout_s", self.connect_timeout_s)
        _positive("connections.read_timeout_s", self.read_timeout_s)


@dataclass(frozen=True, slots=True)
class Policy:
    """All settings of the client. None for a time means there is no such bound."""

    name: str = "custom"
    deadline_s: float | None = 60.0
    attempt_timeout_s: float | None = 30.0
    retry: RetryConfig = field(default_factory=RetryConfig)
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    breaker: BreakerConfig = field(default_factory=BreakerConfig)
    concurrency: ConcurrencyConfig = field(default_factory=ConcurrencyConfig)
    admission: AdmissionConfig = field(default_factory=AdmissionConfig)
    connections: ConnectionsConfig = field(default_factory=ConnectionsConfig)

    def __post_init__(self) -> None:
        _positive("deadline_s", self.deadline_s)
        _positive("attempt_timeout_s", self.attempt_timeout_s)
