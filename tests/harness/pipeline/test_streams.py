"""Attempts that become streams, and what of a deadline is left alone."""

import asyncio

import pytest

from harness.model import Attempt, AttemptFinished, Fault, Outcome, StoppedBy, Usage
from harness.pipeline.call_state import CallState
from harness.policy.config import BreakerConfig, RateConfig, RetryConfig
from harness.sim.loop import now_ns, run
from tests.harness.pipeline.rig import BROKEN, HANG, OK, STREAM, End, Rig, permits, policy, turns

SECOND = 1_000_000_000
BREAKER = BreakerConfig(window_s=10, min_calls=2, failure_ratio=0.5, open_s=5, probes=1)
ONCE = RetryConfig(attempts=1)


def _ends(state: CallState) -> tuple[Outcome, StoppedBy | None, int]:
    return state.outcome, state.stopped_by, state.attempts


def _attempts(rig: Rig) -> list[Attempt]:
    return [event.attempt for event in rig.of(AttemptFinished)]


def test_a_stream_holds_its_permit_until_its_end() -> None:
    async def main() -> None:
        rig = Rig(policy(concurrency=permits(1)))
        stream = await rig.call(End(Outcome.OK, 1.0, streams=True), streaming=True)
        assert stream.lease is not None
        assert stream.opened is not None
        waiter = rig.start(OK, call_id=1)
        await asyncio.sleep(9)
        assert (rig.gate.held, rig.gate.waiting, rig.events) == (1, 1, [])
        rig.end(stream)
        assert (await waiter).permit_wait_ns == 9 * SECOND
        assert stream.lease is None
        assert _ends(stream) == (Outcome.OK, None, 1)
        first, second = _attempts(rig)
        assert (first.call_id, first.sent_ns, first.first_token_ns, first.end_ns) == (
            0,
            0,
            SECOND,
            10 * SECOND,
        )
        assert (second.call_id, second.sent_ns) == (1, 10 * SECOND)
        rig.assert_idle()

    run(main())


def test_a_stream_ends_once() -> None:
    async def main() -> None:
        rig = Rig(policy(concurrency=permits(2)))
        stream = await rig.call(STREAM, streaming=True)
        rig.end(stream)
        with pytest.raises(RuntimeError, match="already ended"):
            rig.end(stream)
        assert len(_attempts(rig)) == 1
        assert rig.gate.held == 0
        whole = await rig.call(OK)
        assert whole.last is not None
        with pytest.raises(RuntimeError, match="already ended"):
            rig.pipeline.end(whole, whole.last)
        assert rig.gate.held == 0

    run(main())


def test_failures_before_the_first_output_are_retried_and_the_last_attempt_is_the_stream() -> None:
    async def main() -> None:
        rig = Rig(policy(concurrency=permits(1)))
        stream = await rig.call(BROKEN, STREAM, streaming=True)
        assert (stream.attempts, stream.backoff_ns, rig.gate.held) == (2, SECOND, 1)
        rig.end(stream)
        assert [(a.number, a.outcome) for a in _attempts(rig)] == [
            (1, Outcome.TRANSIENT),
            (2, Outcome.OK),
        ]
        rig.assert_idle()

    run(main())


@pytest.mark.parametrize(
    ("outcome", "stopped_by"),
    [
        (Outcome.OK, None),
        (Outcome.PARTIAL, StoppedBy.FATAL),
        (Outcome.TIMEOUT, StoppedBy.FATAL),
        (Outcome.DEADLINE, StoppedBy.DEADLINE),
        (Outcome.CANCELLED, StoppedBy.USER),
    ],
)
def test_a_stream_that_broke_is_not_retried_and_says_why(
    outcome: Outcome, stopped_by: StoppedBy | None
) -> None:
    async def main() -> None:
        rig = Rig(policy(concurrency=permits(1)))
        stream = await rig.call(STREAM, streaming=True)
        rig.end(stream, outcome)
        await asyncio.sleep(100)
        assert _ends(stream) == (outcome, stopped_by, 1)
        rig.assert_idle()

    run(main())


def test_a_stream_s_verdict_reaches_a_closed_breaker_at_its_end() -> None:
    async def main() -> None:
        rig = Rig(policy(breaker=BREAKER, retry=ONCE))
        streams = [await rig.call(STREAM, streaming=True) for _ in range(2)]
        await asyncio.sleep(30)
        for stream in streams:
            assert rig.pipeline.leases.breaker.state == "closed"
            rig.end(stream, Outcome.TIMEOUT, Fault.IDLE_TIMEOUT)
        assert rig.pipeline.leases.breaker.state == "open"

    run(main())


def test_a_half_open_breaker_hears_of_a_stream_at_its_first_output() -> None:
    # Else nobody else would be let through for as long as the reply is.
    async def main() -> None:
        rig = Rig(policy(breaker=BREAKER, retry=ONCE))
        await rig.call(BROKEN)
        await rig.call(BROKEN)
        await rig.opening_passed()
        probe = await rig.call(STREAM, streaming=True)
        assert rig.pipeline.leases.breaker.state == "closed"
        assert _ends(await rig.call(OK)) == (Outcome.OK, None, 1)
        rig.end(probe, Outcome.TIMEOUT, Fault.IDLE_TIMEOUT)  # of a generation that is over
        assert rig.pipeline.leases.breaker.state == "closed"
        rig.assert_idle()

    run(main())


def test_a_stream_s_tokens_are_counted_at_its_end() -> None:
    async def main() -> None:
        rig = Rig(policy(rate=RateConfig(tpm=60, burst_s=60)))
        end = End(Outcome.OK, streams=True, usage=Usage(5, 15))
        stream = await rig.call(end, streaming=True, tokens=lambda: 60)
        waiter = rig.start(OK, tokens=lambda: 40, call_id=1)
        await asyncio.sleep(10)
        rig.end(stream)  # 60 taken, 10 s drained 10; 40 come back
        await waiter
        assert now_ns() == 10 * SECOND

    run(main())


def test_the_first_output_has_a_timeout_of_its_own() -> None:
    async def main() -> None:
        rig = Rig(policy(first_token_timeout_s=2.0, attempt_timeout_s=5.0, retry=ONCE))
        stream = await rig.call(HANG, streaming=True)
        assert _ends(stream) == (Outcome.TIMEOUT, StoppedBy.ATTEMPTS, 1)
        assert (now_ns(), _attempts(rig)[0].fault) == (2 * SECOND, Fault.FIRST_TOKEN_TIMEOUT)
        await rig.call(HANG)
        assert (now_ns(), _attempts(rig)[1].fault) == (7 * SECOND, Fault.ATTEMPT_TIMEOUT)
        rig.assert_idle()

    run(main())


def test_the_shorter_of_both_bounds_the_first_output() -> None:
    async def main() -> None:
        rig = Rig(policy(first_token_timeout_s=5.0, attempt_timeout_s=2.0, retry=ONCE))
        await rig.call(HANG, streaming=True)
        assert (now_ns(), _attempts(rig)[0].fault) == (2 * SECOND, Fault.ATTEMPT_TIMEOUT)

    run(main())


def test_no_attempt_timeout_cuts_a_stream_that_has_begun() -> None:
    async def main() -> None:
        rig = Rig(policy(first_token_timeout_s=2.0, attempt_timeout_s=5.0, deadline_s=30.0))
        stream = await rig.call(End(Outcome.OK, 1.9, streams=True), streaming=True)
        await asyncio.sleep(20)
        assert stream.lease is not None
        rig.end(stream)
        assert _ends(stream) == (Outcome.OK, None, 1)

    run(main())


def test_a_timeout_before_the_first_output_is_retried() -> None:
    async def main() -> None:
        rig = Rig(policy(first_token_timeout_s=2.0, concurrency=permits(1)))
        stream = await rig.call(HANG, STREAM, streaming=True)
        assert (stream.attempts, now_ns(), rig.gate.held) == (2, 3 * SECOND, 1)
        rig.end(stream)
        rig.assert_idle()

    run(main())


@pytest.mark.parametrize("how", ["timeout", "deadline", "cancelled"])
def test_an_attempt_cut_after_its_headers_still_tells_them(how: str) -> None:
    async def main() -> None:
        bounds = {"timeout": {"attempt_timeout_s": 3.0}, "deadline": {"deadline_s": 3.0}}.get(how, {})
        rig = Rig(policy(retry=ONCE, **bounds))
        task = rig.start(End(Outcome.OK, after_s=60.0, headers_s=1.5))
        await asyncio.sleep(3)
        if how == "cancelled":
            task.cancel()
        await asyncio.wait([task])
        (attempt,) = _attempts(rig)
        assert (attempt.status, attempt.headers_ns, attempt.end_ns) == (200, round(1.5 * SECOND), 3 * SECOND)
        assert attempt.outcome == how
        rig.assert_idle()

    run(main())


def test_a_call_s_own_bound_holds_where_it_is_shorter() -> None:
    async def main() -> None:
        rig = Rig(policy(attempt_timeout_s=5.0, retry=ONCE))
        for most_s, expected_s in ((2.0, 2), (9.0, 5)):
            state = rig.begin()
            state.most_s = most_s
            began_ns = now_ns()
            await rig.run(state, HANG)
            assert now_ns() - began_ns == expected_s * SECOND
            assert state.outcome is Outcome.TIMEOUT
            assert _attempts(rig)[-1].fault is Fault.ATTEMPT_TIMEOUT

    run(main())


@pytest.mark.parametrize("when", ["opening", "in line"])
def test_a_stream_cancelled_before_it_began_holds_nothing(when: str) -> None:
    async def main() -> None:
        rig = Rig(policy(concurrency=permits(1)))
        holder = await rig.call(STREAM, streaming=True) if when == "in line" else None
        task = rig.start(End(Outcome.OK, 5.0, streams=True), streaming=True)
        await asyncio.sleep(1)
        task.cancel()
        await turns()
        assert task.cancelled()
        assert (rig.gate.held, rig.gate.waiting) == (1 if holder else 0, 0)
        if holder:
            rig.end(holder)
        rig.assert_idle()

    run(main())


def test_what_is_reserved_of_the_deadline_is_left_alone() -> None:
    async def main() -> None:
        first = Rig(policy(deadline_s=10.0), reserve_s=4.0)
        state = first.begin()
        await first.run(state, HANG)
        assert now_ns() == 6 * SECOND
        assert _ends(state) == (Outcome.DEADLINE, StoppedBy.DEADLINE, 1)
        assert state.left_s() == pytest.approx(4.0)
        second = Rig(policy(deadline_s=10.0), route=1)
        await second.run(state, HANG)
        assert now_ns() == 10 * SECOND
        assert _ends(state) == (Outcome.DEADLINE, StoppedBy.DEADLINE, 2)
        assert [(a.number, a.route) for a in _attempts(second)] == [(2, 1)]

    run(main())


def test_a_backoff_into_the_reserve_is_not_begun() -> None:
    async def main() -> None:
        rig = Rig(policy(deadline_s=10.0), reserve_s=9.0)
        state = await rig.call(BROKEN)  # a second's wait would end at the reserve
        assert _ends(state) == (Outcome.TRANSIENT, StoppedBy.DEADLINE, 1)
        assert now_ns() == 0

    run(main())


def test_a_wait_in_line_ends_at_the_reserve() -> None:
    async def main() -> None:
        rig = Rig(policy(deadline_s=10.0, concurrency=permits(1)), reserve_s=4.0)
        await rig.gate.enter(0)
        state = await rig.call(OK)
        assert _ends(state) == (Outcome.DEADLINE, StoppedBy.DEADLINE, 0)
        assert now_ns() == 6 * SECOND

    run(main())


def test_the_second_route_starts_its_tries_anew_and_numbers_go_on() -> None:
    async def main() -> None:
        first, second = Rig(policy()), Rig(policy(), route=1)
        state = first.begin()
        await first.run(state, BROKEN)
        assert _ends(state) == (Outcome.TRANSIENT, StoppedBy.ATTEMPTS, 3)
        await second.run(state, BROKEN, BROKEN, BROKEN, BROKEN, BROKEN, OK)
        assert _ends(state) == (Outcome.OK, None, 6)
        assert [(a.number, a.route) for a in _attempts(first) + _attempts(second)] == [
            (1, 0),
            (2, 0),
            (3, 0),
            (4, 1),
            (5, 1),
            (6, 1),
        ]
        assert state.backoff_ns == (1 + 2 + 1 + 2) * SECOND  # the second route's backoff begins anew

    run(main())
