"""Rate, permits, budget and breaker as a pipeline joins them."""

import asyncio

import pytest

from harness.model import (
    AttemptFinished,
    BreakerChanged,
    Level,
    Levels,
    LimitChanged,
    Outcome,
    Paused,
    StoppedBy,
    Usage,
)
from harness.pipeline.call_state import CallState
from harness.policy.config import (
    AdmissionConfig,
    BreakerConfig,
    BudgetConfig,
    ConcurrencyConfig,
    RateConfig,
    RetryConfig,
)
from harness.sim.loop import now_ns, run
from tests.harness.pipeline.rig import BROKEN, HANG, OK, THROTTLED, End, Rig, permits, policy, turns

SECOND = 1_000_000_000
BREAKER = BreakerConfig(window_s=10, min_calls=2, failure_ratio=0.5, open_s=5, probes=1)
ONCE = RetryConfig(attempts=1)


def _ends(state: CallState) -> tuple[Outcome, StoppedBy | None, int]:
    return state.outcome, state.stopped_by, state.attempts


def _aimd(initial: int, decrease: float = 0.5) -> ConcurrencyConfig:
    return ConcurrencyConfig(kind="aimd", initial=initial, min=1, max=100, decrease=decrease)


@pytest.mark.parametrize("why", ["backoff", "rate", "pause"])
def test_no_permit_is_held_through_a_wait(why: str) -> None:
    async def main() -> None:
        rate = RateConfig(rpm=12, burst_s=5) if why == "rate" else RateConfig()
        retry_after_s = 3.0 if why == "pause" else None
        rig = Rig(policy(concurrency=permits(1), rate=rate))
        task = rig.start(End(Outcome.THROTTLED, retry_after_s=retry_after_s), OK)
        await asyncio.sleep(0.5)
        while not task.done():
            assert rig.gate.held == 0
            await asyncio.sleep(0.25)
        assert _ends(await task) == (Outcome.OK, None, 2)
        rig.assert_idle()

    run(main())


def test_a_call_whose_rate_wait_cannot_fit_its_deadline_fails_at_once() -> None:
    async def main() -> None:
        rig = Rig(policy(rate=RateConfig(rpm=6, burst_s=10), deadline_s=10.0))
        assert _ends(await rig.call(OK)) == (Outcome.OK, None, 1)
        assert _ends(await rig.call(OK)) == (Outcome.DEADLINE, StoppedBy.DEADLINE, 0)  # in 10 s
        assert now_ns() == 0
        await asyncio.sleep(0.001)
        state = await rig.call(OK)  # in 9.999 s
        assert _ends(state) == (Outcome.OK, None, 1)
        assert now_ns() == state.permit_wait_ns + SECOND // 1000 == 10 * SECOND
        rig.assert_idle()

    run(main())


def test_a_retry_whose_rate_wait_cannot_fit_keeps_the_last_class_at_once() -> None:
    async def main() -> None:
        rig = Rig(policy(rate=RateConfig(rpm=6, burst_s=10), deadline_s=10.0))
        assert _ends(await rig.call(BROKEN)) == (Outcome.TRANSIENT, StoppedBy.DEADLINE, 1)
        assert now_ns() == SECOND  # after its backoff, 9 s before the rate would allow it and its deadline
        rig.assert_idle()

    run(main())


def test_a_429_s_retry_after_holds_every_call_of_the_pipeline() -> None:
    async def main() -> None:
        rig = Rig(policy(retry=ONCE))
        early = rig.start(End(Outcome.OK, 4.0), call_id=1)  # in flight: not called back
        await asyncio.sleep(1)
        state = await rig.call(End(Outcome.THROTTLED, retry_after_s=7.0), call_id=2)
        assert _ends(state) == (Outcome.THROTTLED, StoppedBy.ATTEMPTS, 1)
        assert rig.of(Paused) == [Paused(SECOND, 7 * SECOND)]
        later = []
        for index in range(10):
            await asyncio.sleep(0.5)
            later.append(rig.start(OK, call_id=3 + index))
        states = await asyncio.gather(*later)
        assert rig.sent_at_ns == [0, SECOND] + [8 * SECOND] * 10
        assert [s.permit_wait_ns for s in states] == [(7 * SECOND - (i + 1) * SECOND // 2) for i in range(10)]
        assert (await early).outcome is Outcome.OK

    run(main())


def test_a_pause_within_a_pause_is_told_once_and_a_longer_one_again() -> None:
    async def main() -> None:
        rig = Rig(policy(retry=ONCE))
        for index, (after_s, hint_s) in enumerate([(0.5, 5.0), (1.0, 3.0), (2.0, 6.0)]):
            rig.start(End(Outcome.THROTTLED, after_s, retry_after_s=hint_s), call_id=index)
        await asyncio.sleep(3)
        assert rig.of(Paused) == [Paused(SECOND // 2, 5 * SECOND), Paused(2 * SECOND, 6 * SECOND)]
        await rig.call(OK)
        assert now_ns() == 8 * SECOND

    run(main())


@pytest.mark.parametrize(
    ("outcome", "rate"),
    [(Outcome.THROTTLED, RateConfig(pause=False)), (Outcome.OVERLOADED, RateConfig())],
)
def test_no_pause_where_none_was_asked_for(outcome: Outcome, rate: RateConfig) -> None:
    async def main() -> None:
        rig = Rig(policy(retry=ONCE, rate=rate))
        await rig.call(End(outcome, retry_after_s=7.0))
        await rig.call(OK)
        assert now_ns() == 0
        assert rig.of(Paused) == []

    run(main())


def test_a_pause_longer_than_the_deadline_fails_calls_at_once() -> None:
    async def main() -> None:
        rig = Rig(policy(deadline_s=5.0))
        state = await rig.call(End(Outcome.THROTTLED, retry_after_s=30.0))
        assert _ends(state) == (Outcome.THROTTLED, StoppedBy.DEADLINE, 1)
        assert _ends(await rig.call(OK)) == (Outcome.DEADLINE, StoppedBy.DEADLINE, 0)
        assert now_ns() == 0

    run(main())


def test_the_api_s_own_level_slows_the_next_calls() -> None:
    async def main() -> None:
        rig = Rig(policy())  # no limit of ours
        empty = Levels(requests=Level(limit=60, remaining=0))
        await rig.call(End(Outcome.OK, levels=empty))
        states = [await rig.call(OK, call_id=index) for index in range(3)]
        assert [s.permit_wait_ns for s in states] == [SECOND] * 3

    run(main())


def test_tokens_not_used_come_back() -> None:
    async def main() -> None:
        rig = Rig(policy(rate=RateConfig(tpm=600, burst_s=60)))
        await rig.call(End(Outcome.OK, usage=Usage(40, 60)), tokens=lambda: 600)
        await rig.call(OK, tokens=lambda: 500)
        assert now_ns() == 0
        await rig.call(OK, tokens=lambda: 10)
        assert now_ns() == SECOND

    run(main())


def test_what_a_request_will_cost_is_asked_only_where_tokens_are_limited() -> None:
    asked: list[int] = []

    def tokens() -> int:
        asked.append(1)
        return 1

    async def main() -> None:
        await Rig(policy(rate=RateConfig(rpm=100))).call(OK, tokens=tokens)
        assert asked == []
        await Rig(policy(rate=RateConfig(tpm=100))).call(OK, tokens=tokens)
        assert asked == [1]

    run(main())


def test_a_call_stopped_by_the_second_look_at_the_breaker_gives_its_rate_back() -> None:
    async def main() -> None:
        rig = Rig(
            policy(breaker=BREAKER, retry=ONCE, concurrency=permits(2), rate=RateConfig(rpm=60, burst_s=10))
        )
        for _ in range(2):
            rig.start(End(Outcome.TRANSIENT, 1.0))
        await turns()
        waiting = [rig.start(OK) for _ in range(5)]
        assert {_ends(await w) for w in waiting} == {(Outcome.REJECTED, StoppedBy.BREAKER, 0)}
        # Of ten, two were spent a second ago: one has drained since.
        bucket = rig.pipeline.leases.bucket
        for _ in range(9):
            assert bucket.wait_ns(0, now_ns()) == 0
            bucket.take(0, now_ns())
        assert bucket.wait_ns(0, now_ns()) == SECOND

    run(main())


def test_a_burst_of_429s_cuts_the_limit_once() -> None:
    async def main() -> None:
        rig = Rig(policy(concurrency=_aimd(16), retry=ONCE))
        burst = [rig.start(End(Outcome.THROTTLED, 1.0 + index / 100), call_id=index) for index in range(16)]
        await asyncio.gather(*burst)
        assert rig.of(LimitChanged) == [LimitChanged(SECOND, 16, 8)]
        await asyncio.sleep(1)
        await rig.call(End(Outcome.THROTTLED, 1.0))  # sent after the cut: another event
        assert rig.of(LimitChanged)[1:] == [LimitChanged(now_ns(), 8, 4)]
        assert rig.gate.limit == 4
        rig.assert_idle()

    run(main())


def test_a_cut_limit_lets_nobody_in_until_enough_have_left() -> None:
    async def main() -> None:
        rig = Rig(policy(concurrency=_aimd(4), retry=ONCE))
        rig.start(End(Outcome.THROTTLED, 1.0))
        for _ in range(3):
            rig.start(End(Outcome.TRANSIENT, 2.0))
        await turns()
        waiter = rig.start(End(Outcome.OK, 1.0), call_id=9)
        await asyncio.sleep(1.5)
        assert (rig.gate.limit, rig.gate.held, rig.gate.waiting) == (2, 3, 1)
        assert (await waiter).permit_wait_ns == 2 * SECOND

    run(main())


def test_successes_raise_the_limit_and_wake_the_line() -> None:
    async def main() -> None:
        rig = Rig(policy(concurrency=_aimd(1), retry=ONCE))
        await asyncio.gather(*(rig.call(End(Outcome.OK, 1.0), call_id=index) for index in range(12)))
        changes = rig.of(LimitChanged)
        assert [(c.before, c.after) for c in changes[:3]] == [(1, 2), (2, 3), (3, 4)]
        # 1 at once until 1 s, then 2, then (each adds 1/2) 3 ...
        assert [c.at_ns // SECOND for c in changes[:2]] == [1, 2]
        assert rig.most_on_wire > 2
        rig.assert_idle()

    run(main())


@pytest.mark.parametrize("kind", ["static", "aimd"])
def test_after_an_outage_permits_ramp_up_from_the_probes(kind: str) -> None:
    async def main() -> None:
        concurrency = permits(20) if kind == "static" else _aimd(20)
        breaker = BreakerConfig(window_s=10, min_calls=2, failure_ratio=0.5, open_s=5, probes=3)
        rig = Rig(policy(breaker=breaker, retry=ONCE, concurrency=concurrency))
        for _ in range(2):
            await rig.call(BROKEN)
        await rig.opening_passed()
        await asyncio.gather(*(rig.call(End(Outcome.OK, 1.0)) for _ in range(3)))
        closed = rig.of(BreakerChanged)[-1]
        assert closed.after == "closed"
        changes = rig.of(LimitChanged)
        assert (changes[0].at_ns, changes[0].before, changes[0].after) == (closed.at_ns, 20, 3)
        assert rig.gate.limit == 4  # the last probe's own success counts
        rig.most_on_wire = 0
        crowd = [rig.start(End(Outcome.OK, 1.0), call_id=index) for index in range(100)]
        await asyncio.sleep(0.5)
        assert rig.on_wire == 4
        await asyncio.sleep(1)
        assert rig.on_wire == 8  # one more permit a success: it doubles a round
        await asyncio.gather(*crowd)
        assert rig.most_on_wire >= 20
        assert kind == "aimd" or rig.most_on_wire == rig.gate.limit == 20
        rig.assert_idle()

    run(main())


def test_without_the_ramp_all_permits_are_there_at_once() -> None:
    async def main() -> None:
        breaker = BreakerConfig(window_s=10, min_calls=2, failure_ratio=0.5, open_s=5, probes=1, ramp=False)
        rig = Rig(policy(breaker=breaker, retry=ONCE, concurrency=permits(20)))
        for _ in range(2):
            await rig.call(BROKEN)
        await rig.opening_passed()
        await rig.call(OK)
        assert rig.gate.limit == 20
        assert rig.of(LimitChanged) == []

    run(main())


def test_the_ramp_wakes_nobody_too_many() -> None:
    async def main() -> None:
        breaker = BreakerConfig(window_s=10, min_calls=2, failure_ratio=0.5, open_s=5, probes=2)
        rig = Rig(policy(breaker=breaker, retry=ONCE, concurrency=permits(10)))
        for _ in range(2):
            await rig.call(BROKEN)
        await rig.opening_passed()
        probes = [rig.start(End(Outcome.OK, 1.0)) for _ in range(2)]
        await asyncio.gather(*probes)
        crowd = [rig.start(HANG) for _ in range(9)]
        await turns()
        assert (rig.gate.limit, rig.gate.held, rig.gate.waiting) == (3, 3, 6)
        for task in crowd:
            task.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)
        rig.assert_idle()

    run(main())


def test_the_more_important_call_goes_first() -> None:
    async def main() -> None:
        rig = Rig(policy(concurrency=permits(1)))
        rig.start(End(Outcome.OK, 1.0))
        await turns()
        calls = [
            rig.start(End(Outcome.OK, 1.0), call_id=call_id, priority=priority)
            for call_id, priority in [(1, 0), (2, 2), (3, 1), (4, 2)]
        ]
        await asyncio.gather(*calls)
        order = [e.attempt.call_id for e in rig.of(AttemptFinished)]
        assert order == [0, 2, 4, 3, 1]

    run(main())


def test_a_more_important_call_takes_the_place_of_a_lesser_one_in_a_full_line() -> None:
    async def main() -> None:
        rig = Rig(policy(concurrency=permits(1), admission=AdmissionConfig(max_waiting=2)))
        rig.start(End(Outcome.OK, 1.0))
        await turns()
        first, last = (rig.start(OK, call_id=index) for index in (1, 2))
        await turns()
        important = rig.start(OK, call_id=3, priority=1)
        assert _ends(await last) == (Outcome.REJECTED, StoppedBy.ADMISSION, 0)
        assert now_ns() == 0
        assert _ends(await rig.call(OK, call_id=4)) == (Outcome.REJECTED, StoppedBy.ADMISSION, 0)
        await asyncio.gather(first, important)
        assert [e.attempt.call_id for e in rig.of(AttemptFinished)] == [0, 3, 1]
        rig.assert_idle()

    run(main())


def test_a_displaced_retry_keeps_its_class_and_its_token() -> None:
    async def main() -> None:
        rig = Rig(
            policy(
                concurrency=permits(1),
                admission=AdmissionConfig(max_waiting=1),
                budget=BudgetConfig(ratio=0, min_per_s=0, cap=1),
            )
        )
        call = rig.start(BROKEN, OK)
        await asyncio.sleep(0.5)
        rig.start(End(Outcome.OK, 5.0), call_id=1)
        await asyncio.sleep(1)
        assert rig.gate.waiting == 1
        rig.start(OK, call_id=2, priority=1)
        assert _ends(await call) == (Outcome.TRANSIENT, StoppedBy.ADMISSION, 1)
        assert rig.pipeline._budget.withdraw(now_ns())

    run(main())


def test_a_retry_refused_by_the_breaker_gives_its_token_back() -> None:
    async def main() -> None:
        budget = BudgetConfig(ratio=0, min_per_s=0, cap=1)
        rig = Rig(policy(breaker=BREAKER, budget=budget))
        retrying = rig.start(BROKEN, OK)
        await asyncio.sleep(0.5)
        assert not rig.pipeline._budget.withdraw(now_ns())  # it is paid for
        await rig.call(BROKEN, call_id=1)  # the second failure opens the breaker
        assert _ends(await retrying) == (Outcome.TRANSIENT, StoppedBy.BREAKER, 1)
        assert rig.pipeline._budget.withdraw(now_ns())

    run(main())


def test_a_retry_that_met_the_deadline_in_line_gives_its_token_back() -> None:
    async def main() -> None:
        budget = BudgetConfig(ratio=0, min_per_s=0, cap=1)
        rig = Rig(policy(budget=budget, concurrency=permits(1), deadline_s=3.0))
        retrying = rig.start(BROKEN, OK)
        await asyncio.sleep(0.5)
        rig.start(HANG, call_id=1)
        assert _ends(await retrying) == (Outcome.TRANSIENT, StoppedBy.DEADLINE, 1)
        assert rig.pipeline._budget.withdraw(now_ns())

    run(main())


@pytest.mark.parametrize("where", ["backoff", "line"])
def test_a_retry_cancelled_before_it_was_sent_gives_its_token_back(where: str) -> None:
    async def main() -> None:
        budget = BudgetConfig(ratio=0, min_per_s=0, cap=1)
        rig = Rig(policy(budget=budget, concurrency=permits(1)))
        retrying = rig.start(BROKEN, OK)
        await asyncio.sleep(0.5)
        if where == "line":
            rig.start(HANG, call_id=1)
            await asyncio.sleep(1)
            assert rig.gate.waiting == 1
        retrying.cancel()
        await turns()
        assert retrying.cancelled()
        assert rig.pipeline._budget.withdraw(now_ns())

    run(main())


def test_a_throttled_attempt_costs_the_same_budget_as_any() -> None:
    async def main() -> None:
        rig = Rig(policy(budget=BudgetConfig(ratio=0.5, min_per_s=0, cap=1)))
        # The first call finds one token; each call after earns a half.
        stops = [(await rig.call(THROTTLED, OK)).stopped_by for _ in range(7)]
        assert stops == [None, StoppedBy.BUDGET, None, StoppedBy.BUDGET, None, StoppedBy.BUDGET, None]

    run(main())


@pytest.mark.parametrize("left", ["at the deadline", "past it"])
def test_nothing_is_sent_when_no_time_is_left(left: str) -> None:
    async def main() -> None:
        rig = Rig(policy(deadline_s=2.0))
        state = rig.begin()
        await asyncio.sleep(2.0 if left == "at the deadline" else 3.0)
        await rig.run(state, OK)
        assert _ends(state) == (Outcome.DEADLINE, StoppedBy.DEADLINE, 0)
        assert rig.sent == 0

    run(main())
