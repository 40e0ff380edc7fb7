"""Streams left before their end: by the caller, or by a cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import httpx
import pytest

from harness import Event, Outcome, Partial, ResilientClient, StoppedBy
from tests.harness.client.rig import (
    DONE,
    END,
    PLAIN,
    ROLE,
    SECOND,
    STOP,
    USAGE,
    Api,
    Body,
    Step,
    attempts_of,
    call_of,
    chunk,
    completion,
    play,
    read,
)

Leaving = Callable[[ResilientClient], Awaitable[None]]


def played(leaving: Leaving, *steps: Step) -> tuple[Body, list[Event]]:
    """A stream and what was told of it, once it was left; nothing is held then."""
    body = Body(*steps)
    answer = httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=body)

    async def scenario(client: ResilientClient) -> None:
        await leaving(client)
        assert client.routes[0].pipeline.gate.held == 0
        assert body.closed > 0

    return body, play(scenario, PLAIN, Api(answer))


def assert_cancelled(events: list[Event], end_s: float) -> None:
    (attempt,) = attempts_of(events)
    assert (attempt.outcome, attempt.end_ns) == (Outcome.CANCELLED, end_s * SECOND)
    call = call_of(events)
    assert (call.outcome, call.stopped_by, call.attempts) == (Outcome.CANCELLED, StoppedBy.USER, 1)
    assert call.end_ns == end_s * SECOND


def test_leaving_early_cancels() -> None:
    async def leaving(client: ResilientClient) -> None:
        async with client.stream("a") as stream:
            async for text in stream:
                assert text == "a"
                break
        with pytest.raises(Partial, match="left by the caller"):
            await read(stream)

    body, events = played(leaving, ROLE, 1.0, chunk("a"), 1.0, chunk("b"), END)
    assert_cancelled(events, 1.0)
    assert body.played == 3  # nothing was read beyond the first piece


def test_leaving_before_the_first_read_cancels() -> None:
    async def leaving(client: ResilientClient) -> None:
        async with client.stream("a"):
            pass

    assert_cancelled(played(leaving, chunk("a"), 1.0, END)[1], 0.0)


def test_an_error_of_the_reader_s_own_cancels_and_goes_on() -> None:
    async def leaving(client: ResilientClient) -> None:
        async def reading() -> None:
            async with client.stream("a") as stream:
                async for _ in stream:
                    raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await reading()

    assert_cancelled(played(leaving, chunk("a"), 1.0, END)[1], 0.0)


@pytest.mark.parametrize("after", [(END,), (END, 9.0), (STOP, 9.0), (STOP, USAGE, 9.0)])
def test_leaving_once_all_was_said_is_ok(after: tuple[Step, ...]) -> None:
    async def leaving(client: ResilientClient) -> None:
        async with client.stream("a") as stream:
            async for text in stream:
                if text == "b":
                    break

    _, events = played(
        leaving, chunk("a"), 1.0, chunk("b") + b"".join(s for s in after if isinstance(s, bytes)), *after
    )
    (attempt,) = attempts_of(events)
    call = call_of(events)
    assert (attempt.selector, call.outcome, call.stopped_by) == ("ok", Outcome.OK, None)
    assert call.end_ns == SECOND  # the end of the body is waited for after it, and not for long


def test_the_connection_of_a_stream_left_at_its_end_is_read_out_and_kept() -> None:
    async def leaving(client: ResilientClient) -> None:
        async with client.stream("a") as stream:
            assert await anext(stream) == "a"

    body, events = played(leaving, chunk("a") + END, 0.05, b"\n")
    assert body.played == len(body.steps)
    assert call_of(events).outcome is Outcome.OK


def test_reading_out_is_bounded() -> None:
    async def leaving(client: ResilientClient) -> None:
        async with client.stream("a") as stream:
            await anext(stream)
        assert asyncio.get_running_loop().time() == 0.1

    played(leaving, chunk("a") + END, 99.0)


@pytest.mark.parametrize("at_s", [0.5, 1.0, 1.5, 2.5])
def test_a_cancelled_reader_cancels_the_stream(at_s: float) -> None:
    async def leaving(client: ResilientClient) -> None:
        async def reading() -> None:
            async with client.stream("a") as stream:
                await read(stream)

        task = asyncio.create_task(reading())
        await asyncio.sleep(at_s)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    _, events = played(leaving, ROLE, 1.0, chunk("a"), 1.0, chunk("b"), 1.0, END)
    assert_cancelled(events, at_s)


def test_a_stream_cancelled_before_its_headers_is_cancelled() -> None:
    api = Api((9.0, completion()))

    async def scenario(client: ResilientClient) -> None:
        task = asyncio.create_task(client.stream("a").__aenter__())
        await asyncio.sleep(2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert_cancelled(play(scenario, handler=api), 2.0)


def test_a_timeout_around_the_reader_cancels_the_stream() -> None:
    async def leaving(client: ResilientClient) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5), client.stream("a") as stream:
                await read(stream)

    assert_cancelled(played(leaving, chunk("a"), 3.0, END)[1], 1.5)


def test_a_reader_cancelled_while_reading_out_leaves_nothing_behind() -> None:
    async def leaving(client: ResilientClient) -> None:
        async def reading() -> None:
            async with client.stream("a") as stream:
                await anext(stream)

        task = asyncio.create_task(reading())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    _, events = played(leaving, chunk("a") + END, 99.0)
    assert call_of(events).outcome is Outcome.OK  # it had ended before


@pytest.mark.parametrize("turns", range(12))
def test_a_cancellation_at_any_turn_of_entering_leaks_nothing(turns: int) -> None:
    class Turning(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            for part in (ROLE, chunk("a"), STOP, DONE):
                await asyncio.sleep(0)
                yield part

    async def handler(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Turning())

    async def scenario(client: ResilientClient) -> None:
        async def reading() -> None:
            async with client.stream("a") as stream:
                await read(stream)

        task = asyncio.create_task(reading())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    events = play(scenario, PLAIN, handler)
    assert len(events) in {0, 2}  # cancelled before it began, or one attempt and its call
    if events:
        assert attempts_of(events)[0].outcome is call_of(events).outcome
