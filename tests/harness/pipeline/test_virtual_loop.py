"""The loop the other tests stand on."""

import asyncio

import pytest

from harness.clock import now_ns as real_ns
from tests.virtual_loop import Deadlock, now_ns, run


def test_an_hour_passes_at_once() -> None:
    async def main() -> int:
        await asyncio.sleep(3600)
        return now_ns()

    began_ns = real_ns()
    assert run(main()) == 3600 * 10**9
    assert real_ns() - began_ns < 5 * 10**9


def test_sleepers_wake_in_order_and_on_time() -> None:
    woken: list[tuple[float, int]] = []

    async def sleeper(delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        woken.append((delay_s, now_ns()))

    async def main() -> None:
        await asyncio.gather(*(sleeper(delay_s) for delay_s in (2.5, 0.1, 1.0)))

    run(main())
    assert woken == [(0.1, 100_000_000), (1.0, 1_000_000_000), (2.5, 2_500_000_000)]


def test_timeouts_run_on_it() -> None:
    async def main() -> int:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await asyncio.sleep(10)
        return now_ns()

    assert run(main()) == 1_500_000_000


def test_a_deadlock_raises() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Deadlock):
        run(main())
