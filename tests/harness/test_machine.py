"""The whole client as a state machine: whatever calls, faults, cancellations and clocks do, nothing is left.

A real ResilientClient on one virtual loop, its transport scripted. Hypothesis starts, cancels, leaves and
reads calls at any moment, and a call may be acted on before it has run at all.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from random import Random
from typing import Any
from unittest import mock

import msgspec
import pytest
from hypothesis import HealthCheck, currently_in_test_context, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from harness.client.calls import next_tag
from harness.client.client import ResilientClient
from harness.errors import CallError
from harness.model import (
    Attempt,
    AttemptFinished,
    BreakerChanged,
    Call,
    CallFinished,
    Event,
    Fault,
    Outcome,
    Paused,
    Reply,
    Tag,
)
from harness.pipeline import leases as leases_module
from harness.policy.config import (
    AdmissionConfig,
    BreakerConfig,
    BudgetConfig,
    ConcurrencyConfig,
    FallbackConfig,
    Policy,
    RateConfig,
    RetryConfig,
)
from harness.policy.rate import RateBucket, Reservation
from harness.sim.loop import VirtualLoop
from harness.transport.base import HttpRequest, TransportError
from tests.harness.pipeline.rig import turns

SECOND = 1_000_000_000

#: Long enough for every wait a policy or plan below can ask for.
PATIENCE_S = 5_000.0

#: Turns of the loop after which nothing is on its way any more.
SETTLED = 12

# --- What the API does -------------------------------------------------------------------------------------

ERRORS = {
    "refused": (Outcome.TRANSIENT, Fault.CONNECT),
    "connect timeout": (Outcome.TIMEOUT, Fault.CONNECT_TIMEOUT),
    "no pool": (Outcome.LOCAL, Fault.POOL),
    "no http": (Outcome.TRANSIENT, Fault.PROTOCOL),
}

RESET = TransportError(Outcome.TRANSIENT, Fault.READ, "connection reset by peer")

STATUSES = {"429": 429, "500": 500, "503": 503, "401": 401, "quota": 429}

WHOLE = msgspec.json.encode(
    {
        "model": "gpt-4.1",
        "choices": [{"message": {"content": "กาแฟ"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 7},
    }
)


def _event(document: Any) -> bytes:
    return b"data: " + msgspec.json.encode(document) + b"\n\n"


def _delta(delta: dict[str, str], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return _event({"model": "gpt-4.1", "choices": [choice]})


#: A good stream, an event a chunk: a preamble, two texts, the end, the usage, the end mark.
STREAM = (
    _delta({"role": "assistant"}),
    _delta({"content": "กา"}),
    _delta({"content": "แฟ"}),
    _delta({}, "stop"),
    _event({"model": "gpt-4.1", "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 7}}),
    b"data: [DONE]\n\n",
)

STREAM_ERROR = _event({"error": {"message": "the engine fell over", "type": "server_error", "code": None}})

KINDS = (
    "good",  # as it was asked for
    "whole",
    "stream",
    "refused",
    "connect timeout",
    "no pool",
    "no http",
    "hang",
    "hang and linger",
    "429",
    "500",
    "503",
    "401",
    "quota",
    "garbage",
    "body hangs",
    "body breaks",
    "stream hangs",
    "stream breaks",
    "stream errs",
    "stream ends early",
    "stream is garbage",
)


@dataclass(frozen=True)
class Plan:
    """What one attempt meets. `at` is the chunk at which a stream goes wrong; `held` waits for `resolve`."""

    kind: str = "good"
    open_s: float = 0.0
    gap_s: float = 0.0
    at: int = 0
    held: str = ""
    retry_after: str | None = None
    remaining: int | None = None
    lingers: bool = False
    close_fails: bool = False

    @property
    def status(self) -> int:
        """HTTP status."""
        return STATUSES.get(self.kind, 200)

    @property
    def headers(self) -> dict[str, str]:
        """Headers."""
        kind = "text/event-stream" if self.kind.startswith("stream") else "application/json"
        headers = {"content-type": kind, "x-request-id": "req_1"}
        if self.retry_after is not None:
            headers["retry-after"] = self.retry_after
        if self.remaining is not None:
            headers["x-ratelimit-limit-requests"] = "120"
            headers["x-ratelimit-remaining-requests"] = str(self.remaining)
        return headers

    def steps(self) -> Iterator[bytes | TransportError | None]:
        """The body, a chunk a step; None hangs."""
        kind = self.kind
        if kind == "whole":
            yield from (WHOLE[:20], WHOLE[20:])
        elif kind == "garbage":
            yield b'{"choices": ['
        elif kind == "body hangs":
            yield from (WHOLE[:20], None)
        elif kind == "body breaks":
            yield from (WHOLE[:20], RESET)
        elif kind == "stream":
            yield from STREAM
        elif kind.startswith("stream"):
            yield from STREAM[: self.at]
            if kind != "stream ends early":
                yield {
                    "stream hangs": None,
                    "stream breaks": RESET,
                    "stream errs": STREAM_ERROR,
                    "stream is garbage": b"data: {no json\n\n",
                }[kind]
        else:
            code = "insufficient_quota" if kind == "quota" else "some_code"
            yield msgspec.json.encode({"error": {"message": "no", "type": "some_type", "code": code}})


class Body:
    """The chunks of one reply, as they come."""

    def __init__(self, api: Api, plan: Plan) -> None:
        self._api = api
        self._plan = plan
        self._steps = plan.steps()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._plan.gap_s:  # else it is there already: no turn of the loop is waited for
            await asyncio.sleep(self._plan.gap_s)
        for step in self._steps:
            if step is None:
                await self._api.hang()
            elif isinstance(step, TransportError):
                raise step
            else:
                if self._plan.held == "body":
                    await self._api.hold()
                return step
        raise StopAsyncIteration


class Response:
    """One reply. `closes` counts."""

    def __init__(self, api: Api, call_id: int, plan: Plan) -> None:
        self.call_id = call_id
        self.status = plan.status
        self.headers: Mapping[str, str] = plan.headers
        self.read_ns: int | None = None
        self.closes = 0
        self._api = api
        self._plan = plan

    def header_lines(self) -> list[tuple[str, str]]:
        """Headers as they came."""
        return list(self.headers.items())

    def chunks(self) -> AsyncIterator[bytes]:
        """The body."""
        return Body(self._api, self._plan)

    async def aclose(self) -> None:
        """Closed at once; a lingering one lets the loop turn before it says so."""
        self.closes += 1
        if self._plan.lingers:
            await asyncio.sleep(0)
        if self._plan.close_fails:
            raise RESET


class Api:
    """The transport: plays each attempt's plan and keeps a log of what was asked."""

    def __init__(self) -> None:
        self.plans: dict[int, tuple[Plan, ...]] = {}
        self.seen: list[tuple[int, int]] = []  # (call, attempt), as the headers tell
        self.responses: list[Response] = []
        self.held: list[asyncio.Future[None]] = []
        self.opening: list[int] = []
        self.resolved = False  # nothing is held any more

    @property
    def on_wire(self) -> list[int]:
        """The calls of requests being opened, and of replies not yet closed."""
        return self.opening + [response.call_id for response in self.responses if not response.closes]

    async def open(self, request: HttpRequest) -> Response:
        """As the plan says."""
        call_id = int(request.headers["x-primetime-call"])
        number = int(request.headers["x-primetime-attempt"])
        self.seen.append((call_id, number))
        plans = self.plans[call_id]
        plan = plans[min(number, len(plans)) - 1]
        if plan.kind == "good":
            plan = replace(plan, kind="stream" if b'"stream":true' in request.content else "whole")
        self.opening.append(call_id)
        try:
            return await self._answer(call_id, plan)
        finally:
            self.opening.remove(call_id)

    async def _answer(self, call_id: int, plan: Plan) -> Response:
        if plan.open_s:
            await asyncio.sleep(plan.open_s)
        if plan.held == "open":
            await self.hold()
        if plan.kind.startswith("hang"):
            try:
                await self.hang()
            finally:
                if plan.kind == "hang and linger":  # a transport that tidies up when it is cancelled
                    await asyncio.sleep(0)
        if plan.kind in ERRORS:
            raise TransportError(*ERRORS[plan.kind], plan.kind)
        response = Response(self, call_id, plan)
        self.responses.append(response)
        return response

    async def hold(self) -> None:
        """Until `resolve`."""
        if not self.resolved:
            future = asyncio.get_running_loop().create_future()
            self.held.append(future)
            await future

    async def hang(self) -> None:
        """For good."""
        await asyncio.get_running_loop().create_future()

    async def aclose(self) -> None:
        """Nothing is kept."""


# --- What is watched ---------------------------------------------------------------------------------------


class Ledger(RateBucket):
    """A rate bucket that knows each of its reservations, and what became of it."""

    def __init__(self, config: RateConfig) -> None:
        super().__init__(config)
        self.taken: list[Reservation] = []
        self.given_back: Counter[int] = Counter()

    def take(self, tokens: int, now_ns: int) -> Reservation:
        """As it does; each reservation an object of its own."""
        reservation = copy(super().take(tokens, now_ns))
        self.taken.append(reservation)
        return reservation

    def settle(self, reservation: Reservation, used_tokens: int | None, now_ns: int) -> None:
        """As it does."""
        self.given_back[id(reservation)] += 1
        super().settle(reservation, used_tokens, now_ns)

    def refund(self, reservation: Reservation, now_ns: int) -> None:
        """As it does."""
        self.given_back[id(reservation)] += 1
        super().refund(reservation, now_ns)


@dataclass
class Caller:
    """One call as its caller lives it."""

    call_id: int
    streaming: bool
    began_ns: int | None = None
    back_ns: int = 0  # when a stream's reader was last back from what it does between two reads
    late_texts: int = 0  # how often its reader was given more when the deadline had passed
    wants_no_more: bool = False
    reply: Reply | None = None
    error: CallError | None = None
    task: asyncio.Task[None] = field(init=False)


# --- What is drawn -----------------------------------------------------------------------------------------

#: Coarse, so that ends, timeouts, deadlines and cancellations often fall on the same instant.
#: A third of the attempts go well.
WEIGHTED = KINDS + ("good",) * 10


def _plan(rng: Random) -> Plan:
    return Plan(
        kind=rng.choice(WEIGHTED),
        open_s=rng.choice([0.0, 0.0, 0.25, 0.25, 0.5, 1.0]),
        gap_s=rng.choice([0.0, 0.0, 0.0, 0.0, 0.25, 1.0]),
        at=rng.randint(0, len(STREAM)),
        held=rng.choice([""] * 8 + ["open", "body"]),
        retry_after=rng.choice([None, None, "0", "0.5", "3", "1000"]),
        remaining=rng.choice([None, None, None, 0, 1, 119]),
        lingers=rng.random() < 0.3,
        close_fails=rng.random() < 0.1,
    )


def _plans(seed: int) -> tuple[Plan, ...]:
    rng = Random(seed)
    return tuple(_plan(rng) for _ in range(rng.randint(1, 4)))


CONCURRENCY = st.one_of(
    st.builds(ConcurrencyConfig, limit=st.integers(1, 5)),
    st.builds(
        ConcurrencyConfig,
        kind=st.just("aimd"),
        initial=st.integers(1, 5),
        min=st.just(1),
        max=st.just(5),
        decrease=st.sampled_from([0.5, 0.9]),
    ),
)

BREAKERS = st.one_of(
    st.just(BreakerConfig(kind="off")),
    st.builds(
        BreakerConfig,
        window_s=st.sampled_from([2.0, 10.0]),
        min_calls=st.sampled_from([1, 3, 5]),
        open_s=st.sampled_from([0.5, 2.0]),
        max_open_s=st.just(4.0),
        probes=st.integers(1, 2),
        ramp=st.booleans(),
        recheck=st.booleans(),
        slow_call_s=st.sampled_from([None, 1.0]),
    ),
    st.builds(BreakerConfig, kind=st.just("counter"), threshold=st.integers(1, 3), open_s=st.just(2.0)),
)

POLICIES = st.builds(
    Policy,
    deadline_s=st.sampled_from([None, 1.0, 3.0, 10.0, 30.0]),
    attempt_timeout_s=st.sampled_from([None, 0.5, 3.0, 3.0]),
    first_token_timeout_s=st.sampled_from([None, None, 2.0]),
    idle_timeout_s=st.sampled_from([None, 0.5, 2.0]),
    retry=st.builds(
        RetryConfig,
        attempts=st.integers(1, 4),
        base_s=st.sampled_from([0.0, 0.25]),
        throttle_base_s=st.sampled_from([0.0, 0.5]),
        jitter=st.sampled_from(["full", "none"]),
    ),
    budget=st.sampled_from([BudgetConfig(kind="off"), BudgetConfig(ratio=0.5, min_per_s=0, cap=2)]),
    breaker=BREAKERS,
    rate=st.builds(
        RateConfig,
        rpm=st.sampled_from([None, None, 60, 240]),
        tpm=st.sampled_from([None, None, 3000]),
        burst_s=st.sampled_from([1.0, 10.0]),
        sync=st.booleans(),
        pause=st.booleans(),
    ),
    concurrency=CONCURRENCY,
    admission=st.builds(AdmissionConfig, max_waiting=st.sampled_from([None, None, None, None, 0, 2])),
    fallback=st.sampled_from(
        [FallbackConfig(), FallbackConfig(model="small"), FallbackConfig(model="small", reserve_s=0.5)]
    ),
)

#: Drawn through a seed: Hypothesis likes to repeat itself, and a machine of equal calls finds little.
PLANS = st.integers(0, 2**32).map(_plans)
PRIORITIES = st.sampled_from([0, 0, 0, 1, -1])
INDEX = st.integers(0, 15)


FORGOTTEN = ("loop", "api", "events", "callers", "client", "pipelines", "complaints")


class ClientMachine(RuleBasedStateMachine):
    """Rules act on the calls; only `advance` and `turn` let the loop run."""

    @initialize(policy=POLICIES, seed=st.integers(0, 9))
    def build(self, policy: Policy, seed: int) -> None:
        """A client of this policy, its buckets watched."""
        self.policy = policy
        self.loop = VirtualLoop()
        self.complaints: list[dict[str, Any]] = []
        self.loop.set_exception_handler(lambda _, context: self.complaints.append(context))
        self.api = Api()
        self.events: list[Event] = []
        self.callers: list[Caller] = []
        with mock.patch.object(leases_module, "RateBucket", Ledger):
            self.client = ResilientClient(
                "http://api.test/v1",
                "sk-test",
                policy=policy,
                transport=self.api,
                listeners=[self.events.append],
                send_ids=True,
                rng=Random(seed),
                now_ns=self.loop.now_ns,
            )
        self.pipelines = [route.pipeline for route in self.client.routes]

    # --- rules

    @rule(plans=PLANS, priority=PRIORITIES)
    def start_a_call(self, plans: tuple[Plan, ...], priority: int) -> None:
        """Its reply is wanted whole."""
        self._start(plans, self._whole, priority, streaming=False)

    @rule(
        plans=PLANS,
        priority=PRIORITIES,
        pace_s=st.sampled_from([0.0, 0.0, 0.25, 2.0, 20.0]),
        leave_after=st.sampled_from([None, None, 0, 1, 2]),
    )
    def start_a_stream(
        self, plans: tuple[Plan, ...], priority: int, pace_s: float, leave_after: int | None
    ) -> None:
        """Its reader takes its time between two reads, and may leave early."""
        self._start(plans, self._reader, priority, pace_s, leave_after, streaming=True)

    @rule(seconds=st.sampled_from([0.25, 0.5, 1.0, 1.0, 2.5, 10.0]))
    def advance(self, seconds: float) -> None:
        """Let so much time pass."""
        self.loop.run_until_complete(asyncio.sleep(seconds))
        self.loop.run_until_complete(turns(SETTLED))
        self._check_nobody_waits_for_nothing()

    @rule(count=st.integers(1, 4))
    def turn(self, count: int) -> None:
        """Let the loop turn; no time passes."""
        self.loop.run_until_complete(turns(count))

    @rule(index=INDEX)
    def cancel(self, index: int) -> None:
        """A caller gives up."""
        running = [caller for caller in self.callers if not caller.task.done()]
        if running:
            running[index % len(running)].task.cancel()

    @rule(first=INDEX, count=st.sampled_from([1, 1, 2, 3]), most=st.sampled_from([1, 99]))
    def cancel_in_turn(self, first: int, count: int, most: int) -> None:
        """One gives up, and so many turns later others, to whom what it held may just be on its way."""
        running = [caller for caller in self.callers if not caller.task.done()]
        on_wire = [caller for caller in running if caller.call_id in self.api.on_wire]
        if on_wire:
            one = on_wire[first % len(on_wire)]
            one.task.cancel()
            others = [caller.task.cancel for caller in running if caller not in on_wire]
            self._after_turns(count, others[:most])

    @rule(index=INDEX)
    def resolve(self, index: int) -> None:
        """The API goes on with what it held."""
        held = [future for future in self.api.held if not future.done()]
        if held:
            held[index % len(held)].set_result(None)

    @rule(index=INDEX)
    def leave(self, index: int) -> None:
        """A stream's reader wants no more."""
        readers = [caller for caller in self.callers if caller.streaming and not caller.task.done()]
        if readers:
            readers[index % len(readers)].wants_no_more = True

    # --- at every step

    @invariant()
    def no_more_is_held_than_there_are_permits(self) -> None:
        """And nothing is on the wire without one, but the end of a body whose reply had all been read."""
        concurrency = self.policy.concurrency
        most = concurrency.limit if concurrency.kind == "static" else concurrency.max
        for pipeline in self.pipelines:
            assert 0 <= pipeline.gate.held <= most
            assert pipeline.gate.waiting >= 0
        read = {e.call.call_id for e in self.events if isinstance(e, CallFinished) and e.call.outcome == "ok"}
        under_way = [call_id for call_id in self.api.on_wire if call_id not in read]
        assert len(under_way) <= sum(pipeline.gate.held for pipeline in self.pipelines)

    def _after_turns(self, count: int, actions: list[Callable[[], object]]) -> None:
        """Act within a turn: between two rules, whatever was handed over has been taken."""
        if count:
            self.loop.call_soon(self._after_turns, count - 1, actions)
        else:
            for action in actions:
                action()

    def _check_nobody_waits_for_nothing(self) -> None:
        """Where a permit is free, the head of the line waits for its rate only."""
        for pipeline in self.pipelines:
            gate = pipeline.gate
            if gate.waiting and (gate.limit is None or gate.held < gate.limit):
                assert pipeline.leases.bucket.wait_ns(gate._head().tokens, self.loop.now_ns()) > 0

    # --- at the end

    def teardown(self) -> None:
        """Check the end, then forget all of it: Hypothesis keeps machines in its caches."""
        if hasattr(self, "loop"):
            self.end()
            self.__dict__ = {k: v for k, v in vars(self).items() if k not in FORGOTTEN}

    def end(self) -> None:
        """Let everything end, then look at what is left."""
        try:
            self._drain()
            self._check_nothing_is_left()
            self._check_the_story()
        finally:
            self.loop.close()

    def _drain(self) -> None:
        tasks = [caller.task for caller in self.callers]
        self.api.resolved = True
        for future in self.api.held:
            if not future.done():
                future.set_result(None)
        if tasks:
            self.loop.run_until_complete(asyncio.wait(tasks, timeout=PATIENCE_S))
            if self.policy.deadline_s is not None:
                assert all(task.done() for task in tasks), "a call outlived its deadline by hours"
            for task in tasks:
                task.cancel()
            self.loop.run_until_complete(asyncio.wait(tasks))
        self.loop.run_until_complete(asyncio.sleep(1.0))

    def _check_nothing_is_left(self) -> None:
        for pipeline in self.pipelines:
            assert (pipeline.gate.held, pipeline.gate.waiting) == (0, 0)
            assert getattr(pipeline.leases.breaker, "_probing", 0) == 0
            bucket = pipeline.leases.bucket
            assert isinstance(bucket, Ledger)
            assert [bucket.given_back[id(reservation)] for reservation in bucket.taken] == [1] * len(
                bucket.taken
            )
            assert sum(bucket.given_back.values()) == len(bucket.taken)
        assert all(response.closes == 1 for response in self.api.responses)
        assert self.api.on_wire == []
        assert asyncio.all_tasks(self.loop) == set()
        assert self.complaints == []

    def _check_the_story(self) -> None:
        attempts: dict[int, list[Attempt]] = defaultdict(list)
        calls: dict[int, list[Call]] = defaultdict(list)
        for event in self.events:
            if isinstance(event, AttemptFinished):
                assert not calls[event.attempt.call_id]  # a call's end is the last of it
                attempts[event.attempt.call_id].append(event.attempt)
            elif isinstance(event, CallFinished):
                calls[event.call.call_id].append(event.call)
        assert Counter(self.api.seen) == Counter(
            (a.call_id, a.number) for own in attempts.values() for a in own
        )
        for caller in self.callers:
            if caller.began_ns is None:  # cancelled before its first step
                assert not calls[caller.call_id]
                continue
            (call,) = calls[caller.call_id]
            own = attempts[caller.call_id]
            assert [a.number for a in own] == list(range(1, call.attempts + 1))
            self._check_call(caller, call, own)
        self._check_refusals([a for own in attempts.values() for a in own])

    def _check_call(self, caller: Caller, call: Call, own: list[Attempt]) -> None:
        assert (call.stopped_by is None) == (call.outcome is Outcome.OK)
        assert all(a.outcome is not Outcome.OK for a in own[:-1])
        per_route = Counter(a.route for a in own)
        assert all(count <= self.policy.retry.attempts for count in per_route.values())
        assert sorted(a.route for a in own) == [a.route for a in own]
        for attempt in own:
            assert call.start_ns <= attempt.sent_ns <= attempt.end_ns <= call.end_ns
        if caller.error is not None:
            assert caller.error.attempts == call.attempts or not own
            assert caller.error.outcome == call.outcome
        if caller.reply is not None:
            assert call.outcome is Outcome.OK
        if self.policy.deadline_s is not None:
            deadline_ns = call.start_ns + round(self.policy.deadline_s * SECOND)
            assert all(a.sent_ns < deadline_ns for a in own)
            assert caller.late_texts == 0
            assert call.end_ns <= deadline_ns

    def _check_refusals(self, attempts: list[Attempt]) -> None:
        """Nothing is sent into a pause or an open breaker."""
        for event in self.events:
            if isinstance(event, Paused):
                self._none_sent(attempts, event.route, event.at_ns, event.at_ns + event.duration_ns)
        if self.policy.breaker.recheck:
            changes = [event for event in self.events if isinstance(event, BreakerChanged)]
            for route in range(len(self.pipelines)):
                own = [change for change in changes if change.route == route]
                for change, following in pairwise(own):
                    if change.after == "open":
                        self._none_sent(attempts, route, change.at_ns, following.at_ns)

    @staticmethod
    def _none_sent(attempts: list[Attempt], route: int, after_ns: int, before_ns: int) -> None:
        assert not [a for a in attempts if a.route == route and after_ns < a.sent_ns < before_ns]

    # --- callers

    def _start(
        self, plans: tuple[Plan, ...], work: Callable[..., Awaitable[None]], *details: Any, streaming: bool
    ) -> None:
        caller = Caller(len(self.callers), streaming)
        if currently_in_test_context():
            note(f"call {caller.call_id} meets {plans}")
        self.api.plans[caller.call_id] = plans
        caller.task = self.loop.create_task(self._live(caller, partial(work, caller, *details)))
        self.callers.append(caller)

    async def _live(self, caller: Caller, work: Callable[[], Awaitable[None]]) -> None:
        caller.began_ns = self.loop.now_ns()
        next_tag.set(lambda: Tag(call_id=caller.call_id))
        try:
            await work()
        except CallError as error:
            caller.error = error

    async def _whole(self, caller: Caller, priority: int) -> None:
        caller.reply = await self.client.generate_copy("ก", max_tokens=20, system=None, priority=priority)

    async def _reader(self, caller: Caller, priority: int, pace_s: float, leave_after: int | None) -> None:
        stream = self.client.stream("ก", max_tokens=20, system=None, priority=priority)
        count = 0
        async with stream:
            while not caller.wants_no_more and count != leave_after:
                try:
                    await asyncio.sleep(pace_s)
                finally:
                    caller.back_ns = self.loop.now_ns()
                # A reply that came whole is there to be taken at any time.
                late = stream._open is not None and self._is_late(caller)
                if await anext(stream, None) is None:
                    caller.reply = stream.reply
                    return
                caller.late_texts += late
                count += 1

    def _is_late(self, caller: Caller) -> bool:
        if self.policy.deadline_s is None or caller.began_ns is None:
            return False
        return self.loop.now_ns() > caller.began_ns + round(self.policy.deadline_s * SECOND)


SETTINGS = settings(
    deadline=None,
    print_blob=True,
    stateful_step_count=50,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


def test_nothing_is_left_whatever_happens() -> None:
    run_state_machine_as_test(ClientMachine, settings=settings(SETTINGS, max_examples=200))


@pytest.mark.slow
@pytest.mark.parametrize(
    "part", range(10)
)  # Hypothesis remembers a run as long as it lasts: 0.2 MB an example
def test_nothing_is_left_whatever_happens_ten_thousand_times(part: int) -> None:
    del part
    run_state_machine_as_test(
        ClientMachine, settings=settings(SETTINGS, max_examples=1_000, derandomize=False)
    )


def played(policy: Policy) -> ClientMachine:
    """A machine to be driven by hand."""
    machine = ClientMachine()
    machine.build(policy, 0)
    return machine


def test_nothing_is_sent_to_the_fallback_when_no_time_is_left() -> None:
    machine = played(
        Policy(
            deadline_s=3.0,
            attempt_timeout_s=3.0,
            retry=RetryConfig(attempts=1),
            fallback=FallbackConfig(model="small"),
        )
    )
    machine.start_a_call((Plan("hang"),), 0)
    machine.advance(10.0)
    machine.end()


def test_a_read_after_the_deadline_ends_the_stream_though_more_has_come() -> None:
    machine = played(Policy(deadline_s=3.0))
    machine.start_a_stream((Plan("stream"),), 0, 2.0, None)
    machine.advance(30.0)
    machine.end()


def test_a_cancelled_call_stays_cancelled_though_its_connection_will_not_close() -> None:
    machine = played(Policy())
    machine.start_a_call((Plan("body hangs", close_fails=True), Plan("good")), 0)
    machine.advance(1.0)
    machine.cancel(0)
    machine.advance(10.0)
    machine.end()
    assert machine.callers[0].task.cancelled()


def test_a_reply_that_was_read_is_kept_though_its_connection_will_not_close() -> None:
    machine = played(Policy())
    machine.start_a_call((Plan("whole", close_fails=True), Plan("good")), 0)
    machine.advance(10.0)
    machine.end()
    assert machine.api.seen == [(0, 1)]
    assert machine.callers[0].reply is not None
