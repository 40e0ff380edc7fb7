"""A pipeline on the virtual loop, and calls whose attempts end as a script says."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, TypeVar

from harness.model import Attempt, Event, Fault, Levels, Outcome, Usage
from harness.pipeline.attempting import Opened, Progress, Send
from harness.pipeline.call_state import CallState
from harness.pipeline.pipeline import Pipeline
from harness.policy.config import (
    AdmissionConfig,
    BreakerConfig,
    BudgetConfig,
    ConcurrencyConfig,
    Policy,
    RetryConfig,
)
from harness.sim.loop import now_ns
from harness.units import NS

E = TypeVar("E")

#: No bound anywhere; each test adds the one it is about. Waits are 1, 2, 4... seconds.
PLAIN = Policy(
    name="plain",
    deadline_s=None,
    attempt_timeout_s=None,
    idle_timeout_s=None,
    retry=RetryConfig(attempts=3, base_s=1.0, throttle_base_s=1.0, cap_s=8.0, jitter="none"),
    budget=BudgetConfig(kind="off"),
    breaker=BreakerConfig(kind="off"),
    concurrency=ConcurrencyConfig(kind="off"),
    admission=AdmissionConfig(max_waiting=None),
)

STATUS = {
    Outcome.OK: 200,
    Outcome.MALFORMED: 200,
    Outcome.PARTIAL: 200,
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
    """How an attempt ends, and after how long; its headers are there after `headers_s`, if that is given.

    With `streams` it becomes a stream then, which `Rig.end` ends.
    """

    outcome: Outcome
    after_s: float = 0.0
    fault: Fault = Fault.NONE
    retry_after_s: float | None = None
    headers_s: float | None = None
    streams: bool = False
    usage: Usage | None = None
    levels: Levels | None = None


OK = End(Outcome.OK)
BROKEN = End(Outcome.TRANSIENT)
THROTTLED = End(Outcome.THROTTLED)
FATAL = End(Outcome.FATAL)
HANG = End(Outcome.OK, after_s=1e6)
STREAM = End(Outcome.OK, streams=True)


class FakeStream(Opened):
    """What an attempt became."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress


@dataclass
class Rig:
    """A pipeline with what it emitted and how many attempts were on the wire at once."""

    policy: Policy
    seed: int = 1
    now_ns: Callable[[], int] = now_ns
    reserve_s: float = 0.0
    route: int = 0
    events: list[Event] = field(default_factory=list)
    on_wire: int = 0
    most_on_wire: int = 0
    sent_at_ns: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pipeline = Pipeline(
            self.policy,
            rng=Random(self.seed),
            now_ns=self.now_ns,
            emit=self.events.append,
            route=self.route,
            reserve_s=self.reserve_s,
        )
        self.gate = self.pipeline.gate

    @property
    def sent(self) -> int:
        """How many attempts left."""
        return len(self.sent_at_ns)

    def of(self, kind: type[E]) -> list[E]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def begin(self, *, call_id: int = 0, priority: int = 0, streaming: bool = False) -> CallState:
        """A call, its deadline counting from now."""
        deadline_at_s = None
        if self.policy.deadline_s is not None:
            deadline_at_s = asyncio.get_running_loop().time() + self.policy.deadline_s
        return CallState(call_id, deadline_at_s, priority, streaming, start_ns=self.now_ns())

    async def run(self, state: CallState, *ends: End, tokens: Callable[[], int] | None = None) -> CallState:
        """A call taken to its end on this route; its attempts end so, the last end repeated."""
        await self.pipeline.run(state, self._sender(ends or (OK,)), tokens)
        return state

    async def call(
        self,
        *ends: End,
        call_id: int = 0,
        priority: int = 0,
        streaming: bool = False,
        tokens: Callable[[], int] | None = None,
    ) -> CallState:
        """A call from begin to end."""
        state = self.begin(call_id=call_id, priority=priority, streaming=streaming)
        return await self.run(state, *ends, tokens=tokens)

    def start(
        self,
        *ends: End,
        call_id: int = 0,
        priority: int = 0,
        streaming: bool = False,
        tokens: Callable[[], int] | None = None,
    ) -> "asyncio.Task[CallState]":
        """A call under way."""
        return asyncio.create_task(
            self.call(*ends, call_id=call_id, priority=priority, streaming=streaming, tokens=tokens)
        )

    def end(self, state: CallState, outcome: Outcome = Outcome.OK, fault: Fault = Fault.NONE) -> None:
        """The stream of a call is over."""
        if not isinstance(state.opened, FakeStream):
            raise TypeError(f"no stream: {state}")
        self.pipeline.end(state, state.opened.progress.ended(self.now_ns(), outcome, fault))
        self.on_wire -= 1

    async def opening_passed(self) -> int:
        """Wait until the open breaker would admit again; that instant."""
        at_ns = self.pipeline.leases.breaker.retry_at_ns
        if at_ns is None:
            raise ValueError("the breaker is not open")
        await asyncio.sleep((at_ns - self.now_ns()) / NS)
        return at_ns

    def assert_idle(self) -> None:
        """Nothing is held and nobody waits."""
        assert (self.gate.held, self.gate.waiting, self.on_wire) == (0, 0, 0)

    def _sender(self, ends: tuple[End, ...]) -> Send:
        async def send(progress: Progress) -> Attempt | Opened:
            end = ends[min(progress.number, len(ends)) - 1]
            self.sent_at_ns.append(self.now_ns())
            self.on_wire += 1
            self.most_on_wire = max(self.most_on_wire, self.on_wire)
            result: Attempt | Opened | None = None
            try:
                result = await self._play(progress, end)
            finally:
                if not isinstance(result, Opened):
                    self.on_wire -= 1
            return result

        return send

    async def _play(self, progress: Progress, end: End) -> Attempt | Opened:
        if end.headers_s is not None:
            await asyncio.sleep(end.headers_s)
            progress.headers_ns = self.now_ns()
            progress.status = STATUS.get(end.outcome)
        if end.after_s:
            await asyncio.sleep(end.after_s - (end.headers_s or 0.0))
        progress.status = STATUS.get(end.outcome)
        progress.retry_after_s = end.retry_after_s
        progress.usage = end.usage
        progress.levels = end.levels
        if end.streams:
            progress.first_token_ns = self.now_ns()
            return FakeStream(progress)
        return progress.ended(self.now_ns(), end.outcome, end.fault)


async def turns(count: int = 5) -> None:
    """Let others run."""
    for _ in range(count):
        await asyncio.sleep(0)
