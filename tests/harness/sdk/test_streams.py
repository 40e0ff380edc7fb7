"""A stream on the transport: broken, left, silent, read to its end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from harness import Outcome, Partial, StoppedBy
from harness.policy.config import ConcurrencyConfig
from tests.harness.sdk.asking import ANTHROPIC, EACH_SDK, MESSAGES, Said, Sdk, ask, pieces
from tests.harness.sdk.rig import IMPATIENT, PLAIN, TOKENS, Bench, assert_conserved, origin, played, rows
from tests.mockserver.server.running import Mock

#: One token every 8 ms, so that somebody can leave in between.
SLOW = {"inter_token": {"mean_ms": 8, "cv": 0}}
#: What a break after the first output may be raised as: Anthropic's SDK does not wrap what httpx2 raises.
BROKEN = ("APIConnectionError", "APITimeoutError", "ReadError", "ReadTimeout")


@asynccontextmanager
async def streaming(bench: Bench, sdk: Sdk, mock: Mock, **options: Any) -> AsyncIterator[Any]:
    async with bench.client(sdk, mock.port, **options) as client, await sdk.begin(client) as events:
        yield events


@EACH_SDK
@pytest.mark.parametrize(
    ("fault", "selector"),
    [
        ("reset_mid", "partial.read"),
        ("truncate", "partial.read"),
        ("malformed_sse", "partial.body"),
        ("stall", "timeout.idle_timeout"),
    ],
)
def test_a_stream_broken_after_its_first_output_is_partial_and_not_retried(
    mock: Mock, right: Said, sdk: Sdk, fault: str, selector: str
) -> None:
    mock.play(request_faults=[{"action": fault, "after_events": 3}])
    bench = Bench(IMPATIENT)
    text = ""

    async def read() -> None:
        nonlocal text
        async with streaming(bench, sdk, mock, max_retries=2) as events:
            async for more, _, _ in pieces(sdk, events):
                text += more

    async def main() -> None:
        with pytest.raises(Exception, match=r".*") as caught:
            await read()
        if fault == "malformed_sse":
            assert isinstance(caught.value, ValueError)  # the SDK has tried to read the spoiled event itself
            return
        assert type(caught.value).__name__ in BROKEN
        ours = origin(caught.value)
        assert type(ours) is Partial
        assert ours.text == text == right.text[:6]  # three events of two characters
        assert ours.attempts == 1

    played(main)
    assert text == right.text[:6]
    assert bench.selectors == [selector]
    assert bench.call.attempts == 1
    assert_conserved(mock, bench)
    assert len(rows(mock)) == 1


@EACH_SDK
def test_an_error_inside_a_stream_is_the_sdk_s_own_and_the_call_is_partial(
    mock: Mock, right: Said, sdk: Sdk
) -> None:
    mock.play(request_faults=[{"action": "stream_error", "after_events": 3}])
    bench = Bench()
    text = ""

    async def read() -> None:
        nonlocal text
        async with streaming(bench, sdk, mock, max_retries=2) as events:
            async for more, _, _ in pieces(sdk, events):
                text += more

    async def main() -> None:
        with pytest.raises(sdk.errors.APIError):
            await read()

    played(main)
    assert text == right.text[:6]
    assert bench.selectors == ["partial.stream"]
    assert_conserved(mock, bench)


@EACH_SDK
def test_a_stream_left_early_is_cancelled_and_frees_its_permit(mock: Mock, right: Said, sdk: Sdk) -> None:
    mock.play(**SLOW)
    bench = Bench(replace(PLAIN, concurrency=ConcurrencyConfig(limit=1)))
    gate = bench.transport.gateway.pipelines[0].gate

    async def main() -> None:
        async with bench.client(sdk, mock.port) as client:
            async with await sdk.begin(client) as events:
                async for more, _, _ in pieces(sdk, events):
                    if more:
                        break
                assert gate.held == 1
            assert gate.held == 0
            mock.play()
            assert await ask(sdk, client, stream=True) == right  # the one permit is there again

    played(main)
    left, after = bench.calls
    assert (left.outcome, left.stopped_by) == (Outcome.CANCELLED, StoppedBy.USER)
    assert after.outcome is Outcome.OK
    bench.assert_idle()


@EACH_SDK
def test_a_stream_closed_before_it_is_read_is_cancelled(mock: Mock, sdk: Sdk) -> None:
    mock.play(**SLOW)
    bench = Bench()

    async def main() -> None:
        async with streaming(bench, sdk, mock):
            pass

    played(main)
    assert bench.call.outcome is Outcome.CANCELLED
    assert_conserved(mock, bench)
    assert [row["status"] for row in rows(mock)] == [200]


@EACH_SDK
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_cancelled_task_cancels_its_call(mock: Mock, sdk: Sdk, *, stream: bool) -> None:
    mock.play(**SLOW)
    bench = Bench()

    async def main() -> None:
        async with bench.client(sdk, mock.port) as client:
            task = asyncio.create_task(ask(sdk, client, stream=stream))
            await asyncio.sleep(0.08)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            bench.assert_idle()

    played(main)
    assert bench.call.outcome is Outcome.CANCELLED
    assert_conserved(mock, bench)


@EACH_SDK
def test_a_stream_nobody_holds_any_more_is_not_taken_for_a_whole_one(mock: Mock, sdk: Sdk) -> None:
    """Without `async with`: the client's end must not hang, and nothing of the call is told as ok."""
    mock.play(**SLOW)
    bench = Bench()

    async def main() -> None:
        async with bench.client(sdk, mock.port) as client:
            events = await sdk.begin(client)
            async for more, _, _ in pieces(sdk, events):
                if more:
                    break
            await events.close()

    played(main)
    assert bench.call.outcome is Outcome.CANCELLED
    assert_conserved(mock, bench)


@EACH_SDK
def test_the_sdk_s_read_timeout_bounds_the_silence_of_a_stream(mock: Mock, right: Said, sdk: Sdk) -> None:
    mock.play(request_faults=[{"action": "stall", "after_events": 2}])
    bench = Bench()

    async def read() -> None:
        async with streaming(bench, sdk, mock, timeout=0.2) as events:
            async for _ in events:
                pass

    async def main() -> None:
        with pytest.raises(Exception, match=r".*") as caught:
            await read()
        assert type(caught.value).__name__ in {"APITimeoutError", "ReadTimeout"}
        ours = origin(caught.value)
        assert (type(ours), ours.text, ours.outcome) == (Partial, right.text[:4], Outcome.TIMEOUT)

    played(main)
    assert bench.selectors == ["timeout.idle_timeout"]
    assert_conserved(mock, bench)


@EACH_SDK
def test_streams_read_to_their_end_share_one_connection(mock: Mock, right: Said, sdk: Sdk) -> None:
    bench = Bench()

    async def main() -> None:
        async with bench.client(sdk, mock.port) as client:
            for _ in range(3):
                assert await ask(sdk, client, stream=True) == right
            assert await ask(sdk, client, stream=False) == right

    played(main)
    assert mock.stats()["connections"]["accepted"] == 1
    assert [call.outcome for call in bench.calls] == [Outcome.OK] * 4


def test_a_stream_left_at_its_end_mark_keeps_its_connection(mock: Mock) -> None:
    """Callers of the raw bytes stop at `[DONE]`."""
    bench = Bench()
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "x"}]}
    url = f"http://127.0.0.1:{mock.port}/v1/chat/completions"
    key = {"authorization": "Bearer k"}

    async def main() -> None:
        async with httpx2.AsyncClient(transport=bench.transport) as http:
            for _ in range(2):
                async with http.stream("POST", url, json=body, headers=key) as response:
                    async for line in response.aiter_lines():
                        if line == "data: [DONE]":
                            break

    played(main)
    assert mock.stats()["connections"]["accepted"] == 1
    assert [call.outcome for call in bench.calls] == [Outcome.OK] * 2


def test_anthropic_s_stream_helper_reads_through_a_fault(mock: Mock, right: Said) -> None:
    mock.play(request_faults=[{"action": "reset", "first": 1}])
    bench = Bench()

    async def main() -> None:
        async with (
            bench.client(ANTHROPIC, mock.port) as client,
            client.messages.stream(
                model="claude",
                max_tokens=50,
                messages=MESSAGES,
                extra_headers={"x-primetime-tokens": str(TOKENS)},
            ) as stream,
        ):
            assert "".join([text async for text in stream.text_stream]) == right.text
            message = await stream.get_final_message()
            assert message.usage.output_tokens == TOKENS

    played(main)
    assert bench.selectors == ["transient.read", "ok"]
    assert_conserved(mock, bench)
