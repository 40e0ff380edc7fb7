"""Permits: first come first served, and none is ever lost."""

import asyncio
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.pipeline.permits import Permits
from tests.virtual_loop import Deadlock, now_ns, run


async def _turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_they_are_handed_out_in_the_order_of_asking() -> None:
    served: list[int] = []

    async def caller(permits: Permits, index: int) -> None:
        await permits.acquire()
        served.append(index)
        await asyncio.sleep(1)
        permits.release()

    async def main() -> None:
        permits = Permits(2)
        await asyncio.gather(*(caller(permits, index) for index in range(20)))
        assert now_ns() == 10 * 10**9

    run(main())
    assert served == list(range(20))


def test_a_newcomer_does_not_overtake_the_line() -> None:
    async def main() -> None:
        permits = Permits(1)
        await permits.acquire()
        first = asyncio.create_task(permits.acquire())
        await _turns()
        permits.release()
        assert not permits.free  # the permit is the waiter's, though it has not run yet
        second = asyncio.create_task(permits.acquire())
        await _turns()
        assert first.done()
        assert not second.done()
        permits.release()
        await second

    run(main())


def test_counts() -> None:
    async def main() -> None:
        permits = Permits(2)
        assert (permits.held, permits.waiting, permits.free) == (0, 0, True)
        await permits.acquire()
        assert (permits.held, permits.waiting, permits.free) == (1, 0, True)
        await permits.acquire()
        assert (permits.held, permits.waiting, permits.free) == (2, 0, False)
        waiters = [asyncio.create_task(permits.acquire()) for _ in range(3)]
        await _turns()
        assert (permits.held, permits.waiting, permits.free) == (2, 3, False)
        permits.release()
        assert (permits.held, permits.waiting, permits.free) == (2, 2, False)
        await waiters[0]
        for _ in range(4):
            permits.release()
            await _turns()
        assert (permits.held, permits.waiting, permits.free) == (0, 0, True)

    run(main())


def test_without_a_limit_nobody_waits() -> None:
    async def main() -> None:
        permits = Permits(None)
        for _ in range(10_000):
            await permits.acquire()
        assert (permits.held, permits.waiting, permits.free) == (10_000, 0, True)

    run(main())


def test_a_cancelled_waiter_leaves_the_line() -> None:
    async def main() -> None:
        permits = Permits(1)
        await permits.acquire()
        gone, stays = (asyncio.create_task(permits.acquire()) for _ in range(2))
        await _turns()
        gone.cancel()
        await _turns()
        assert gone.cancelled()
        assert permits.waiting == 1
        permits.release()
        await stays
        assert permits.held == 1

    run(main())


def test_cancelled_in_the_very_turn_of_hand_over_the_permit_goes_on() -> None:
    async def main() -> None:
        permits = Permits(1)
        await permits.acquire()
        unlucky, following = (asyncio.create_task(permits.acquire()) for _ in range(2))
        await _turns()
        permits.release()
        unlucky.cancel()
        await following
        assert unlucky.cancelled()
        assert (permits.held, permits.waiting) == (1, 0)
        permits.release()
        assert permits.held == 0

    run(main())


def test_cancelled_just_before_the_hand_over_the_next_in_line_gets_it() -> None:
    async def main() -> None:
        permits = Permits(1)
        await permits.acquire()
        unlucky, following = (asyncio.create_task(permits.acquire()) for _ in range(2))
        await _turns()
        unlucky.cancel()
        permits.release()
        await following
        assert (permits.held, permits.waiting) == (1, 0)

    run(main())


def test_all_waiters_cancelled_with_the_release_between() -> None:
    async def main() -> None:
        permits = Permits(1)
        await permits.acquire()
        waiters = [asyncio.create_task(permits.acquire()) for _ in range(4)]
        await _turns()
        waiters[0].cancel()
        permits.release()
        for waiter in waiters[1:]:
            waiter.cancel()
        await asyncio.gather(*waiters, return_exceptions=True)
        assert (permits.held, permits.waiting, permits.free) == (0, 0, True)

    run(main())


def test_a_permit_never_released_is_a_deadlock_and_not_a_second_permit() -> None:
    async def main() -> None:
        permits = Permits(1)
        await permits.acquire()
        await permits.acquire()

    with pytest.raises(Deadlock):
        run(main())


@given(
    limit=st.integers(1, 4),
    steps=st.lists(
        st.one_of(
            st.just(("ask", 0)),
            st.tuples(st.just("release"), st.integers(0, 30)),
            st.tuples(st.just("cancel"), st.integers(0, 30)),
            st.tuples(st.just("turn"), st.integers(1, 3)),
        ),
        max_size=60,
    ),
)
@settings(deadline=None, max_examples=150)
def test_no_interleaving_of_cancellations_loses_or_makes_a_permit(
    limit: int, steps: list[tuple[str, int]]
) -> None:
    async def main() -> None:
        permits = Permits(limit)
        holding: list[int] = []
        tasks: list[asyncio.Task[None]] = []

        async def caller(index: int) -> None:
            await permits.acquire()
            holding.append(index)

        for what, number in steps:
            if what == "ask":
                tasks.append(asyncio.create_task(caller(len(tasks))))
            elif what == "turn":
                await _turns(number)
            elif what == "cancel" and tasks:
                tasks[number % len(tasks)].cancel()
            elif what == "release" and holding:
                holding.pop(number % len(holding))
                permits.release()
            assert len(holding) <= permits.held <= limit
        await _turns()
        alive = sum(not task.done() for task in tasks)
        assert permits.held == len(holding)
        assert permits.waiting == alive
        assert alive == 0 or len(holding) == limit  # nobody waits beside a free permit
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for _ in holding:
            permits.release()
        assert (permits.held, permits.waiting, permits.free) == (0, 0, True)

    run(main())


def test_waits_follow_erlang_c() -> None:
    # M/M/c with c = 5, offered load a = 4: C = 0.5541, mean wait C / (c mu - lambda) = 0.5541 s.
    seed = 11
    rng = Random(seed)
    waits_s: list[float] = []

    async def caller(permits: Permits) -> None:
        asked_ns = now_ns()
        await permits.acquire()
        waits_s.append((now_ns() - asked_ns) / 1e9)
        await asyncio.sleep(rng.expovariate(1.0))
        permits.release()

    async def main() -> None:
        permits = Permits(5)
        async with asyncio.TaskGroup() as group:
            for _ in range(15_000):
                await asyncio.sleep(rng.expovariate(4.0))
                group.create_task(caller(permits))

    run(main())
    assert sum(w > 0 for w in waits_s) / len(waits_s) == pytest.approx(0.5541, abs=0.05), f"seed {seed}"
    assert sum(waits_s) / len(waits_s) == pytest.approx(0.5541, abs=0.12), f"seed {seed}"
