"""Many calls, a bounded number at once, one Item each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import replace
from itertools import count
from typing import Any

import httpx
import pytest

from harness import (
    Event,
    Fatal,
    Item,
    Outcome,
    Policy,
    Reply,
    RequestError,
    ResilientClient,
    Tag,
    Transient,
    next_tag,
)
from harness.policy.config import ConcurrencyConfig
from harness.policy.presets import TUNED
from tests.harness.client.rig import ONCE, SECOND, calls_of, completion, play, refusal


class Echo:
    """Gives the prompt back after the seconds it names ("2.0 ..."); "bad" is refused, "down" breaks."""

    def __init__(self) -> None:
        self.prompts: list[str] = []
        self.on_wire = 0
        self.most_on_wire = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        prompt = json.loads(request.content)["messages"][-1]["content"]
        self.prompts.append(prompt)
        self.on_wire += 1
        self.most_on_wire = max(self.most_on_wire, self.on_wire)
        try:
            await asyncio.sleep(float(prompt.split()[0]))
        finally:
            self.on_wire -= 1
        if "down" in prompt:
            raise httpx.ReadError("reset")
        return refusal(400) if "bad" in prompt else completion(prompt)


def permits(limit: int) -> Policy:
    return replace(ONCE, concurrency=ConcurrencyConfig(limit=limit))


def mapped(
    prompts: Iterable[str] | AsyncIterable[str] | Callable[[], AsyncIterable[str]],
    policy: Policy = ONCE,
    **options: Any,
) -> tuple[list[tuple[Item, float]], Echo, list[Event]]:
    """The items with the instants they came at, the API and the events."""
    echo = Echo()
    items: list[tuple[Item, float]] = []

    async def scenario(client: ResilientClient) -> None:
        source = prompts() if callable(prompts) else prompts
        async for item in client.map(source, **options):
            items.append((item, asyncio.get_running_loop().time()))  # noqa: PERF401 - with the instant

    events = play(scenario, policy, echo)
    return items, echo, events


def texts(items: list[tuple[Item, float]]) -> list[str]:
    return [item.reply.text for item, _ in items]


def test_items_come_as_they_are_completed() -> None:
    items, _, _ = mapped(["3.0 a", "1.0 b", "2.0 c"])
    assert [(item.index, item.prompt, at_s) for item, at_s in items] == [
        (1, "1.0 b", 1.0),
        (2, "2.0 c", 2.0),
        (0, "3.0 a", 3.0),
    ]
    assert texts(items) == ["1.0 b", "2.0 c", "3.0 a"]
    assert all(item.ok for item, _ in items)


def test_items_come_in_order_when_asked_to() -> None:
    items, _, _ = mapped(["2.0 a", "1.0 b", "3.0 c", "0.5 d"], ordered=True)
    assert [(item.index, at_s) for item, at_s in items] == [(0, 2.0), (1, 2.0), (2, 3.0), (3, 3.0)]


@pytest.mark.parametrize("at_once", [1, 2, 7])
@pytest.mark.parametrize("ordered", [False, True])
def test_no_more_than_at_once_are_under_way(at_once: int, *, ordered: bool) -> None:
    items, echo, events = mapped([f"1.0 {n}" for n in range(14)], at_once=at_once, ordered=ordered)
    assert echo.most_on_wire == at_once
    assert items[-1][1] == 14 / at_once
    assert [item.index for item, _ in items] == list(range(14))
    assert len(calls_of(events)) == 14


def test_by_default_as_many_as_there_are_permits() -> None:
    _, echo, events = mapped(["1.0 a"] * 20, permits(5))
    assert (echo.most_on_wire, {call.permit_wait_ns for call in calls_of(events)}) == (5, {0})


def test_by_default_as_many_as_an_adaptive_limit_has_at_the_moment() -> None:
    adaptive = ConcurrencyConfig(kind="aimd", initial=4, min=1, max=50)
    _, echo, _ = mapped(["1.0 a"] * 12, replace(ONCE, concurrency=adaptive))
    assert echo.most_on_wire == 4


def test_a_batch_larger_than_admission_is_not_turned_away() -> None:
    prompts = [f"0.1 {n}" for n in range(2 * (138 + 90))]
    items, echo, _ = mapped(prompts, TUNED)
    assert sorted(texts(items)) == sorted(prompts)
    assert echo.most_on_wire == 138


@pytest.mark.parametrize("at_once", [1, 3])
def test_an_endless_source_is_taken_only_as_fast_as_items_are(at_once: int) -> None:
    taken: list[int] = []

    def endless() -> Iterator[str]:
        for n in count():
            taken.append(n)
            yield f"1.0 {n}"

    async def scenario(client: ResilientClient) -> None:
        async with aclosing(client.map(endless(), at_once=at_once)) as items:
            given = 0
            async for _ in items:
                given += 1
                assert len(taken) - given < at_once + 1
                await asyncio.sleep(10)  # a slow reader holds the source up
                assert len(taken) - given < at_once + 1
                if given == 12:
                    break

    play(scenario, ONCE, Echo())
    assert len(taken) <= 12 + at_once


def test_nothing_is_taken_before_the_first_item_is_asked_for() -> None:
    def never() -> Iterator[str]:
        raise AssertionError("taken")
        yield ""

    async def scenario(client: ResilientClient) -> None:
        items = client.map(never())
        await asyncio.sleep(1)
        await items.aclose()

    assert play(scenario, ONCE, Echo()) == []


def test_prompts_are_never_all_in_memory() -> None:
    alive = most_alive = 0

    class Prompt(str):
        __slots__ = ()

        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    def prompts() -> Iterator[str]:
        nonlocal alive, most_alive
        for _ in range(3000):
            alive += 1
            most_alive = max(most_alive, alive)
            yield Prompt("")  # cannot be sent: an Item at once

    async def scenario(client: ResilientClient) -> None:
        indices = [item.index async for item in client.map(prompts(), at_once=10)]
        assert len(indices) == 3000

    assert play(scenario, ONCE, Echo()) == []
    assert most_alive <= 15


async def _async_source() -> AsyncIterator[str]:
    for n in range(4):
        await asyncio.sleep(1)
        yield f"0.5 {n}"


def test_an_async_source_holds_no_result_back() -> None:
    items, _, _ = mapped(_async_source)
    assert [(item.index, at_s) for item, at_s in items] == [(0, 1.5), (1, 2.5), (2, 3.5), (3, 4.5)]


def test_each_prompt_that_cannot_be_sent_is_an_item() -> None:
    prompts: list[Any] = ["0.1 a", "", "  ", 7, "\ud800", "0.2 b", b"bytes"]
    items, echo, events = mapped(prompts)
    by_index = {item.index: item for item, _ in items}
    assert sorted(by_index) == list(range(len(prompts)))
    assert [by_index[n].ok for n in range(7)] == [True, False, False, False, False, True, False]
    assert {type(by_index[n].result) for n in (1, 2, 3, 4, 6)} == {RequestError}
    with pytest.raises(RequestError, match="prompt is empty"):
        _ = by_index[1].reply
    assert (echo.prompts, len(calls_of(events))) == (["0.1 a", "0.2 b"], 2)


def test_none_among_the_prompts_is_an_item_and_not_the_end() -> None:
    prompts: list[Any] = ["0.1 a", None, "0.1 b"]
    items, _, _ = mapped(prompts, ordered=True)
    assert [item.ok for item, _ in items] == [True, False, True]
    assert isinstance(items[1][0].result, RequestError)


def test_failures_stand_in_their_items() -> None:
    items, _, events = mapped(["1.0 a", "1.0 bad", "1.0 down", "1.0 b"], ordered=True)
    assert [type(item.result) for item, _ in items] == [Reply, Fatal, Transient, Reply]
    with pytest.raises(Fatal) as error:
        _ = items[1][0].reply
    assert (error.value.status, items[1][0].ok) == (400, False)
    assert len(calls_of(events)) == 4


@pytest.mark.parametrize("ordered", [False, True])
def test_leaving_early_cancels_the_rest(*, ordered: bool) -> None:
    echo = Echo()

    async def scenario(client: ResilientClient) -> None:
        prompts = (f"{1 + n}.0 {n}" for n in count())
        async with aclosing(client.map(prompts, at_once=4, ordered=ordered)) as items:
            async for item in items:
                assert item.index == 0
                break
        assert echo.on_wire == 0
        assert client.routes[0].pipeline.gate.held == 0
        await asyncio.sleep(100)

    calls = calls_of(play(scenario, ONCE, echo))
    assert sorted(call.outcome for call in calls) == ["cancelled"] * (len(calls) - 1) + ["ok"]
    assert {call.end_ns for call in calls} == {SECOND}
    assert len(calls) == len(echo.prompts) <= 5


def test_leaving_early_without_closing_cancels_the_rest_soon() -> None:
    echo = Echo()

    async def scenario(client: ResilientClient) -> None:
        async for _ in client.map(["1.0 a", "50.0 b", "50.0 c"]):
            break
        await asyncio.sleep(0.1)
        assert echo.on_wire == 0

    assert [call.outcome for call in calls_of(play(scenario, ONCE, echo))] == ["ok", "cancelled", "cancelled"]


def test_a_cancelled_reader_cancels_the_rest() -> None:
    echo = Echo()

    async def scenario(client: ResilientClient) -> None:
        async def reading() -> None:
            async for _ in client.map(["9.0 a"] * 50, at_once=8):
                pass

        task = asyncio.create_task(reading())
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert echo.on_wire == 0

    assert [call.outcome for call in calls_of(play(scenario, ONCE, echo))] == [Outcome.CANCELLED] * 8


def test_leaving_early_closes_a_source_that_waits() -> None:
    closed: list[bool] = []

    async def source() -> AsyncIterator[str]:
        try:
            yield "1.0 a"
            await asyncio.sleep(1000)
            yield "1.0 b"
        finally:
            closed.append(True)

    async def scenario(client: ResilientClient) -> None:
        async with aclosing(client.map(source())) as items:
            await anext(items)
        assert closed == [True]

    play(scenario, ONCE, Echo())


@pytest.mark.parametrize("ordered", [False, True])
def test_a_source_that_raises_ends_the_map_and_cancels_the_rest(*, ordered: bool) -> None:
    echo = Echo()

    async def source() -> AsyncIterator[str]:
        yield "1.0 a"
        yield "90.0 b"
        await asyncio.sleep(2)
        raise LookupError("the file ended in the middle")

    async def scenario(client: ResilientClient) -> None:
        seen: list[int] = []

        async def reading() -> None:
            async for item in client.map(source(), ordered=ordered):
                seen.append(item.index)  # noqa: PERF401 - what came before the error

        with pytest.raises(LookupError, match="in the middle"):
            await reading()
        assert (seen, echo.on_wire) == ([0], 0)

    calls = calls_of(play(scenario, ONCE, echo))
    assert [(call.outcome, call.end_ns) for call in calls] == [("ok", SECOND), ("cancelled", 2 * SECOND)]


def test_an_empty_source_is_no_item() -> None:
    assert mapped([])[0] == []


def test_options_go_with_every_prompt() -> None:
    bodies: list[Any] = []

    async def handler(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return completion()

    async def scenario(client: ResilientClient) -> None:
        options: dict[str, Any] = {"system": None, "temperature": 0.0}
        async for _ in client.map(["a", "b"], "small", 7, **options):
            pass

    play(scenario, ONCE, handler)
    assert bodies == [
        {"model": "small", "messages": [{"role": "user", "content": p}], "max_tokens": 7, "temperature": 0.0}
        for p in ("a", "b")
    ]


def test_a_tag_is_asked_for_each_prompt() -> None:
    ids = iter(range(100, 200))

    async def scenario(client: ResilientClient) -> None:
        next_tag.set(lambda: Tag(call_id=next(ids)))
        async for _ in client.map(["1.0 a"] * 10, at_once=3):
            pass

    assert sorted(call.call_id for call in calls_of(play(scenario, ONCE, Echo()))) == list(range(100, 110))


@pytest.mark.parametrize("at_once", [0, -1])
def test_at_once_is_at_least_one(at_once: int) -> None:
    async def scenario(client: ResilientClient) -> None:
        with pytest.raises(RequestError, match=f"at_once = {at_once}: expected a whole number, at least 1"):
            client.map(["a"], at_once=at_once)

    play(scenario, ONCE, Echo())


def test_higher_priority_goes_before_the_batch() -> None:
    echo = Echo()

    async def scenario(client: ResilientClient) -> None:
        async def batch() -> None:
            async for _ in client.map([f"1.0 {n}" for n in range(6)], at_once=4):
                pass

        task = asyncio.create_task(batch())
        await asyncio.sleep(0.5)
        await client.generate_copy("1.0 now", priority=1)
        assert asyncio.get_running_loop().time() == 2.0
        await task

    play(scenario, permits(1), echo)
    assert echo.prompts[1] == "1.0 now"


def test_batch_generate_is_the_ordered_list_of_results() -> None:
    echo = Echo()

    async def scenario(client: ResilientClient) -> None:
        results = await client.batch_generate(["2.0 a", "1.0 bad", "0.5 b"])
        assert [type(result) for result in results] == [Reply, Fatal, Reply]
        assert [r.text for r in results if isinstance(r, Reply)] == ["2.0 a", "0.5 b"]

    play(scenario, ONCE, echo)


def test_a_batch_from_a_generator_is_not_lost() -> None:
    # The article's takes a list; a generator is an easy mistake, and an empty result would be a silent one.
    prompts: Any = (f"0.1 {n}" for n in range(3))

    async def scenario(client: ResilientClient) -> None:
        assert len(await client.batch_generate(prompts)) == 3

    play(scenario, ONCE, Echo())
