"""What a type checker is to see of the public API; never run, checked by mypy in test_typing.py."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from typing import assert_type

from harness import (
    Attempt,
    AttemptFinished,
    BreakerChanged,
    Call,
    CallError,
    CallFinished,
    CopyStream,
    DeadlineExceeded,
    Endpoint,
    Event,
    Fatal,
    Fault,
    HarnessError,
    Item,
    LimitChanged,
    Message,
    Outcome,
    Partial,
    Paused,
    Policy,
    Reply,
    RequestError,
    ResilientClient,
    StoppedBy,
    SyncClient,
    SyncStream,
    Tag,
    Usage,
    Waited,
    load_policy,
    next_tag,
)


async def client_() -> None:
    client = ResilientClient(
        "http://api.test/v1",
        "sk-test",
        wire="anthropic",
        model="claude",
        policy=Policy(),
        fallback=Endpoint("http://other.test/v1", "sk-test", "openai"),
        listeners=[heard],
    )
    async with client as entered:
        assert_type(entered, ResilientClient)
    assert_type(client.policy, Policy)
    assert_type(client.endpoint, Endpoint)
    assert_type(await client.generate_copy("a", "m", 5, system=None, temperature=None, priority=1), Reply)
    mixed = await client.chat([Message("user", "a"), {"role": "user", "content": "a"}], "m", 5)
    assert_type(mixed, Reply)
    assert_type(await client.chat([Message("user", "a")], extra={"top_p": 1, "stop": ["a"]}), Reply)
    assert_type(await client.chat((Message("user", "a"),)), Reply)
    assert_type(await client.chat([{"role": "user", "content": "a"}]), Reply)
    assert_type(await client.batch_generate(["a"]), list[Reply | CallError])
    assert_type(await client.aclose(), None)


async def stream(client: ResilientClient) -> None:
    assert_type(client.stream([Message("user", "a")]), CopyStream)
    async with client.stream("a") as stream:
        assert_type(stream, CopyStream)
        async for text in stream:
            assert_type(text, str)
        assert_type(stream.text, str)
        assert_type(stream.reply, Reply)


async def map_(client: ResilientClient) -> None:
    assert_type(client.map(["a"], ordered=True, at_once=3), AsyncGenerator[Item, None])

    async def prompts() -> AsyncGenerator[str, None]:
        yield "a"

    async for item in client.map(prompts()):
        assert_type(item, Item)
        assert_type(item.index, int)
        assert_type(item.prompt, str)
        assert_type(item.ok, bool)
        assert_type(item.reply, Reply)
        assert_type(item.result, Reply | CallError | RequestError)


def sync(client: SyncClient) -> None:
    with client as entered:
        assert_type(entered, SyncClient)
    assert_type(client.generate_copy("a", "m", 5, system=None, temperature=None, priority=1), Reply)
    assert_type(client.chat([Message("user", "a")], extra={"top_p": 1}), Reply)
    assert_type(client.batch_generate(["a"]), list[Reply | CallError])
    assert_type(client.map(["a"], ordered=True, at_once=3), Iterator[Item])
    assert_type(client.stream("a"), SyncStream)
    assert_type(client.close(), None)
    with client.stream("a") as lines:
        assert_type(lines, SyncStream)
        for text in lines:
            assert_type(text, str)
        assert_type(lines.text, str)
        assert_type(lines.reply, Reply)
    assert_type(SyncClient(ResilientClient()), SyncClient)


def reply(reply: Reply) -> None:
    assert_type(reply.text, str)
    assert_type(reply.model, str)
    assert_type(reply.finish_reason, str)
    assert_type(reply.usage, Usage | None)
    assert_type(reply.request_id, str | None)


def errors(error: CallError) -> None:
    assert_type(error.outcome, str)
    assert_type(error.status, int | None)
    assert_type(error.code, str | None)
    assert_type(error.request_id, str | None)
    assert_type(error.retry_after_s, float | None)
    assert_type(error.attempts, int)
    assert_type(error.text, str)
    base: HarnessError = error
    kinds: tuple[type[CallError], ...] = (Fatal, Partial, DeadlineExceeded)
    del base, kinds


def heard(event: Event) -> None:
    match event:
        case AttemptFinished(attempt):
            assert_type(attempt, Attempt)
            assert_type(attempt.outcome, Outcome)
            assert_type(attempt.fault, Fault)
            assert_type(attempt.first_token_ns, int | None)
            assert_type(attempt.usage, Usage | None)
            assert_type(attempt.route, int)
        case CallFinished(call):
            assert_type(call, Call)
            assert_type(call.outcome, Outcome)
            assert_type(call.stopped_by, StoppedBy | None)
            assert_type(call.usage, Usage | None)
        case Waited(_, _, duration_ns, reason):
            assert_type(duration_ns, int)
            assert_type(reason, Outcome)
        case BreakerChanged() | LimitChanged() | Paused():
            assert_type(event.at_ns, int)
            assert_type(event.route, int)


def policies() -> None:
    assert_type(load_policy("tuned"), Policy)
    tags: Callable[[], Tag] | None = next_tag.get()
    del tags
