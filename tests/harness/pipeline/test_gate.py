"""The line before the wire: in order, within limit and rate, and nothing is ever lost."""

import asyncio
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.model import Attempt
from harness.pipeline.gate import Full, Gate
from harness.policy.config import RateConfig
from harness.policy.rate import RateBucket, Reservation
from harness.sim.loop import Deadlock, VirtualLoop, now_ns, run
from tests.harness.pipeline.rig import turns

SECOND = 1_000_000_000


@dataclass
class Dial:
    """A limit that a test turns."""

    limit: int | None

    def note(self, attempt: Attempt, in_use: int) -> None:
        """Nothing to learn."""

    def restart(self, at: int) -> None:
        """Nothing to start from."""


def gate_of(limit: int | None = None, *, pause: bool = True, **rate: Any) -> tuple[Gate, Dial, RateBucket]:
    dial, bucket = Dial(limit), RateBucket(RateConfig(pause=pause, **rate))
    return Gate(dial, bucket, now_ns), dial, bucket


def gate(limit: int | None = None, **rate: Any) -> Gate:
    return gate_of(limit, **rate)[0]


def enter(subject: Gate, tokens: int = 0, priority: int = 0, most: int | None = None) -> "asyncio.Task[Any]":
    return asyncio.create_task(subject.enter(tokens, priority, most))


def counts(subject: Gate) -> tuple[int, int]:
    return subject.held, subject.waiting


def test_permits_are_handed_out_in_the_order_of_asking() -> None:
    served: list[int] = []

    async def caller(subject: Gate, index: int) -> None:
        await subject.enter(0)
        served.append(index)
        await asyncio.sleep(1)
        subject.leave()

    async def main() -> None:
        subject = gate(2)
        await asyncio.gather(*(caller(subject, index) for index in range(20)))
        assert now_ns() == 10 * SECOND

    run(main())
    assert served == list(range(20))


def test_a_newcomer_does_not_overtake_the_line() -> None:
    async def main() -> None:
        subject = gate(1)
        await subject.enter(0)
        first = enter(subject)
        await turns()
        subject.leave()
        assert subject.held == 1  # the permit is the waiter's, though it has not run yet
        assert subject.try_enter(0) is None
        second = enter(subject)
        await turns()
        assert first.done()
        assert not second.done()
        subject.leave()
        await second

    run(main())


def test_counts() -> None:
    async def main() -> None:
        subject = gate(2)
        assert counts(subject) == (0, 0)
        await subject.enter(0)
        assert counts(subject) == (1, 0)
        assert subject.try_enter(0) is not None
        assert subject.try_enter(0) is None
        assert counts(subject) == (2, 0)
        waiters = [enter(subject) for _ in range(3)]
        await turns()
        assert counts(subject) == (2, 3)
        subject.leave()
        assert counts(subject) == (2, 2)
        await waiters[0]
        for _ in range(4):
            subject.leave()
            await turns()
        assert counts(subject) == (0, 0)

    run(main())


def test_without_a_limit_nobody_waits() -> None:
    async def main() -> None:
        subject = gate(None)
        for _ in range(5_000):
            await subject.enter(10**9)
            assert subject.try_enter(10**9) is not None
        assert counts(subject) == (10_000, 0)
        assert subject.limit is None

    run(main())


def test_a_cancelled_waiter_leaves_the_line() -> None:
    async def main() -> None:
        subject = gate(1)
        await subject.enter(0)
        gone, stays = enter(subject), enter(subject)
        await turns()
        gone.cancel()
        await turns()
        assert gone.cancelled()
        assert subject.waiting == 1
        subject.leave()
        await stays
        assert subject.held == 1

    run(main())


def test_cancelled_in_the_very_turn_of_hand_over_the_permit_goes_on_and_the_rate_comes_back() -> None:
    async def main() -> None:
        subject, _, bucket = gate_of(1, rpm=3, burst_s=60)
        await subject.enter(0)
        unlucky, following = enter(subject), enter(subject)
        await turns()
        subject.leave()
        unlucky.cancel()
        await following
        assert unlucky.cancelled()
        assert counts(subject) == (1, 0)
        subject.leave()
        assert subject.held == 0
        # Three a minute, two of them used: the unlucky one's came back.
        assert bucket.wait_ns(0, now_ns()) == 0
        bucket.take(0, now_ns())
        assert bucket.wait_ns(0, now_ns()) == 20 * SECOND

    run(main())


def test_cancelled_just_before_the_hand_over_the_next_in_line_gets_it() -> None:
    async def main() -> None:
        subject = gate(1)
        await subject.enter(0)
        unlucky, following = enter(subject), enter(subject)
        await turns()
        unlucky.cancel()
        subject.leave()
        await following
        assert counts(subject) == (1, 0)

    run(main())


def test_all_waiters_cancelled_with_the_release_between() -> None:
    async def main() -> None:
        subject = gate(1)
        await subject.enter(0)
        waiters = [enter(subject) for _ in range(4)]
        await turns()
        waiters[0].cancel()
        subject.leave()
        for waiter in waiters[1:]:
            waiter.cancel()
        await asyncio.gather(*waiters, return_exceptions=True)
        assert counts(subject) == (0, 0)
        assert subject.try_enter(0) is not None

    run(main())


def test_a_permit_never_released_is_a_deadlock_and_not_a_second_permit() -> None:
    async def main() -> None:
        subject = gate(1)
        await subject.enter(0)
        await subject.enter(0)

    with pytest.raises(Deadlock):
        run(main())


def test_the_higher_priority_goes_first_and_equals_in_their_order() -> None:
    async def main() -> None:
        subject = gate(1)
        await subject.enter(0)
        served: list[str] = []

        async def caller(name: str, priority: int) -> None:
            await subject.enter(0, priority)
            served.append(name)
            subject.leave()

        asked = [("a", 0), ("b", 5), ("c", -1), ("d", 5), ("e", 0), ("f", 9)]
        callers = [asyncio.create_task(caller(*one)) for one in asked]
        await turns()
        subject.leave()
        await asyncio.gather(*callers)
        assert served == ["f", "b", "d", "a", "e", "c"]

    run(main())


def test_a_full_line_turns_a_newcomer_away() -> None:
    async def main() -> None:
        subject = gate(1)
        await subject.enter(0)
        waiters = [enter(subject, most=2) for _ in range(2)]
        await turns()
        with pytest.raises(Full):
            await subject.enter(0, 0, 2)
        assert counts(subject) == (1, 2)
        assert not any(waiter.done() for waiter in waiters)
        unbounded = enter(subject)
        await turns()
        assert subject.waiting == 3
        for task in [*waiters, unbounded]:
            subject.leave()
            await task

    run(main())


def test_a_higher_priority_displaces_the_last_of_the_lowest() -> None:
    async def main() -> None:
        subject = gate(1)
        await subject.enter(0)
        low = [enter(subject, priority=1, most=3) for _ in range(2)]
        lowest = enter(subject, priority=0, most=3)
        await turns()
        high = [enter(subject, priority=5, most=3) for _ in range(2)]
        await turns()
        for displaced in (lowest, low[1]):
            with pytest.raises(Full):
                await displaced
        assert counts(subject) == (1, 3)
        with pytest.raises(Full):  # an equal is not lower
            await subject.enter(0, 1, 3)
        subject.leave()
        await high[0]
        subject.leave()
        await high[1]
        subject.leave()
        await low[0]
        assert counts(subject) == (1, 0)

    run(main())


def test_a_displaced_head_does_not_hold_up_the_line() -> None:
    async def main() -> None:
        subject, _, _ = gate_of(None, tpm=60, burst_s=60)
        await subject.enter(60)
        head = enter(subject, 60, priority=0, most=1)  # in 60 s
        await turns()
        newcomer = enter(subject, 1, priority=1, most=1)  # in 1 s
        with pytest.raises(Full):
            await head
        await newcomer
        assert now_ns() == SECOND

    run(main())


def test_cancelled_in_the_turn_of_its_displacement_nothing_is_left() -> None:
    async def main() -> None:
        subject = gate(1)
        await subject.enter(0)
        low = enter(subject, priority=0, most=1)
        await turns()
        high = enter(subject, priority=1, most=1)
        await asyncio.sleep(0)  # high has displaced low, which has not run yet
        low.cancel()
        await turns()
        assert low.cancelled()
        assert counts(subject) == (1, 1)
        subject.leave()
        await high
        assert counts(subject) == (1, 0)

    run(main())


def test_the_rate_is_waited_for_exactly() -> None:
    async def main() -> None:
        subject = gate(None, rpm=60, burst_s=2)
        times: list[int] = []
        for _ in range(6):
            await subject.enter(0)
            times.append(now_ns())
        assert times == [0, 0, SECOND, 2 * SECOND, 3 * SECOND, 4 * SECOND]
        # No whole number of nanoseconds: 7 a minute.
        subject = gate(None, rpm=7, burst_s=60 / 7)
        began_ns = now_ns()
        for count in range(5):
            await subject.enter(0)
            assert 0 <= (now_ns() - began_ns) - count * 60 * SECOND / 7 <= count + 1

    run(main())


def test_the_head_of_the_line_is_never_overtaken_by_a_smaller_request() -> None:
    async def main() -> None:
        subject = gate(None, tpm=60, burst_s=60)
        await subject.enter(60)
        served: list[tuple[int, int]] = []

        async def caller(tokens: int) -> None:
            await subject.enter(tokens)
            served.append((tokens, now_ns()))

        callers = [asyncio.create_task(caller(tokens)) for tokens in (30, 1, 20, 1)]
        await turns()
        assert subject.try_enter(0) is None
        await asyncio.gather(*callers)
        assert served == [(30, 30 * SECOND), (1, 31 * SECOND), (20, 51 * SECOND), (1, 52 * SECOND)]

    run(main())


def test_when_a_large_head_gives_up_the_next_goes_at_its_own_time() -> None:
    async def main() -> None:
        subject = gate(None, tpm=60, burst_s=60)
        await subject.enter(60)
        head, small, later = enter(subject, 60), enter(subject, 5), enter(subject, 1)
        await asyncio.sleep(2)
        head.cancel()
        await small
        assert now_ns() == 5 * SECOND
        await later
        assert now_ns() == 6 * SECOND

    run(main())


def test_when_a_large_head_gives_up_late_the_next_goes_at_once() -> None:
    async def main() -> None:
        subject = gate(None, tpm=60, burst_s=60)
        await subject.enter(60)
        head, small = enter(subject, 60), enter(subject, 5)
        await asyncio.sleep(20)
        head.cancel()
        await small
        assert now_ns() == 20 * SECOND

    run(main())


def test_a_waiter_of_the_rate_holds_no_permit() -> None:
    async def main() -> None:
        subject = gate(1, rpm=60, burst_s=1)
        await subject.enter(0)
        subject.leave()
        waiter = enter(subject)
        await turns()
        assert counts(subject) == (0, 1)
        await waiter
        assert counts(subject) == (1, 0)
        assert now_ns() == SECOND

    run(main())


def test_tokens_given_back_let_the_head_go_with_the_permit() -> None:
    async def main() -> None:
        subject, _, bucket = gate_of(None, tpm=60, burst_s=60)
        reservation = await subject.enter(60)
        waiter = enter(subject, 50)
        await asyncio.sleep(1)
        bucket.settle(reservation, 10, now_ns())
        subject.leave()
        await waiter
        assert now_ns() == SECOND

    run(main())


def test_a_pause_holds_all_and_a_longer_one_longer() -> None:
    async def main() -> None:
        subject, _, bucket = gate_of(3)
        bucket.pause(5, now_ns())
        waiters = [enter(subject) for _ in range(5)]
        await asyncio.sleep(3)
        assert counts(subject) == (0, 5)
        bucket.pause(4, now_ns())
        await waiters[2]
        assert now_ns() == 7 * SECOND
        assert counts(subject) == (3, 2)

    run(main())


class EarlyLoop(VirtualLoop):
    """Timers fire up to a millisecond early, as uvloop's do."""

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> asyncio.TimerHandle:
        if when - self.time() > 0.002:
            when -= 0.001
        return super().call_at(when, callback, *args, context=context)


def test_a_timer_that_fires_a_millisecond_early_lets_nobody_through_early() -> None:
    async def main() -> None:
        subject = gate(None, rpm=60, burst_s=1)
        times: list[int] = []
        for _ in range(5):
            await subject.enter(0)
            times.append(now_ns())
        assert times == [index * SECOND for index in range(5)]

    with asyncio.Runner(loop_factory=EarlyLoop) as runner:
        runner.run(main())


def test_a_grown_limit_wakes_the_line_when_told() -> None:
    async def main() -> None:
        subject, dial, _ = gate_of(1)
        await subject.enter(0)
        waiters = [enter(subject) for _ in range(4)]
        await turns()
        dial.limit = 3
        assert subject.limit == 3
        subject.advance()
        await turns()
        assert [waiter.done() for waiter in waiters] == [True, True, False, False]
        assert counts(subject) == (3, 2)
        dial.limit = None
        subject.advance()
        await asyncio.gather(*waiters)
        assert counts(subject) == (5, 0)

    run(main())


def test_a_shrunk_limit_waits_until_enough_have_left() -> None:
    async def main() -> None:
        subject, dial, _ = gate_of(4)
        for _ in range(4):
            await subject.enter(0)
        waiter = enter(subject)
        await turns()
        dial.limit = 2
        for left in (3, 2):
            subject.leave()
            await turns()
            assert counts(subject) == (left, 1)
        subject.leave()
        await waiter
        assert counts(subject) == (2, 0)

    run(main())


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.integers(0, 40), st.integers(-1, 2)),
        st.tuples(st.just("ask few"), st.integers(0, 3), st.integers(-1, 2)),
        st.tuples(st.just("try"), st.integers(0, 40), st.just(0)),
        st.tuples(st.just("leave"), st.integers(0, 30), st.just(0)),
        st.tuples(st.just("cancel"), st.integers(0, 30), st.just(0)),
        st.tuples(st.just("turn"), st.integers(1, 3), st.just(0)),
        st.tuples(st.just("wait"), st.sampled_from([1, 500, 1000, 7000]), st.just(0)),
        st.tuples(st.just("limit"), st.integers(1, 4), st.just(0)),
        st.tuples(st.just("pause"), st.sampled_from([1, 5]), st.just(0)),
    ),
    max_size=60,
)


@given(
    limit=st.integers(1, 4),
    rate=st.sampled_from(
        [{}, {"rpm": 60, "burst_s": 2}, {"tpm": 600, "burst_s": 5}, {"rpm": 30, "tpm": 120}]
    ),
    steps=STEPS,
)
@settings(deadline=None, max_examples=200)
def test_no_interleaving_loses_or_makes_a_permit(  # noqa: C901 - one branch a step
    limit: int, rate: dict[str, float], steps: list[tuple[str, int, int]]
) -> None:
    async def main() -> None:  # noqa: C901
        subject, dial, bucket = gate_of(limit, **rate)
        most = limit
        holding: list[Reservation] = []
        tasks: list[asyncio.Task[None]] = []
        draining = False

        async def caller(tokens: int, priority: int, most_waiting: int | None) -> None:
            try:
                reservation = await subject.enter(tokens, priority, most_waiting)
            except Full:
                return
            assert subject.held <= most
            if draining:
                subject.leave()
            else:
                holding.append(reservation)

        for what, number, priority in steps:
            if what.startswith("ask"):
                most_waiting = 2 if what == "ask few" else None
                tasks.append(asyncio.create_task(caller(number, priority, most_waiting)))
            elif what == "turn":
                await turns(number)
            elif what == "wait":
                await asyncio.sleep(number / 1000)
            elif what == "cancel" and tasks:
                tasks[number % len(tasks)].cancel()
            elif what == "leave" and holding:
                holding.pop(number % len(holding))
                subject.leave()
            elif what == "limit":
                dial.limit = number
                most = max(most, number)
                subject.advance()
            elif what == "pause":
                bucket.pause(number, now_ns())
            elif what == "try" and (taken := subject.try_enter(number)) is not None:
                assert subject.waiting == 0
                holding.append(taken)
            assert len(holding) <= subject.held <= most
        await turns()
        alive = sum(not task.done() for task in tasks)
        assert subject.held == len(holding)
        assert subject.waiting == alive
        # Everybody left comes through, in whatever time the rate asks for.
        draining = True
        while holding:
            holding.pop()
            subject.leave()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert counts(subject) == (0, 0)

    run(main())


@given(
    asked=st.lists(st.tuples(st.sampled_from([0, 100, 700, 2500]), st.integers(0, 90)), max_size=30),
    rpm=st.sampled_from([20, 60, 200]),
    tpm=st.sampled_from([60, 600]),
)
@settings(deadline=None, max_examples=100)
def test_no_window_sees_more_than_burst_and_rate_and_none_overtakes(
    asked: list[tuple[int, int]], rpm: int, tpm: int
) -> None:
    burst_s = 10.0

    async def main() -> list[tuple[int, int, int]]:
        subject = gate(None, rpm=rpm, tpm=tpm, burst_s=burst_s)
        through: list[tuple[int, int, int]] = []

        async def caller(index: int, tokens: int) -> None:
            await subject.enter(tokens)
            through.append((now_ns(), tokens, index))

        async with asyncio.TaskGroup() as group:
            for index, (gap_ms, tokens) in enumerate(asked):
                await asyncio.sleep(gap_ms / 1000)
                group.create_task(caller(index, tokens))
        return through

    through = run(main())
    assert [index for _, _, index in through] == list(range(len(asked)))  # first come, first served
    for first in range(len(through)):
        for last in range(first, len(through)):
            window_s = (through[last][0] - through[first][0]) / SECOND
            tokens = [size for _, size, _ in through[first : last + 1]]
            # A request larger than the bucket goes when it is full, and the bucket into debt.
            over = max(0.0, max(tokens) - tpm / 60 * burst_s)
            assert len(tokens) <= rpm / 60 * (burst_s + window_s) + 1e-6
            assert sum(tokens) <= tpm / 60 * (burst_s + window_s) + over + 1e-6


def test_waits_follow_erlang_c() -> None:
    # M/M/c with c = 5, offered load a = 4: C = 0.5541, mean wait C / (c mu - lambda) = 0.5541 s.
    seed = 11
    rng = Random(seed)
    waits_s: list[float] = []

    async def caller(subject: Gate) -> None:
        asked_ns = now_ns()
        await subject.enter(0)
        waits_s.append((now_ns() - asked_ns) / 1e9)
        await asyncio.sleep(rng.expovariate(1.0))
        subject.leave()

    async def main() -> None:
        subject = gate(5)
        async with asyncio.TaskGroup() as group:
            for _ in range(15_000):
                await asyncio.sleep(rng.expovariate(4.0))
                group.create_task(caller(subject))

    run(main())
    assert sum(w > 0 for w in waits_s) / len(waits_s) == pytest.approx(0.5541, abs=0.05), f"seed {seed}"
    assert sum(waits_s) / len(waits_s) == pytest.approx(0.5541, abs=0.12), f"seed {seed}"
