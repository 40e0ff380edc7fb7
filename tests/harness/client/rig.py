"""A client on the virtual loop, and APIs that answer it as a script says."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

import httpx
import pytest

from harness import (
    Attempt,
    AttemptFinished,
    Call,
    CallError,
    CallFinished,
    CopyStream,
    Event,
    Policy,
    ResilientClient,
)
from harness.policy.config import BreakerConfig, BudgetConfig, RetryConfig
from harness.sim.loop import now_ns, run
from harness.transport.httpx_transport import HttpxTransport

KEY = "sk-primetime-4711-very-secret"
BASE = "http://api.test/v1"
URL = f"{BASE}/chat/completions"
SECOND = 1_000_000_000

#: Waits of 1, 2 seconds; no breaker, no budget.
PLAIN = Policy(
    name="plain",
    deadline_s=60.0,
    attempt_timeout_s=10.0,
    retry=RetryConfig(attempts=3, base_s=1.0, throttle_base_s=1.0, jitter="none"),
    budget=BudgetConfig(kind="off"),
    breaker=BreakerConfig(kind="off"),
)

#: Not a second time.
ONCE = replace(PLAIN, retry=RetryConfig(attempts=1))

Scenario = Callable[[ResilientClient], Awaitable[None]]


def completion(
    text: str = "กาแฟหอมกรุ่น", prompt_tokens: int = 57, completion_tokens: int = 129
) -> httpx.Response:
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-4.1-2025-04-14",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        },
    }
    return httpx.Response(200, json=body, headers={"x-request-id": "req_ok"})


def message(text: str = "ชาเย็น", model: str = "claude-sonnet-4-5-20250929") -> httpx.Response:
    """As Anthropic answers."""
    body = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 31, "output_tokens": 17},
    }
    return httpx.Response(200, json=body, headers={"request-id": "req_msg"})


def refusal(
    status: int, code: str = "some_code", message: str = "no", headers: dict[str, str] | None = None
) -> httpx.Response:
    body = {"error": {"message": message, "type": "some_type", "param": None, "code": code}}
    return httpx.Response(status, json=body, headers={"x-request-id": f"req_{status}", **(headers or {})})


def chunk(text: str) -> bytes:
    """One event of an OpenAI stream."""
    body = {
        "model": "gpt-4.1-2025-04-14",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}],
    }
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n".encode()


def error_event(code: str, said: str = "no") -> bytes:
    """An error inside an OpenAI stream."""
    return f"data: {json.dumps({'error': {'message': said, 'type': code, 'code': code}})}\n\n".encode()


#: What comes before any output, and after the last.
ROLE = (
    b'data: {"model":"gpt-4.1-2025-04-14",'
    b'"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
)
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":57,"completion_tokens":129}}\n\n'
DONE = b"data: [DONE]\n\n"
END = STOP + USAGE + DONE

Step = bytes | float | Exception


class Body(httpx.AsyncByteStream):
    """A body played step by step: bytes are sent, seconds waited, exceptions raised."""

    def __init__(self, *steps: Step) -> None:
        self.steps = steps
        self.played = 0
        self.closed = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for step in self.steps:
            self.played += 1
            if isinstance(step, bytes):
                yield step
            elif isinstance(step, Exception):
                raise step
            else:
                await asyncio.sleep(step)

    async def aclose(self) -> None:
        self.closed += 1


def streaming(*steps: Step, headers: dict[str, str] | None = None) -> httpx.Response:
    """A streamed 200 that goes step by step; its `stream` is the Body."""
    given = {"content-type": "text/event-stream; charset=utf-8", "x-request-id": "req_stream"}
    return httpx.Response(200, headers={**given, **(headers or {})}, stream=Body(*steps))


Answer = httpx.Response | Exception


class Api:
    """Answers request after request as listed, the last one for good; of a pair, after so many seconds."""

    def __init__(self, *answers: Answer | tuple[float, Answer]) -> None:
        self.answers = answers
        self.requests: list[httpx.Request] = []
        self.at_s: list[float] = []
        self.on_wire = 0
        self.most_on_wire = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        planned = self.answers[min(len(self.requests), len(self.answers) - 1)]
        self.requests.append(request)
        self.at_s.append(asyncio.get_running_loop().time())
        wait_s, answer = planned if isinstance(planned, tuple) else (0.0, planned)
        self.on_wire += 1
        self.most_on_wire = max(self.most_on_wire, self.on_wire)
        try:
            await asyncio.sleep(wait_s)
        finally:
            self.on_wire -= 1
        if isinstance(answer, Exception):
            raise answer
        return _again(answer)

    @property
    def bodies(self) -> list[Any]:
        """What was asked, parsed."""
        return [json.loads(request.content) for request in self.requests]


def _again(answer: httpx.Response) -> httpx.Response:
    """A fresh copy: a response serves one request. The Body of a stream is shared: a test may ask it."""
    if isinstance(answer.stream, Body):
        return httpx.Response(answer.status_code, headers=answer.headers, stream=answer.stream)
    return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


Handler = Callable[[httpx.Request], Awaitable[httpx.Response]]


def client_for(handler: Handler | None, policy: Policy, events: list[Event], **options: Any) -> Any:
    """A client whose requests `handler` answers (None: respx), with its HTTP client to be closed."""
    http = httpx.AsyncClient(transport=None if handler is None else httpx.MockTransport(handler))
    settings: dict[str, Any] = {
        "base_url": BASE,
        "api_key": KEY,
        "listeners": [events.append],
        "rng": Random(1),
    }
    return http, ResilientClient(
        **{**settings, **options}, policy=policy, transport=HttpxTransport(http), now_ns=now_ns
    )


def play(
    scenario: Scenario, policy: Policy = PLAIN, handler: Handler | None = None, **options: Any
) -> list[Event]:
    """The events of a scenario played with a client on the virtual loop; nothing is held after it."""
    events: list[Event] = []

    async def main() -> None:
        http, client = client_for(handler, policy, events, **options)
        async with http, client:
            before = asyncio.all_tasks()
            await scenario(client)
            for route in client.routes:
                assert (route.pipeline.gate.held, route.pipeline.gate.waiting) == (0, 0)
            for _ in range(50):  # generators nobody holds any more are closed one after another
                await asyncio.sleep(0)
            left = asyncio.all_tasks() - before
            assert not left, left

    run(main())
    return events


def caught(
    policy: Policy = PLAIN, handler: Handler | None = None, **options: Any
) -> tuple[CallError, list[Event]]:
    """The error one call ended in."""
    errors: list[CallError] = []

    async def scenario(client: ResilientClient) -> None:
        with pytest.raises(CallError) as error:
            await client.generate_copy("เขียนแคปชัน")
        errors.append(error.value)

    events = play(scenario, policy, handler, **options)
    return errors[0], events


def call_of(events: list[Event]) -> Call:
    """The one call that finished."""
    (finished,) = [e for e in events if isinstance(e, CallFinished)]
    assert events[-1] is finished
    return finished.call


def calls_of(events: list[Event]) -> list[Call]:
    """The calls, as they finished."""
    return [e.call for e in events if isinstance(e, CallFinished)]


def attempts_of(events: list[Event]) -> list[Attempt]:
    """The attempts, as they ended."""
    return [e.attempt for e in events if isinstance(e, AttemptFinished)]


async def read(stream: CopyStream) -> list[str]:
    """All pieces of a stream."""
    return [text async for text in stream]


def assert_unseen(*things: object, secret: str = KEY) -> None:
    """No trace of the key."""
    for thing in things:
        assert secret not in str(thing)
        assert secret not in repr(thing)


def everything_of(error: BaseException | None) -> Iterator[object]:
    """An error with everything that hangs on it."""
    while error is not None:
        yield from (error, error.args, vars(error))
        error = error.__cause__ or error.__context__
