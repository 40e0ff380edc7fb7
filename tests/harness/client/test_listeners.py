"""Those who are told of every event."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from harness import (
    AttemptFinished,
    BreakerChanged,
    CallFinished,
    Event,
    LimitChanged,
    Paused,
    Rejected,
    ResilientClient,
    Waited,
)
from harness.policy.config import BreakerConfig, ConcurrencyConfig, RetryConfig
from tests.harness.client.rig import (
    END,
    PLAIN,
    SECOND,
    Api,
    attempts_of,
    chunk,
    completion,
    play,
    read,
    refusal,
    streaming,
)

AIMD = ConcurrencyConfig(kind="aimd", initial=10, min=1, max=20, decrease=0.5)


async def ask(client: ResilientClient) -> None:
    await client.generate_copy("เขียน")


def test_events_come_in_the_order_in_which_things_happen() -> None:
    api = Api(refusal(429, headers={"retry-after-ms": "998"}), (1.0, completion()))
    policy = replace(PLAIN, concurrency=AIMD)
    events = play(ask, policy, api)
    assert [type(e) for e in events] == [
        AttemptFinished,
        Paused,
        LimitChanged,
        Waited,
        AttemptFinished,
        CallFinished,
    ]
    paused, limit, waited = events[1:4]
    assert paused == Paused(0, 998_000_000)
    assert limit == LimitChanged(0, 10, 5)
    assert isinstance(waited, Waited)
    # The hint, 2 ms to be clear of it, the backoff of 1 s on top.
    assert (waited.call_id, waited.at_ns, waited.duration_ns, waited.reason) == (
        0,
        0,
        2 * SECOND,
        "throttled",
    )
    assert attempts_of(events)[1].sent_ns == 2 * SECOND


def test_the_breaker_is_told_between_attempt_and_call() -> None:
    policy = replace(
        PLAIN,
        retry=RetryConfig(attempts=1),
        breaker=BreakerConfig(min_calls=1, open_s=4.0, probes=1, ramp=False),
    )
    api = Api(refusal(500), completion())

    async def scenario(client: ResilientClient) -> None:
        with pytest.raises(Exception, match="HTTP 500"):
            await ask(client)
        with pytest.raises(Rejected):
            await ask(client)
        await asyncio.sleep(5)  # open_s and at most a quarter more
        await ask(client)

    events = play(scenario, policy, api)
    told = [e.after if isinstance(e, BreakerChanged) else type(e).__name__ for e in events]
    assert told == [
        "AttemptFinished",
        "open",
        "CallFinished",
        "CallFinished",
        "half_open",
        "AttemptFinished",
        "closed",
        "CallFinished",
    ]


def test_a_stream_is_told_when_it_ends() -> None:
    told: list[Event] = []

    async def scenario(client: ResilientClient) -> None:
        async with client.stream("a") as stream:
            assert told == []
            await read(stream)
            assert [type(e) for e in told] == [AttemptFinished, CallFinished]

    play(scenario, PLAIN, Api(streaming(chunk("a"), 1.0, END)), listeners=[told.append])


def test_every_listener_is_told_the_same() -> None:
    first: list[Event] = []
    second: list[Event] = []
    play(ask, PLAIN, Api(refusal(500), completion()), listeners=(n.append for n in (first, second)))
    assert first == second
    assert len(first) == 4


@pytest.mark.parametrize("streamed", [False, True])
def test_a_listener_that_raises_hurts_nobody(*, streamed: bool) -> None:
    told: list[Event] = []
    reported: list[dict[str, Any]] = []

    def broken(event: Event) -> None:
        raise LookupError(type(event).__name__)

    async def scenario(client: ResilientClient) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        if streamed:
            async with client.stream("a") as stream:
                assert await read(stream) == ["a"]
        else:
            assert (await client.generate_copy("a")).text == "กาแฟหอมกรุ่น"

    good = streaming(chunk("a"), END) if streamed else completion()
    play(scenario, PLAIN, Api(refusal(500), good), listeners=[broken, told.append])
    names = ["AttemptFinished", "Waited", "AttemptFinished", "CallFinished"]
    assert [type(e).__name__ for e in told] == names
    assert [str(context["exception"]) for context in reported] == names
    assert reported[0]["message"] == "a listener raised on AttemptFinished"


def test_a_listener_that_raises_leaks_no_permit() -> None:
    def broken(event: Event) -> None:
        raise LookupError(event)

    async def scenario(client: ResilientClient) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        for _ in range(5):
            await ask(client)

    policy = replace(PLAIN, concurrency=ConcurrencyConfig(limit=1))
    play(scenario, policy, Api(completion()), listeners=[broken])
