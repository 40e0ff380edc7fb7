"""One run in virtual time: the client that ships, the player that drives it under Locust, the mock's core."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from harness.client import ResilientClient
from harness.errors import HarnessError
from harness.model import Event
from harness.play.context import current_arrival
from harness.play.offer import Offer
from harness.play.player import DRAIN_S, Player
from harness.play.tally import Tally
from harness.policy.config import Policy
from harness.policy.split import split
from harness.rng import stream
from harness.sim.loop import VirtualLoop
from harness.sim.transport import SimTransport
from harness.workload.spans import MINUTE_S
from mockserver.profile import Evening, Profile
from mockserver.rules import MINUTES_PER_DAY, ClockWindow
from reports.virtual.provider import VirtualMock
from reports.virtual.queue_plan import QueuePlan
from reports.virtual.queued import QueuedCalls, worker_listener
from reports.virtual.told import Take, Told

#: Between two times that what the client told is handed on, in virtual seconds.
HAND_ON_S = 5.0

#: Nothing goes out, and the account the mock server keeps needs a name.
HOST = "http://virtual.invalid"
KEY = "sk-primetime-mock"


@dataclass(frozen=True, slots=True)
class VirtualRun:
    """What is played: a policy, on an evening, against a profile, with a seed for all of them.

    With a `queue` calls go through it, and its workers divide the policy; without one they go to the API.
    """

    policy: Policy
    offer: Offer
    profile: Profile
    seed: int
    stream: bool = False
    queue: QueuePlan | None = None


@dataclass(frozen=True, slots=True)
class Played:
    """How it went: what was scheduled, when arrivals stopped and when the last call had ended.

    `requests` is what the provider received, `billed_tokens` all it read and wrote for them: a client never
    knows what it costs to give up on a reply.
    """

    scheduled: int
    arrivals_end_ns: int
    end_ns: int
    requests: int
    billed_tokens: int


def play(run: VirtualRun, take: Take) -> Played:
    """Play a run to its end; `take` is given what the client told, in order, a few seconds' worth at a time.

    Raises HarnessError for a schedule that is none (a closed loop) and for calls that would not end.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(_play(run, take))


async def _play(run: VirtualRun, take: Take) -> Played:
    loop, schedule = asyncio.get_running_loop(), run.offer.schedule
    if not isinstance(loop, VirtualLoop) or schedule is None:
        raise HarnessError("a closed loop is not played in virtual time: expected a law of arrivals")
    mock = VirtualMock(run.profile, run.seed, loop)
    mock.core.set_clock(_evening(run), 0.0, 0)
    gathered: list[Told] = []
    tally = Tally()
    way = _way(run, mock, loop, gathered)
    player = Player(tally, 0, gathered.append, _raise, loop.now_ns)
    handing = loop.create_task(_hand_on_forever(gathered, take))
    await way.start()
    await player.open_loop(schedule, range(len(schedule.at_ns)), schedule.length_ns, lambda _: way.call)
    stuck = await player.drain(way.drain_s)
    await way.stop()
    handing.cancel()
    _hand_on(gathered, take)
    if stuck:
        raise HarnessError(f"{stuck} calls did not end when they were cancelled")
    return Played(tally.scheduled, tally.arrivals_end_ns, loop.now_ns(), mock.requests, mock.billed_tokens)


@dataclass(frozen=True, slots=True)
class _Way:
    """How an arrival's call is made: `call` is awaited in its context."""

    call: Callable[[], Awaitable[None]]
    start: Callable[[], Awaitable[None]]
    stop: Callable[[], Awaitable[None]]
    drain_s: float


def _way(run: VirtualRun, mock: VirtualMock, loop: VirtualLoop, gathered: list[Told]) -> _Way:
    if run.queue is None:
        client = _client(run, run.policy, 0, mock, loop, gathered.append)
        return _Way(partial(_streamed if run.stream else _whole, client), _nothing, client.aclose, DRAIN_S)
    plan = run.queue
    clients = [
        _client(run, split(run.policy, k, plan.workers), k, mock, loop, worker_listener(k, gathered.append))
        for k in range(plan.workers)
    ]
    queued = QueuedCalls(plan, clients, run.seed, loop.now_ns, gathered.append)

    async def stop() -> None:
        await queued.stop()
        for client in clients:
            await client.aclose()

    return _Way(queued.call, queued.start, stop, plan.drain_s)


def _client(
    run: VirtualRun,
    policy: Policy,
    index: int,
    mock: VirtualMock,
    loop: VirtualLoop,
    listener: Callable[[Event], None],
) -> ResilientClient:
    """The client of one process; every one of a run asks with the same key."""
    return ResilientClient(
        f"{HOST}/v1",
        KEY,
        policy=policy,
        transport=SimTransport(policy.connections, mock),
        listeners=[listener],
        send_ids=True,
        rng=stream(run.seed, "jitter", index),
        now_ns=loop.now_ns,
    )


async def _nothing() -> None:
    """There is nothing to begin."""


async def _whole(client: ResilientClient) -> None:
    """The present arrival's call, as `scenarios/primetime.py` makes it."""
    arrival = current_arrival.get()
    if arrival is not None:
        await client.generate_copy(arrival.prompt, max_tokens=arrival.max_tokens)


async def _streamed(client: ResilientClient) -> None:
    """The same as a stream, read to its end."""
    arrival = current_arrival.get()
    if arrival is not None:
        async with client.stream(arrival.prompt, max_tokens=arrival.max_tokens) as reply:
            async for _ in reply:
                pass


def _hand_on(gathered: list[Told], take: Take) -> None:
    events = gathered[:]
    gathered.clear()
    take(events)


async def _hand_on_forever(gathered: list[Told], take: Take) -> None:
    while True:
        await asyncio.sleep(HAND_ON_S)
        _hand_on(gathered, take)


def _evening(run: VirtualRun) -> Evening:
    """The mock server's evening, laid over the run as a scenario lays it."""
    window = run.profile.evening.window
    if run.offer.window is not None:
        minutes = (run.offer.window.start_s // MINUTE_S, run.offer.window.end_s // MINUTE_S)
        window = ClockWindow(*(minute % MINUTES_PER_DAY for minute in minutes))
    return Evening(window, run.offer.length_s)


def _raise(error: Exception) -> None:
    """An exception of our own task: a fault of ours."""
    raise error
