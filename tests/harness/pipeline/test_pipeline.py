"""One call through every policy, in virtual time."""

import asyncio
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.model import AttemptFinished, BreakerChanged, Fault, Outcome, StoppedBy, Waited
from harness.pipeline.call_state import CallState
from harness.policy.config import AdmissionConfig, BreakerConfig, BudgetConfig, RetryConfig
from harness.sim.loop import now_ns, run
from tests.harness.pipeline.rig import BROKEN, FATAL, HANG, OK, End, Rig, permits, policy

SECOND = 1_000_000_000


def _ends(state: CallState) -> tuple[Outcome, StoppedBy | None, int]:
    return state.outcome, state.stopped_by, state.attempts


def test_a_first_success_is_the_whole_story() -> None:
    async def main() -> None:
        rig = Rig(policy())
        state = await rig.call(End(Outcome.OK, after_s=2.0))
        assert _ends(state) == (Outcome.OK, None, 1)
        assert (state.permit_wait_ns, state.backoff_ns) == (0, 0)
        (finished,) = rig.events
        assert isinstance(finished, AttemptFinished)
        assert (finished.attempt.sent_ns, finished.attempt.end_ns) == (0, 2 * SECOND)
        rig.assert_idle()

    run(main())


def test_failures_are_waited_out_and_told_in_order() -> None:
    async def main() -> None:
        rig = Rig(policy())
        state = await rig.call(BROKEN, End(Outcome.THROTTLED), OK)
        assert _ends(state) == (Outcome.OK, None, 3)
        assert state.backoff_ns == 3 * SECOND
        assert now_ns() == 3 * SECOND
        told = [
            (e.attempt.number, e.attempt.outcome) if isinstance(e, AttemptFinished) else e for e in rig.events
        ]
        assert told == [
            (1, Outcome.TRANSIENT),
            Waited(0, 0, SECOND, Outcome.TRANSIENT),
            (2, Outcome.THROTTLED),
            Waited(0, SECOND, 2 * SECOND, Outcome.THROTTLED),
            (3, Outcome.OK),
        ]

    run(main())


def test_the_attempts_run_out() -> None:
    async def main() -> None:
        rig = Rig(policy())
        assert _ends(await rig.call(BROKEN)) == (Outcome.TRANSIENT, StoppedBy.ATTEMPTS, 3)
        assert _ends(await rig.call(FATAL)) == (Outcome.FATAL, StoppedBy.FATAL, 1)
        assert _ends(await rig.call(BROKEN, FATAL)) == (Outcome.FATAL, StoppedBy.FATAL, 2)

    run(main())


def test_retry_after_is_kept_to_and_cleared_by_two_milliseconds() -> None:
    async def main() -> None:
        rig = Rig(policy())
        await rig.call(End(Outcome.THROTTLED, retry_after_s=7.0), OK)
        sent = [e.attempt.sent_ns for e in rig.of(AttemptFinished)]
        assert sent == pytest.approx([0, 8.002 * SECOND])

    run(main())


def test_no_more_attempts_are_on_the_wire_than_permits() -> None:
    async def main() -> None:
        rig = Rig(policy(concurrency=permits(7)))
        await asyncio.gather(
            *(rig.call(End(Outcome.TRANSIENT, 0.3), End(Outcome.OK, 0.5)) for _ in range(50))
        )
        assert rig.most_on_wire == 7
        rig.assert_idle()

    run(main())


def test_a_permit_is_not_held_through_a_backoff() -> None:
    async def main() -> None:
        rig = Rig(policy(concurrency=permits(1)))
        first = rig.start(BROKEN, OK)
        await asyncio.sleep(0.5)  # it waits a second before its next attempt
        assert (rig.gate.held, rig.gate.waiting) == (0, 0)
        second = await rig.call(End(Outcome.OK, after_s=2.0))
        assert second.permit_wait_ns == 0
        # In the meantime the first call came back and stood in line from 1.0 to 2.5 s.
        assert (await first).permit_wait_ns == round(1.5 * SECOND)
        assert _ends(await first) == (Outcome.OK, None, 2)
        numbers = [(e.attempt.number, e.attempt.permit_wait_ns) for e in rig.of(AttemptFinished)]
        assert numbers == [(1, 0), (1, 0), (2, round(1.5 * SECOND))]

    run(main())


def test_waiting_for_permits_adds_up_over_the_attempts() -> None:
    async def main() -> None:
        rig = Rig(policy(concurrency=permits(1)))
        rig.start(End(Outcome.OK, 4.0), call_id=1)
        await asyncio.sleep(0)
        call = rig.start(BROKEN, OK, call_id=2)  # waits until 4, again from 5
        await asyncio.sleep(4.5)
        rig.start(End(Outcome.OK, 3.5), call_id=3)  # until 8
        state = await call
        assert state.permit_wait_ns == (4 + 3) * SECOND
        assert state.backoff_ns == SECOND

    run(main())


def test_the_deadline_ends_the_wait_for_a_permit() -> None:
    async def main() -> None:
        rig = Rig(policy(deadline_s=3.0, concurrency=permits(1)))
        holder = rig.start(End(Outcome.OK, 2.9))
        await asyncio.sleep(0)
        rig.start(HANG)
        await asyncio.sleep(0)
        state = await rig.call(OK, call_id=9)
        assert _ends(state) == (Outcome.DEADLINE, StoppedBy.DEADLINE, 0)
        # A permit is free at 2.9 s, when calls have been seen to take that long: 0.1 s would not do.
        assert state.permit_wait_ns == now_ns() == 2_900_000_000
        assert [e for e in rig.of(AttemptFinished) if e.attempt.call_id == 9] == []
        await holder
        await asyncio.sleep(1)
        rig.assert_idle()

    run(main())


def test_the_deadline_cuts_an_attempt() -> None:
    async def main() -> None:
        rig = Rig(policy(deadline_s=3.0, attempt_timeout_s=5.0))
        state = await rig.call(HANG)
        assert _ends(state) == (Outcome.DEADLINE, StoppedBy.DEADLINE, 1)
        (finished,) = rig.of(AttemptFinished)
        assert (finished.attempt.outcome, finished.attempt.fault) == (Outcome.DEADLINE, Fault.NONE)
        assert finished.attempt.end_ns == now_ns() == 3 * SECOND
        rig.assert_idle()

    run(main())


def test_the_attempts_own_timeout_may_be_retried() -> None:
    async def main() -> None:
        rig = Rig(policy(deadline_s=60.0, attempt_timeout_s=2.0))
        state = await rig.call(HANG, End(Outcome.OK, 1.9))
        assert _ends(state) == (Outcome.OK, None, 2)
        first = rig.of(AttemptFinished)[0].attempt
        assert (first.outcome, first.fault) == (Outcome.TIMEOUT, Fault.ATTEMPT_TIMEOUT)
        assert (first.sent_ns, first.end_ns, first.status) == (0, 2 * SECOND, None)
        assert now_ns() == round(4.9 * SECOND)

    run(main())


def test_the_second_attempt_gets_what_is_left_of_the_deadline() -> None:
    async def main() -> None:
        rig = Rig(policy(deadline_s=4.0, attempt_timeout_s=2.0))
        state = await rig.call(HANG)  # 0-2 timeout, backoff to 3, then cut at 4
        assert _ends(state) == (Outcome.DEADLINE, StoppedBy.DEADLINE, 2)
        assert [e.attempt.outcome for e in rig.of(AttemptFinished)] == [Outcome.TIMEOUT, Outcome.DEADLINE]
        assert now_ns() == 4 * SECOND

    run(main())


def test_a_backoff_that_would_pass_the_deadline_is_not_begun() -> None:
    async def main() -> None:
        rig = Rig(policy(deadline_s=3.0))
        state = await rig.call(
            End(Outcome.TRANSIENT, 0.5)
        )  # fails at 0.5, waits to 1.5, fails at 2.0, 2 s no more
        assert _ends(state) == (Outcome.TRANSIENT, StoppedBy.DEADLINE, 2)
        assert now_ns() == 2 * SECOND
        assert len(rig.of(Waited)) == 1

    run(main())


def test_the_deadline_while_waiting_for_the_permit_of_a_retry_keeps_the_last_class() -> None:
    async def main() -> None:
        rig = Rig(policy(deadline_s=3.0, concurrency=permits(1)))
        call = rig.start(BROKEN, OK)
        await asyncio.sleep(0.5)
        rig.start(HANG)
        state = await call
        assert _ends(state) == (Outcome.TRANSIENT, StoppedBy.DEADLINE, 1)
        assert state.permit_wait_ns == 2 * SECOND
        assert now_ns() == 3 * SECOND

    run(main())


def test_the_deadline_is_a_calls_and_not_the_pipelines() -> None:
    async def main() -> None:
        rig = Rig(policy(deadline_s=3.0))
        await asyncio.sleep(100)
        assert _ends(await rig.call(End(Outcome.OK, 2.9))) == (Outcome.OK, None, 1)

    run(main())


def test_a_full_line_rejects_at_once() -> None:
    async def main() -> None:
        rig = Rig(policy(concurrency=permits(1), admission=AdmissionConfig(max_waiting=2)))
        running = [rig.start(End(Outcome.OK, 1.0)) for _ in range(3)]  # one in flight, two in line
        await asyncio.sleep(0.5)
        state = await rig.call(OK)
        assert _ends(state) == (Outcome.REJECTED, StoppedBy.ADMISSION, 0)
        assert now_ns() == SECOND // 2
        assert [(await task).outcome for task in running] == [Outcome.OK] * 3
        assert _ends(await rig.call(OK)) == (Outcome.OK, None, 1)
        assert rig.sent == 4

    run(main())


def test_nobody_may_wait_but_everybody_may_pass() -> None:
    async def main() -> None:
        rig = Rig(policy(concurrency=permits(2), admission=AdmissionConfig(max_waiting=0)))
        states = await asyncio.gather(*(rig.call(End(Outcome.OK, 1.0)) for _ in range(5)))
        assert [state.outcome for state in states] == [Outcome.OK] * 2 + [Outcome.REJECTED] * 3

    run(main())


def test_a_retry_is_not_turned_away_by_a_full_line() -> None:
    async def main() -> None:
        rig = Rig(policy(concurrency=permits(1), admission=AdmissionConfig(max_waiting=1)))
        call = rig.start(BROKEN, OK)
        await asyncio.sleep(0.9)
        others = [rig.start(End(Outcome.OK, 1.0)) for _ in range(2)]
        assert _ends(await call) == (Outcome.OK, None, 2)
        assert [(await task).outcome for task in others] == [Outcome.OK] * 2

    run(main())


BREAKER = BreakerConfig(window_s=10, min_calls=2, failure_ratio=0.5, open_s=5, probes=1)
ONCE = RetryConfig(attempts=1)


def test_an_open_breaker_rejects_without_an_attempt() -> None:
    async def main() -> None:
        rig = Rig(policy(breaker=BREAKER, retry=ONCE, concurrency=permits(3)))
        await rig.call(BROKEN)
        await rig.call(BROKEN)
        assert _ends(await rig.call(OK)) == (Outcome.REJECTED, StoppedBy.BREAKER, 0)
        assert rig.sent == 2
        at_ns = await rig.opening_passed()
        assert 5 * SECOND <= at_ns < 6.25 * SECOND
        assert _ends(await rig.call(OK)) == (Outcome.OK, None, 1)
        assert rig.of(BreakerChanged) == [
            BreakerChanged(0, "closed", "open"),
            BreakerChanged(at_ns, "open", "half_open"),
            BreakerChanged(at_ns, "half_open", "closed"),
        ]
        rig.assert_idle()

    run(main())


def test_a_breaker_that_opens_between_the_attempts_keeps_the_last_class() -> None:
    async def main() -> None:
        rig = Rig(policy(breaker=BREAKER))
        state = await rig.call(BROKEN)
        assert _ends(state) == (Outcome.TRANSIENT, StoppedBy.BREAKER, 2)

    run(main())


def test_the_breaker_is_asked_again_once_the_permit_is_held() -> None:
    async def main() -> None:
        rig = Rig(policy(breaker=BREAKER, retry=ONCE, concurrency=permits(2)))
        failing = [rig.start(End(Outcome.TRANSIENT, 1.0)) for _ in range(2)]
        await asyncio.sleep(0.5)
        waiting = [rig.start(OK) for _ in range(5)]  # let in while closed, in line when it opens
        states = await asyncio.gather(*waiting)
        assert {_ends(state) for state in states} == {(Outcome.REJECTED, StoppedBy.BREAKER, 0)}
        assert rig.sent == len(failing) == 2
        rig.assert_idle()

    run(main())


def test_without_the_recheck_the_line_goes_out_into_the_open_breaker() -> None:
    async def main() -> None:
        breaker = BreakerConfig(kind="counter", threshold=2, open_s=60, recheck=False)
        rig = Rig(policy(breaker=breaker, retry=ONCE, concurrency=permits(2)))
        for _ in range(2):
            rig.start(End(Outcome.TRANSIENT, 1.0))
        await asyncio.sleep(0.5)
        states = await asyncio.gather(*(rig.call(OK) for _ in range(5)))
        assert {_ends(state) for state in states} == {(Outcome.OK, None, 1)}
        assert _ends(await rig.call(OK)) == (Outcome.REJECTED, StoppedBy.BREAKER, 0)

    run(main())


def test_a_waiter_becomes_a_probe_when_the_open_time_has_passed_in_line() -> None:
    async def main() -> None:
        rig = Rig(policy(breaker=BREAKER, retry=ONCE, concurrency=permits(2)))
        for _ in range(2):
            rig.start(End(Outcome.TRANSIENT, 1.0))  # these open it at 1 s
        await asyncio.sleep(0)
        for _ in range(2):
            asyncio.create_task(rig.gate.enter(0))  # noqa: RUF006 - ahead in the line, till 8 s
        await asyncio.sleep(0)
        waiters = [rig.start(End(Outcome.OK, 1.0)) for _ in range(2)]  # let in while it was closed
        await asyncio.sleep(8)
        for _ in range(2):
            rig.gate.leave()
        assert [_ends(await w) for w in waiters] == [
            (Outcome.OK, None, 1),
            (Outcome.REJECTED, StoppedBy.BREAKER, 0),  # one probe and no more
        ]
        assert [change.after for change in rig.of(BreakerChanged)] == ["open", "half_open", "closed"]
        assert _ends(await rig.call(OK)) == (Outcome.OK, None, 1)
        rig.assert_idle()

    run(main())


def test_one_probe_of_many_callers_at_once() -> None:
    async def main() -> None:
        rig = Rig(policy(breaker=BREAKER, retry=ONCE))
        await rig.call(BROKEN)
        await rig.call(BROKEN)
        await rig.opening_passed()
        states = await asyncio.gather(*(rig.call(End(Outcome.OK, 1.0)) for _ in range(200)))
        assert [state.outcome for state in states] == [Outcome.OK] + [Outcome.REJECTED] * 199

    run(main())


@pytest.mark.parametrize("how", ["cancelled", "deadline"])
def test_a_probe_that_never_was_sent_is_given_back(how: str) -> None:
    async def main() -> None:
        deadline_s = 3.0 if how == "deadline" else None
        rig = Rig(policy(breaker=BREAKER, retry=ONCE, concurrency=permits(2), deadline_s=deadline_s))
        await rig.call(BROKEN)
        await rig.call(BROKEN)
        # Half-open, with every permit taken by somebody else: the probe stands in line.
        await rig.opening_passed()
        for _ in range(2):
            await rig.gate.enter(0)
        probe = rig.start(OK)
        await asyncio.sleep(1)
        assert _ends(await rig.call(OK)) == (Outcome.REJECTED, StoppedBy.BREAKER, 0)
        if how == "cancelled":
            probe.cancel()
        await asyncio.sleep(2.5)
        assert probe.done()
        for _ in range(2):
            rig.gate.leave()
        assert _ends(await rig.call(OK)) == (Outcome.OK, None, 1)
        assert rig.of(BreakerChanged)[-1].after == "closed"
        rig.assert_idle()

    run(main())


def test_a_cancelled_probe_is_given_back() -> None:
    async def main() -> None:
        rig = Rig(policy(breaker=BREAKER, retry=ONCE))
        await rig.call(BROKEN)
        await rig.call(BROKEN)
        await rig.opening_passed()
        probe = rig.start(HANG)
        await asyncio.sleep(1)
        probe.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert _ends(await rig.call(OK)) == (Outcome.OK, None, 1)

    run(main())


def test_an_empty_budget_stops_with_the_last_class() -> None:
    async def main() -> None:
        rig = Rig(policy(budget=BudgetConfig(ratio=0, min_per_s=0, cap=1)))
        assert _ends(await rig.call(End(Outcome.THROTTLED))) == (Outcome.THROTTLED, StoppedBy.BUDGET, 2)
        assert _ends(await rig.call(BROKEN)) == (Outcome.TRANSIENT, StoppedBy.BUDGET, 1)
        assert _ends(await rig.call(FATAL)) == (Outcome.FATAL, StoppedBy.FATAL, 1)

    run(main())


def test_only_a_retry_that_is_made_is_paid_for() -> None:
    async def main() -> None:
        budget = BudgetConfig(ratio=0, min_per_s=0, cap=1)
        rig = Rig(policy(budget=budget, deadline_s=0.5))
        for _ in range(5):
            assert _ends(await rig.call(BROKEN)) == (Outcome.TRANSIENT, StoppedBy.DEADLINE, 1)
            assert _ends(await rig.call(FATAL)) == (Outcome.FATAL, StoppedBy.FATAL, 1)
        paid = await rig.call(End(Outcome.TRANSIENT, retry_after_s=None))
        assert paid.attempts == 1  # the wait of 1 s never fits; the token is still there
        assert rig.pipeline._budget.withdraw(now_ns())

    run(main())


@pytest.mark.parametrize("where", ["attempt", "permit", "backoff"])
def test_cancelled_anywhere_everything_is_released(where: str) -> None:
    async def main() -> None:
        rig = Rig(policy(concurrency=permits(1), breaker=BREAKER))
        if where == "permit":
            holder = rig.start(End(Outcome.OK, 10.0))
            await asyncio.sleep(0)
        task = rig.start(BROKEN if where == "backoff" else HANG, call_id=5)
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        if where == "permit":
            assert rig.gate.waiting == 0
            await holder
        rig.assert_idle()
        ended = [e.attempt for e in rig.of(AttemptFinished) if e.attempt.call_id == 5]
        if where == "attempt":
            assert [(a.outcome, a.end_ns) for a in ended] == [(Outcome.CANCELLED, SECOND // 2)]
        else:
            assert [a.outcome for a in ended] == {"permit": [], "backoff": [Outcome.TRANSIENT]}[where]
        assert rig.of(BreakerChanged) == []

    run(main())


def test_a_hundred_cancellations_open_no_breaker() -> None:
    async def main() -> None:
        rig = Rig(policy(breaker=BREAKER, retry=ONCE))
        for _ in range(100):
            task = rig.start(HANG)
            await asyncio.sleep(1)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert _ends(await rig.call(OK)) == (Outcome.OK, None, 1)

    run(main())


def test_cancelled_in_a_backoff_only_the_time_waited_is_told() -> None:
    async def main() -> None:
        rig = Rig(policy())
        state = rig.begin()
        task = asyncio.create_task(rig.run(state, BROKEN))
        await asyncio.sleep(0.25)  # of the second it was to wait
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        # A call of 0.25 s cannot have waited for 1 s.
        assert state.backoff_ns == SECOND // 4

    run(main())


def test_littles_law_on_the_permits() -> None:
    seed = 5
    rng = Random(seed)
    rate, service_s, calls = 8.0, 1.5, 3000

    async def main() -> None:
        rig = Rig(policy(concurrency=permits(20)))
        samples: list[int] = []

        async def watch() -> None:
            while True:
                samples.append(rig.gate.held)
                await asyncio.sleep(0.25)

        watcher = asyncio.create_task(watch())
        tasks = []
        for _ in range(calls):
            await asyncio.sleep(rng.expovariate(rate))
            tasks.append(rig.start(End(Outcome.OK, rng.expovariate(1 / service_s))))
        await asyncio.gather(*tasks)
        watcher.cancel()
        length_s = now_ns() / SECOND
        held_s = sum(e.attempt.end_ns - e.attempt.sent_ns for e in rig.of(AttemptFinished)) / SECOND
        in_flight = sum(samples) / len(samples)
        # in flight = throughput x latency
        assert in_flight == pytest.approx(calls / length_s * (held_s / calls), rel=0.03), f"seed {seed}"
        assert in_flight == pytest.approx(rate * service_s, rel=0.1), f"seed {seed}"

    run(main())


def test_the_same_seed_waits_the_same() -> None:
    async def backoffs(seed: int) -> list[int]:
        rig = Rig(policy(retry=RetryConfig(attempts=5, jitter="full")), seed=seed)
        await rig.call(BROKEN)
        return [w.duration_ns for w in rig.of(Waited)]

    assert run(backoffs(3)) == run(backoffs(3)) != run(backoffs(4))
    assert len(run(backoffs(3))) == 4


ENDS = st.builds(
    End,
    st.sampled_from(
        [
            Outcome.OK,
            Outcome.THROTTLED,
            Outcome.OVERLOADED,
            Outcome.TRANSIENT,
            Outcome.TIMEOUT,
            Outcome.MALFORMED,
            Outcome.LOCAL,
            Outcome.FATAL,
        ]
    ),
    # A coarse grid: ends, timeouts, deadlines and cancellations often fall on the same instant.
    st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0, 5.0]),
    retry_after_s=st.sampled_from([None, None, 0.0, 0.5, 30.0]),
)


@given(
    calls=st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.0, 0.25, 0.5]),  # after the call before
            st.lists(ENDS, min_size=1, max_size=4),
            st.sampled_from([None, None, None, 0.0, 0.25, 0.5, 1.0, 2.0]),  # cancelled after
        ),
        min_size=1,
        max_size=25,
    ),
    limit=st.integers(1, 4),
    deadline_s=st.sampled_from([None, 0.5, 1.0, 3.0]),
    attempt_timeout_s=st.sampled_from([None, 0.5, 1.0]),
    max_waiting=st.sampled_from([None, 0, 2]),
    breaker=st.sampled_from(
        [BreakerConfig(kind="off"), BREAKER, BreakerConfig(kind="counter", threshold=3, open_s=1)]
    ),
    budget=st.sampled_from([BudgetConfig(kind="off"), BudgetConfig(ratio=0.2, min_per_s=0, cap=2)]),
)
@settings(deadline=None, max_examples=150)
def test_every_call_ends_once_and_leaves_nothing_behind(
    calls: list[tuple[float, list[End], float | None]],
    limit: int,
    deadline_s: float | None,
    attempt_timeout_s: float | None,
    max_waiting: int | None,
    breaker: BreakerConfig,
    budget: BudgetConfig,
) -> None:
    async def main() -> None:
        rig = Rig(
            policy(
                concurrency=permits(limit),
                deadline_s=deadline_s,
                attempt_timeout_s=attempt_timeout_s,
                admission=AdmissionConfig(max_waiting=max_waiting),
                breaker=breaker,
                budget=budget,
                retry=RetryConfig(attempts=3, base_s=0.5, throttle_base_s=0.5, jitter="none"),
            )
        )
        loop = asyncio.get_running_loop()
        running: list[tuple[CallState, asyncio.Task[CallState], int]] = []
        for call_id, (gap_s, ends, cancel_s) in enumerate(calls):
            await asyncio.sleep(gap_s)
            state = rig.begin(call_id=call_id)
            task = asyncio.create_task(rig.run(state, *ends))
            running.append((state, task, now_ns()))
            if cancel_s is not None:
                loop.call_later(cancel_s, task.cancel)
        await asyncio.wait([task for _, task, _ in running])
        rig.assert_idle()
        assert rig.most_on_wire <= limit
        finished = [e.attempt for e in rig.of(AttemptFinished)]
        assert len(finished) == rig.sent
        for call_id, (state, task, _) in enumerate(running):
            own = [a for a in finished if a.call_id == call_id]
            assert [a.number for a in own] == list(range(1, len(own) + 1))
            assert state.attempts == len(own)
            cancelled = [a for a in own if a.outcome is Outcome.CANCELLED]
            if task.cancelled():
                assert len(cancelled) <= 1
                continue
            task.result()
            assert not cancelled
            assert (state.stopped_by is None) == (state.outcome is Outcome.OK)
            assert all(a.outcome is not Outcome.OK for a in own[:-1])
            assert state.last is (own[-1] if own else None)
            if not own:
                assert state.outcome in {Outcome.REJECTED, Outcome.DEADLINE}
        if deadline_s is not None:
            late = [a.end_ns - running[a.call_id][2] for a in finished]
            assert all(duration_ns <= round(deadline_s * SECOND) + 1 for duration_ns in late)

    run(main())
