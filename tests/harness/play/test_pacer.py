"""Pacers, on the real clock: they wait about as long as asked, and wake when told."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from itertools import pairwise

import psutil
import pytest
import uvloop

from harness.clock import now_ns
from harness.play.pacer import LoopPacer, Pacer, TimerPacer, make_pacer
from harness.sim.loop import now_ns as virtual_ns
from harness.sim.loop import run
from harness.units import NS

MS = 1_000_000

MAKERS: list[Callable[[], Pacer]] = [LoopPacer]
if sys.platform == "linux":
    MAKERS.append(TimerPacer)


@pytest.mark.parametrize("make", MAKERS)
def test_it_waits_about_as_long_as_asked(make: Callable[[], Pacer]) -> None:
    async def main() -> list[int]:
        pacer = make()
        instants = [now_ns()]
        for _ in range(5):
            await pacer.sleep(20 * MS)
            instants.append(now_ns())
        pacer.close()
        return [after - before for before, after in pairwise(instants)]

    # uvloop's own timers may be a millisecond early; how late a busy machine is, nobody knows.
    assert all(took >= 18 * MS for took in uvloop.run(main()))


@pytest.mark.parametrize("make", MAKERS)
def test_a_wake_ends_the_wait_and_the_next_one_is_whole(make: Callable[[], Pacer]) -> None:
    async def main() -> tuple[int, int]:
        pacer = make()
        pacer.wake()  # nobody waits: nothing happens
        began = now_ns()
        asyncio.get_running_loop().call_later(0.02, pacer.wake)
        await pacer.sleep(60 * NS)
        woken = now_ns()
        await pacer.sleep(30 * MS)
        pacer.close()
        return woken - began, now_ns() - woken

    woken, whole = uvloop.run(main())
    assert woken < 30 * NS
    assert whole >= 28 * MS


@pytest.mark.parametrize("make", MAKERS)
def test_a_cancelled_wait_leaves_the_pacer_usable(make: Callable[[], Pacer]) -> None:
    async def main() -> int:
        pacer = make()
        waiting = asyncio.create_task(pacer.sleep(60 * NS))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert waiting.cancelled()
        began = now_ns()
        await pacer.sleep(10 * MS)
        pacer.close()
        return now_ns() - began

    assert uvloop.run(main()) >= 8 * MS


@pytest.mark.skipif(sys.platform != "linux", reason="timerfd is Linux's")
def test_the_finest_here_is_a_timer_and_gives_its_descriptor_back() -> None:
    async def main() -> tuple[int, int]:
        before = psutil.Process().num_fds()
        pacers = [make_pacer() for _ in range(10)]
        assert all(isinstance(pacer, TimerPacer) for pacer in pacers)
        for pacer in pacers:
            pacer.close()
        return before, psutil.Process().num_fds()

    before, after = uvloop.run(main())
    assert after == before


def test_by_the_loop_it_is_exact_in_virtual_time() -> None:
    async def main() -> int:
        began = virtual_ns()
        await LoopPacer().sleep(1_234_567_891)
        return virtual_ns() - began

    assert run(main()) == pytest.approx(1_234_567_891, abs=1)
