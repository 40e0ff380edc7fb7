"""A reply as it is written, when all goes well."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import httpx
import pytest

from harness import (
    AttemptFinished,
    CallFinished,
    CopyStream,
    HarnessError,
    Message,
    Outcome,
    Reply,
    ResilientClient,
    Usage,
)
from harness.policy.config import ConcurrencyConfig
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
    streaming,
)
from tests.harness.wire.streams import ANTHROPIC_STREAM, OPENAI_STREAM

REPLY = Reply("กาแฟหอม", "gpt-4.1-2025-04-14", "stop", Usage(57, 129), "req_stream")
#: The output comes after 1.5 s, the second piece 2 s later, the end after 0.5 s more.
SLOW: tuple[Step, ...] = (0.5, ROLE, 1.0, chunk("กาแฟ"), 2.0, chunk("หอม"), 0.5, END)


def test_text_comes_piece_by_piece_and_the_reply_at_the_end() -> None:
    api = Api((0.25, streaming(*SLOW)))
    seen: list[tuple[str, float]] = []

    async def scenario(client: ResilientClient) -> None:
        async with client.stream("เขียนแคปชัน") as stream:
            assert asyncio.get_running_loop().time() == 1.75  # entered with the first output
            async for text in stream:
                seen.append((text, asyncio.get_running_loop().time()))
                assert stream.text == "".join(piece for piece, _ in seen)
            assert stream.reply == REPLY
        assert stream.reply == REPLY

    events = play(scenario, handler=api)
    assert seen == [("กาแฟ", 1.75), ("หอม", 3.75)]
    assert [type(e) for e in events] == [AttemptFinished, CallFinished]
    (attempt,) = attempts_of(events)
    times = (attempt.sent_ns, attempt.headers_ns, attempt.first_token_ns, attempt.end_ns)
    assert times == (0, SECOND // 4, 7 * SECOND // 4, 17 * SECOND // 4)
    assert (attempt.outcome, attempt.status, attempt.usage) == (Outcome.OK, 200, Usage(57, 129))
    call = call_of(events)
    assert (call.outcome, call.stopped_by, call.usage) == (Outcome.OK, None, Usage(57, 129))
    assert (call.end_ns, call.attempts) == (17 * SECOND // 4, 1)


def test_what_is_sent_asks_for_a_stream_with_its_usage() -> None:
    api = Api(streaming(ROLE, chunk("a"), END))

    async def scenario(client: ResilientClient) -> None:
        async with client.stream("ข", "small", 7, system=None, temperature=None, extra={"top_p": 1}) as s:
            assert await read(s) == ["a"]
        async with client.stream([Message("user", "ข")], "small", 7) as s:
            assert await read(s) == ["a"]

    play(scenario, handler=api)
    body = {
        "model": "small",
        "messages": [{"role": "user", "content": "ข"}],
        "max_tokens": 7,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert api.bodies == [{**body, "top_p": 1}, {**body, "temperature": 0.7}]


def test_there_is_no_reply_before_the_end() -> None:
    async def scenario(client: ResilientClient) -> None:
        stream = client.stream("a")
        with pytest.raises(HarnessError, match=r"stream\.reply: there is none until"):
            _ = stream.reply
        async with stream:
            async for _ in stream:
                with pytest.raises(HarnessError, match=r"stream\.reply: there is none until"):
                    _ = stream.reply
        assert stream.reply.text == "กาแฟหอม"

    play(scenario, handler=Api(streaming(*SLOW)))


def test_a_stream_that_was_read_stays_at_its_end() -> None:
    async def scenario(client: ResilientClient) -> None:
        async with client.stream("a") as stream:
            assert await read(stream) == ["กาแฟ", "หอม"]
            assert await read(stream) == []
        assert await read(stream) == []

    call_of(play(scenario, handler=Api(streaming(*SLOW))))


def test_the_permit_is_held_until_the_stream_is_closed() -> None:
    api = Api(streaming(ROLE, chunk("a"), 1.0, END))

    async def scenario(client: ResilientClient) -> None:
        gate = client.routes[0].pipeline.gate
        stream = client.stream("a")
        assert gate.held == 0
        async with stream:
            assert gate.held == 1
            second = asyncio.create_task(client.generate_copy("b"))
            await asyncio.sleep(5)  # a reader may take its time
            assert (gate.held, gate.waiting, len(api.requests)) == (1, 1, 1)
            assert await read(stream) == ["a"]
            assert gate.held == 1  # the second's
        api.answers = (completion(),)
        await asyncio.gather(second, return_exceptions=True)

    policy = replace(PLAIN, concurrency=ConcurrencyConfig(limit=1), idle_timeout_s=3.0)
    play(scenario, policy, api)


@pytest.mark.parametrize("cut", ["byte by byte", "at once", "by threes"])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_how_the_bytes_come_makes_no_difference(cut: str, line_end: bytes) -> None:
    data = OPENAI_STREAM.replace(b"\n", line_end)
    size = {"byte by byte": 1, "at once": len(data), "by threes": 3}[cut]
    steps = [data[at : at + size] for at in range(0, len(data), size)]

    async def scenario(client: ResilientClient) -> None:
        async with client.stream("a") as stream:
            assert await read(stream) == ["กาแฟ", "หอม ๆ ☕"]
        assert stream.reply == Reply(
            "กาแฟหอม ๆ ☕", "gpt-4.1-2025-04-14", "stop", Usage(57, 129), "req_stream"
        )

    play(scenario, handler=Api(streaming(*steps)))


@pytest.mark.parametrize(
    ("wire", "data", "expected"),
    [
        ("openai", OPENAI_STREAM, Usage(57, 129)),
        ("anthropic", ANTHROPIC_STREAM, Usage(57 + 100 + 1000, 129)),
    ],
)
def test_a_crlf_stream_cut_at_every_byte_reads_the_same(wire: str, data: bytes, expected: Usage) -> None:
    data = data.replace(b"\n", b"\r\n")
    cuts = range(1, len(data))
    api = Api(*(streaming(data[:cut], data[cut:], headers={"request-id": "req_stream"}) for cut in cuts))

    async def scenario(client: ResilientClient) -> None:
        for cut in cuts:
            async with client.stream("a") as stream:
                assert "".join(await read(stream)) == "กาแฟหอม ๆ ☕", f"cut at byte {cut}"
            assert (stream.reply.usage, stream.reply.request_id) == (expected, "req_stream"), cut

    events = play(scenario, PLAIN, api, wire=wire)
    assert {a.outcome for a in attempts_of(events)} == {Outcome.OK}
    assert len(api.requests) == len(cuts)


def test_anthropic_streams_too() -> None:
    api = Api(streaming(ANTHROPIC_STREAM, headers={"request-id": "req_msg"}))

    async def scenario(client: ResilientClient) -> None:
        async with client.stream("a", "claude-sonnet-4-5") as stream:
            assert await read(stream) == ["กาแฟ", "หอม ๆ ☕"]
        assert stream.reply == Reply(
            "กาแฟหอม ๆ ☕", "claude-sonnet-4-5-20250929", "end_turn", Usage(1157, 129), "req_msg"
        )

    play(scenario, handler=api, wire="anthropic")
    assert api.bodies[0]["stream"] is True
    assert "stream_options" not in api.bodies[0]


def test_a_slow_reader_loses_nothing_and_is_not_idle() -> None:
    body = Body(ROLE, *(chunk(f"{n} ") for n in range(40)), END)
    answer = httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=body)

    async def scenario(client: ResilientClient) -> None:
        async with client.stream("a") as stream:
            count = 0
            async for _ in stream:
                count += 1
                # Nothing is read ahead: the role, the pieces so far, at most one of them unread.
                assert body.played <= count + 2
                await asyncio.sleep(1)
        assert stream.reply.text == "".join(f"{n} " for n in range(40))

    policy = replace(PLAIN, idle_timeout_s=0.5)
    call = call_of(play(scenario, policy, Api(answer)))
    assert (call.outcome, call.end_ns) == (Outcome.OK, 40 * SECOND)


def test_a_server_that_does_not_stream_gives_its_reply_in_one_piece() -> None:
    async def scenario(client: ResilientClient) -> None:
        async with client.stream("a") as stream:
            assert client.routes[0].pipeline.gate.held == 0
            assert await read(stream) == ["กาแฟหอมกรุ่น"]
        assert stream.text == "กาแฟหอมกรุ่น"
        assert stream.reply.usage == Usage(57, 129)

    events = play(scenario, handler=Api(completion()))
    (attempt,) = attempts_of(events)
    assert (attempt.outcome, attempt.first_token_ns) == (Outcome.OK, None)
    assert call_of(events).usage == Usage(57, 129)


def test_a_server_that_counts_no_tokens_gives_a_reply_without_usage() -> None:
    async def scenario(client: ResilientClient) -> None:
        async with client.stream("a") as stream:
            assert await read(stream) == ["a"]
        assert stream.reply.usage is None

    assert call_of(play(scenario, handler=Api(streaming(ROLE, chunk("a"), STOP, DONE)))).usage is None


def test_a_stream_is_entered_once() -> None:
    async def scenario(client: ResilientClient) -> None:
        async with client.stream("a") as stream:
            with pytest.raises(HarnessError, match="has been entered before: ask the client for another"):
                await stream.__aenter__()
            assert await read(stream) == ["a"]
        with pytest.raises(HarnessError, match="has been entered before"):
            await stream.__aenter__()

    call_of(play(scenario, handler=Api(streaming(ROLE, chunk("a"), END))))


def test_a_stream_never_entered_is_no_call_and_cannot_be_read() -> None:
    async def scenario(client: ResilientClient) -> None:
        stream = client.stream("a")
        assert isinstance(stream, CopyStream)
        with pytest.raises(HarnessError, match="async with"):
            await read(stream)

    assert play(scenario, handler=Api(completion())) == []


def test_streams_of_one_client_run_side_by_side() -> None:
    api = Api(*(streaming(ROLE, 1.0, chunk(f"{n}"), 1.0, END) for n in range(5)))

    async def scenario(client: ResilientClient) -> None:
        async def one() -> str:
            async with client.stream("a") as stream:
                return "".join(await read(stream))

        assert sorted(await asyncio.gather(*(one() for _ in range(5)))) == ["0", "1", "2", "3", "4"]
        assert asyncio.get_running_loop().time() == 2

    play(scenario, handler=api)


def test_usage_and_end_may_share_the_last_piece_s_chunk() -> None:
    async def scenario(client: ResilientClient) -> None:
        async with client.stream("a") as stream:
            assert await read(stream) == ["a", "b"]
        assert stream.reply == Reply("ab", "gpt-4.1-2025-04-14", "stop", Usage(57, 129), "req_stream")

    play(scenario, handler=Api(streaming(ROLE + chunk("a") + chunk("b") + STOP + USAGE + DONE)))
