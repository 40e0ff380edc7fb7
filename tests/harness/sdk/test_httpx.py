"""The transport for httpx: under a plain client, and under the SDK that still takes one."""

import asyncio
import json
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import anthropic
import httpx
import openai
import pytest

from harness import AttemptFinished, CallError, CallFinished, Event, Outcome, Partial, Policy
from harness.sdk.httpx_transport import ResilientTransport
from tests.harness.sdk.asking import KEY, MESSAGES, OPENAI, Said, ask
from tests.harness.sdk.rig import IMPATIENT, ONCE, PLAIN, origin, played, rows
from tests.mockserver.server.running import Mock

EACH_WAY = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@dataclass(frozen=True)
class Trouble:
    """A fault, what a bare client meets, and how the attempt ends, whole and streamed."""

    rule: dict[str, Any]
    bare: str
    selectors: tuple[str, str]
    policy: Policy = PLAIN


_TIMEOUTS = ("timeout.attempt_timeout", "timeout.first_token_timeout")
TROUBLES = {
    "429": Trouble(
        {"action": "status", "status": 429, "retry_after_s": 0.1},
        "HTTPStatusError",
        ("throttled.status",) * 2,
    ),
    "500": Trouble({"action": "status", "status": 500}, "HTTPStatusError", ("transient.status",) * 2),
    "reset": Trouble({"action": "reset"}, "ReadError", ("transient.read",) * 2),
    "garbage": Trouble({"action": "garbage"}, "RemoteProtocolError", ("transient.protocol",) * 2),
    "hang": Trouble({"action": "hang"}, "ReadTimeout", _TIMEOUTS, IMPATIENT),
    "stall": Trouble({"action": "stall", "after_events": 0}, "ReadTimeout", _TIMEOUTS, IMPATIENT),
}


class Bench:
    """As the other one, on httpx."""

    def __init__(self, policy: Policy) -> None:
        self.events: list[Event] = []
        self.transport = ResilientTransport(
            policy, send_ids=True, rng=Random(1), listeners=[self.events.append]
        )

    @property
    def selectors(self) -> list[str]:
        return [event.attempt.selector for event in self.events if isinstance(event, AttemptFinished)]

    @property
    def outcomes(self) -> list[Outcome]:
        return [event.call.outcome for event in self.events if isinstance(event, CallFinished)]

    def assert_settled(self, mock: Mock) -> None:
        """Every request of the server's log is an attempt of ours, and the other way round."""
        sent = [event.attempt for event in self.events if isinstance(event, AttemptFinished)]
        assert sorted((row["call"], row["attempt"]) for row in rows(mock)) == sorted(
            (attempt.call_id, attempt.number) for attempt in sent
        )
        gate = self.transport.gateway.pipelines[0].gate
        assert (gate.held, gate.waiting) == (0, 0)


async def text_of(http: httpx.AsyncClient, port: int, *, stream: bool) -> str:
    """The text of one chat, as a program without an SDK reads it. Raises what httpx raises."""
    body = {"model": "gpt-4.1", "messages": MESSAGES, "stream": stream}
    headers = {"authorization": f"Bearer {KEY}", "x-primetime-tokens": "30"}
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    if not stream:
        response = (await http.post(url, json=body, headers=headers)).raise_for_status()
        return str(response.json()["choices"][0]["message"]["content"])
    text = ""
    async with http.stream("POST", url, json=body, headers=headers) as response:
        response.raise_for_status()
        async for line in response.aiter_lines():
            if line.startswith("data: {"):
                text += json.loads(line[6:])["choices"][0]["delta"].get("content", "")
    return text


@EACH_WAY
@pytest.mark.parametrize("name", TROUBLES)
def test_a_plain_client_survives_what_a_bare_one_does_not(
    mock: Mock, right: Said, name: str, *, stream: bool
) -> None:
    trouble = TROUBLES[name]
    rule = trouble.rule | {"first": 1}
    bench = Bench(trouble.policy)

    async def main() -> None:
        async with httpx.AsyncClient(timeout=0.2 if trouble.policy is IMPATIENT else 5) as bare:
            with pytest.raises(httpx.HTTPError) as caught:
                await text_of(bare, mock.port, stream=stream)
            assert type(caught.value).__name__ == trouble.bare
        mock.play(request_faults=[rule])  # the first again
        async with httpx.AsyncClient(transport=bench.transport) as http:
            assert await text_of(http, mock.port, stream=stream) == right.text

    mock.play(request_faults=[rule])
    played(main)
    assert bench.selectors == [trouble.selectors[stream], "ok"]
    bench.assert_settled(mock)


@EACH_WAY
@pytest.mark.parametrize(
    ("fault", "expected"),
    [("reset", httpx.ReadError), ("garbage", httpx.ReadError), ("hang", httpx.ReadTimeout)],
)
def test_a_call_without_a_reply_is_httpx_s_own_exception_from_ours(
    mock: Mock, fault: str, expected: type[Exception], *, stream: bool
) -> None:
    mock.play(request_faults=[{"action": fault}])
    bench = Bench(replace(IMPATIENT, retry=ONCE.retry))

    async def main() -> None:
        async with httpx.AsyncClient(transport=bench.transport) as http:
            with pytest.raises(expected) as caught:
                await text_of(http, mock.port, stream=stream)
            assert isinstance(caught.value.__cause__, CallError)
            assert isinstance(caught.value, httpx.TransportError)
            assert caught.value.request.url.path == "/v1/chat/completions"

    played(main)
    bench.assert_settled(mock)


@EACH_WAY
def test_the_last_reply_is_handed_over(mock: Mock, *, stream: bool) -> None:
    mock.play(request_faults=[{"action": "status", "status": 503, "retry_after_s": 0}])
    bench = Bench(PLAIN)

    async def main() -> None:
        async with httpx.AsyncClient(transport=bench.transport) as http:
            with pytest.raises(httpx.HTTPStatusError) as caught:
                await text_of(http, mock.port, stream=stream)
            assert caught.value.response.status_code == 503
            assert caught.value.response.headers["x-should-retry"] == "false"

    played(main)
    assert bench.selectors == ["overloaded.status"] * 3
    bench.assert_settled(mock)


def test_a_stream_broken_after_its_first_output_is_partial(mock: Mock, right: Said) -> None:
    mock.play(request_faults=[{"action": "reset_mid", "after_events": 3}])
    bench = Bench(PLAIN)

    async def main() -> None:
        async with httpx.AsyncClient(transport=bench.transport) as http:
            with pytest.raises(httpx.ReadError) as caught:
                await text_of(http, mock.port, stream=True)
            ours = origin(caught.value)
            assert (type(ours), ours.text) == (Partial, right.text[:6])

    played(main)
    assert bench.selectors == ["partial.read"]
    bench.assert_settled(mock)


def test_many_streams_at_once_some_of_them_left(mock: Mock, right: Said) -> None:
    mock.play(inter_token={"mean_ms": 2, "cv": 0})
    bench = Bench(PLAIN)

    async def main() -> None:
        async with httpx.AsyncClient(transport=bench.transport) as http:
            read = [text_of(http, mock.port, stream=True) for _ in range(10)]
            left = [asyncio.create_task(text_of(http, mock.port, stream=True)) for _ in range(10)]
            texts = asyncio.gather(*read)
            await asyncio.sleep(0.04)
            for task in left:
                task.cancel()
            assert await texts == [right.text] * 10
            ends = await asyncio.gather(*left, return_exceptions=True)
            assert {type(end) for end in ends} == {asyncio.CancelledError}

    played(main)
    assert sorted(bench.outcomes) == [Outcome.CANCELLED] * 10 + [Outcome.OK] * 10
    gate = bench.transport.gateway.pipelines[0].gate
    assert (gate.held, gate.waiting) == (0, 0)
    mock.until("connections.open", 1)


@EACH_WAY
@pytest.mark.parametrize("fault", ["reset", "status"])
def test_openai_s_sdk_still_takes_an_httpx_client(
    mock: Mock, right: Said, fault: str, *, stream: bool
) -> None:
    status: dict[str, Any] = {"status": 500} if fault == "status" else {}
    mock.play(request_faults=[{"action": fault, "first": 2} | status])
    bench = Bench(PLAIN)

    async def main() -> None:
        http: Any = httpx.AsyncClient(transport=bench.transport)
        async with OPENAI.client(mock.port, http_client=http) as client:
            assert await ask(OPENAI, client, stream=stream) == right

    played(main)
    assert len(bench.selectors) == 3
    bench.assert_settled(mock)


@EACH_WAY
def test_openai_s_errors_on_an_httpx_client(mock: Mock, *, stream: bool) -> None:
    mock.play(request_faults=[{"action": "hang"}])
    bench = Bench(replace(IMPATIENT, retry=ONCE.retry))

    async def main() -> None:
        http: Any = httpx.AsyncClient(transport=bench.transport)
        async with OPENAI.client(mock.port, http_client=http) as client:
            with pytest.raises(openai.APITimeoutError) as caught:
                await ask(OPENAI, client, stream=stream)
            assert origin(caught.value).outcome == "timeout"

    played(main)
    bench.assert_settled(mock)


def test_anthropic_s_sdk_takes_none() -> None:
    """Why there are two transports: when this fails, the documentation may say so of both SDKs."""

    async def main() -> None:
        http: Any = httpx.AsyncClient(transport=ResilientTransport())
        async with http:
            with pytest.raises(TypeError, match="http_client"):
                anthropic.AsyncAnthropic(api_key=KEY, http_client=http)

    played(main)
