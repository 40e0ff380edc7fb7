"""A call leaves nothing for the garbage collector, however it ends: in a run of load that seldom looks."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
import uvloop

from harness import CallError, ResilientClient
from harness.policy.config import BreakerConfig, BudgetConfig, ConnectionsConfig, Policy, RetryConfig
from harness.transport import fast
from tests.harness.transport.faults import (
    BODY,
    HEAD,
    Handler,
    answer,
    hang,
    read_request,
    reset,
    serving,
    streams,
)
from tests.harness.transport.test_streams import BEGUN, WHOLE

CALLS = 40

CONNECTIONS = ConnectionsConfig(max=10, keepalive=10, connect_timeout_s=1, read_timeout_s=0.05)
POLICY = Policy(
    retry=RetryConfig(attempts=2, base_s=0, throttle_base_s=0, cap_s=0),
    budget=BudgetConfig(kind="off"),
    breaker=BreakerConfig(kind="off"),
    connections=CONNECTIONS,
    idle_timeout_s=0.05,
)


async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await read_request(reader)
        writer.write(b"HTTP/1.1 500 No\r\ncontent-length: 2\r\n\r\n{}")


async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(HEAD + BODY[:20])
    await writer.drain()
    reset(writer)


async def whole(client: ResilientClient) -> None:
    await client.generate_copy("สวัสดี")


async def streamed(client: ResilientClient) -> None:
    async with client.stream("สวัสดี") as stream:
        async for _ in stream:
            pass


async def cancelled(client: ResilientClient) -> None:
    call = asyncio.create_task(client.generate_copy("สวัสดี"))
    await asyncio.sleep(0.002)
    call.cancel()
    with suppress(asyncio.CancelledError):
        await call


@pytest.fixture(autouse=True)
def _collector_off() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def left_by(
    handler: Handler, call: Callable[[ResilientClient], Awaitable[None]], policy: Policy
) -> Counter[str]:
    """Kinds of our own objects, and tenacity's, that only the collector would find after many calls."""
    async with serving(handler) as url:
        transport = fast.build(policy.connections)
        async with ResilientClient(url, "sk-test", policy=policy, transport=transport) as client:
            for _ in range(CALLS):
                with suppress(CallError):
                    await call(client)
        await asyncio.sleep(0.05)
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.collect()
        ours = ("harness", "tenacity", "httptools")
        return Counter(type(o).__qualname__ for o in gc.garbage if type(o).__module__.startswith(ours))
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.collect()


@pytest.mark.parametrize(
    ("handler", "call"),
    [
        (answer, whole),
        (refuse, whole),
        (cut, whole),
        (hang, cancelled),
        (streams(*WHOLE), streamed),
        (streams(*BEGUN, then=hang), streamed),
    ],
)
@pytest.mark.parametrize("reuse", [True, False])
def test_a_call_leaves_no_cycle(
    handler: Handler, call: Callable[[ResilientClient], Awaitable[None]], *, reuse: bool
) -> None:
    policy = replace(POLICY, connections=replace(CONNECTIONS, reuse=reuse))

    left = uvloop.run(left_by(handler, call, policy))

    # A client that was closed is one, once; what comes with every call is told by its number.
    assert {name: count for name, count in left.items() if count >= CALLS // 2} == {}
