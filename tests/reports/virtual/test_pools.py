"""How many connections a client opens: with the pools there are over sockets, and with their likeness."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import pytest

from tests.reports.virtual.sides import Asker, bare, in_virtual_time, on_sockets, profile

#: 40 ms a token.
TIMES: dict[str, Any] = {"inter_token": {"mean_ms": 40, "cv": 0}}


async def _waves(asker: Asker) -> None:
    """Five at once that end one by one; then one after the other beside a long one; then five again."""
    await asyncio.gather(*(asker.ask(x_primetime_tokens=str(n)) for n in range(1, 6)))
    asker.note()
    long = asyncio.create_task(asker.ask(x_primetime_tokens="20"))
    await asyncio.sleep(0.02)
    for _ in range(4):
        await asker.ask(x_primetime_tokens="2")
    asker.note()
    await long
    await asyncio.gather(*(asker.ask(x_primetime_tokens=str(n)) for n in range(1, 6)))


@pytest.mark.parametrize("pool", ["httpx", "aiohttp"])
@pytest.mark.parametrize("keepalive", [0, 1, 2, 4, 10])
def test_as_many_connections_are_opened_as_by_the_pool_itself(
    pool: Literal["httpx", "aiohttp"], keepalive: int
) -> None:
    policy, played = bare(pool=pool, keepalive=keepalive), profile(**TIMES)
    real = on_sockets(_waves, played, policy, backend=pool)
    virtual = in_virtual_time(_waves, played, policy)
    assert [s["accepted"] for s in virtual.stats] == [s["accepted"] for s in real.stats]
    assert {a.selector for a in real.attempts} == {a.selector for a in virtual.attempts} == {"ok"}
