"""A pipeline on the virtual loop, and calls whose attempts end as a script says."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, TypeVar

from harness.model import Attempt, Event, Fault, Outcome
from harness.pipeline.pipeline import CallState, Pipeline, Send
from harness.policy.config import (
    AdmissionConfig,
    BreakerConfig,
    BudgetConfig,
    ConcurrencyConfig,
    Policy,
    RetryConfig,
)
from tests.virtual_loop import now_ns

E = TypeVar("E")

#: No bound anywhere; each test adds the one it is about. Waits are 1, 2, 4... seconds.
PLAIN = Policy(
    name="plain",
    deadline_s=None,
    attempt_timeout_s=None,
    retry=RetryConfig(attempts=3, base_s=1.0, throttle_base_s=1.0, cap_s=8.0, jitter="none"),
    budget=BudgetConfig(kind="off"),
    breaker=BreakerConfig(kind="off"),
    concurrency=ConcurrencyConfig(kind="off"),
    admission=AdmissionConfig(max_waiting=None),
)

STATUS = {
    Outcome.OK: 200,
    Outcome.MALFORMED: 200,
    Outcome.THROTTLED: 429,
    Outcome.OVERLOADED: 503,
    Outcome.FATAL: 401,
}


def policy(**changes: Any) -> Policy:
    """PLAIN with changes."""
    return replace(PLAIN, **changes)


def permits(limit: int) -> ConcurrencyConfig:
    """That many permits."""
    return ConcurrencyConfig(limit=limit)


@dataclass(frozen=True)
class End:
    """How an attempt ends, and after how long."""

    outcome: Outcome
    after_s: float = 0.0
    fault: Fault = Fault.NONE
    retry_after_s: float | None = None


OK = End(Outcome.OK)
BROKEN = End(Outcome.TRANSIENT)


@dataclass
class Rig:
    """A pipeline with what it emitted and how many attempts were on the wire at once."""

    policy: Policy
    seed: int = 1
    now_ns: Callable[[], int] = now_ns
    events: list[Event] = field(default_factory=list)
    on_wire: int = 0
    most_on_wire: int = 0
    sent: int = 0

    def __post_init__(self) -> None:
        self.pipeline = Pipeline(
            self.policy, rng=Random(self.seed), now_ns=self.now_ns, emit=self.events.append
        )

    def of(self, kind: type[E]) -> list[E]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def begin(self, *ends: End, call_id: int = 0) -> CallState:
        """A call whose attempts end so, the last end repeated."""
        return self.pipeline.begin(call_id, self._sender(call_id, ends or (OK,)))

    async def call(self, *ends: End, call_id: int = 0) -> CallState:
        """A call taken to its end."""
        state = self.begin(*ends, call_id=call_id)
        await self.pipeline.run(state)
        return state

    def start(self, *ends: End, call_id: int = 0) -> "asyncio.Task[CallState]":
        """A call under way."""
        return asyncio.create_task(self.call(*ends, call_id=call_id))

    def assert_idle(self) -> None:
        """Nothing is held and nobody waits."""
        assert (self.pipeline.permits.held, self.pipeline.permits.waiting, self.on_wire) == (0, 0, 0)

    def _sender(self, call_id: int, ends: tuple[End, ...]) -> Send:
        async def send(number: int, waited_ns: int) -> Attempt:
            end = ends[min(number, len(ends)) - 1]
            sent_ns = self.now_ns()
            self.sent += 1
            self.on_wire += 1
            self.most_on_wire = max(self.most_on_wire, self.on_wire)
            try:
                if end.after_s:
                    await asyncio.sleep(end.after_s)
            finally:
                self.on_wire -= 1
            return Attempt(
                call_id,
                number,
                sent_ns,
                self.now_ns(),
                end.outcome,
                end.fault,
                status=STATUS.get(end.outcome),
                permit_wait_ns=waited_ns,
                retry_after_s=end.retry_after_s,
            )

        return send
