"""Tenacity around attempts: numbers, questions and waits."""

import asyncio

import pytest

from harness.model import Attempt, Outcome, StoppedBy, Waited
from harness.pipeline import retrying
from harness.pipeline.attempting import Opened, Progress
from harness.pipeline.call_state import CallState
from harness.policy.retry import Again, Stop
from harness.sim.loop import now_ns, run
from tests.harness.pipeline.rig import BROKEN, OK, End, Rig, policy
from tests.harness.policy.attempts import attempt


def _play(outcomes: list[Outcome | None], waits_s: list[float]) -> tuple[Attempt | None, list[object], int]:
    """The last attempt, the log, and the clock at the end; None is an attempt not let through."""
    log: list[object] = []

    def made(number: int) -> Attempt | None:
        outcome = outcomes[number - 1]
        return None if outcome is None else Progress(0, number, 0, 0, 0).ended(0, outcome)

    async def again(number: int) -> Attempt | None:
        log.append(("sent", number, now_ns()))
        return made(number)

    def decide(last: Attempt, tries: int) -> Again | Stop:
        assert tries == last.number
        log.append(("asked", last.number))
        if last.outcome is Outcome.OK:
            return Stop(None)
        return Again(waits_s[last.number - 1]) if last.number <= len(waits_s) else Stop(StoppedBy.ATTEMPTS)

    async def main() -> tuple[Attempt | None, int]:
        first = made(1)
        assert first is not None
        last: Attempt | Opened | None = await retrying.retry(
            first, again, decide, lambda a, wait_s: log.append(("waits", a.number, wait_s))
        )
        assert not isinstance(last, Opened)
        return last, now_ns()

    last, end_ns = run(main())
    return last, log, end_ns


def test_the_first_attempt_is_the_given_one_and_numbers_go_on_from_two() -> None:
    last, log, end_ns = _play([Outcome.TRANSIENT, Outcome.TIMEOUT, Outcome.OK], [0.5, 2.0])
    assert log == [
        ("asked", 1),
        ("waits", 1, 0.5),
        ("sent", 2, 500_000_000),
        ("asked", 2),
        ("waits", 2, 2.0),
        ("sent", 3, 2_500_000_000),
        ("asked", 3),
    ]
    assert last is not None
    assert (last.number, last.outcome, end_ns) == (3, Outcome.OK, 2_500_000_000)


def test_a_refused_first_attempt_is_returned_as_it_is() -> None:
    last, log, end_ns = _play([Outcome.FATAL], [])
    assert last is not None
    assert (last.number, log, end_ns) == (1, [("asked", 1)], 0)


def test_nothing_is_asked_about_an_attempt_that_was_not_let_through() -> None:
    last, log, _ = _play([Outcome.TRANSIENT, None], [1.0])
    assert last is None
    assert log == [("asked", 1), ("waits", 1, 1.0), ("sent", 2, 1_000_000_000)]


def test_an_attempt_that_became_a_stream_is_handed_on_unasked() -> None:
    asked: list[int] = []
    stream = Opened()

    async def again(tries: int) -> Opened:
        assert tries == 2
        return stream

    def decide(last: Attempt, tries: int) -> Again:
        del last
        asked.append(tries)
        return Again(1.0)

    async def main() -> None:
        first = attempt(Outcome.TRANSIENT)
        assert await retrying.retry(first, again, decide, lambda *_: None) is stream

    run(main())
    assert asked == [1]


def test_the_given_sleep_waits() -> None:
    slept: list[float] = []

    async def sleep(wait_s: float) -> None:
        slept.append(wait_s)

    async def again(tries: int) -> Attempt:
        return attempt(Outcome.OK if tries == 3 else Outcome.TRANSIENT)

    def decide(last: Attempt, tries: int) -> Again | Stop:
        return Stop(None) if last.outcome is Outcome.OK else Again(float(tries))

    async def main() -> None:
        await retrying.retry(attempt(Outcome.TRANSIENT), again, decide, lambda *_: None, sleep)
        assert now_ns() == 0

    run(main())
    assert slept == [1.0, 2.0]


def test_many_attempts_need_no_stop_of_tenacitys() -> None:
    last, _, end_ns = _play([Outcome.TRANSIENT] * 200 + [Outcome.OK], [1.0] * 200)
    assert last is not None
    assert (last.number, end_ns) == (201, 200 * 10**9)


def test_calls_at_once_keep_their_own_numbers() -> None:
    async def main() -> None:
        rig = Rig(policy())
        ends = [[BROKEN] * (index % 3) + [OK] for index in range(30)]
        states = await asyncio.gather(*(rig.call(*e, call_id=i) for i, e in enumerate(ends)))
        assert [state.attempts for state in states] == [index % 3 + 1 for index in range(30)]
        for index in range(30):
            waits = [w.duration_ns for w in rig.of(Waited) if w.call_id == index]
            assert waits == [1_000_000_000, 2_000_000_000][: index % 3]

    run(main())


def test_tenacity_is_not_entered_for_a_first_success(monkeypatch: pytest.MonkeyPatch) -> None:
    entered: list[int] = []
    real = retrying.AsyncRetrying

    def counting(*args: object, **kwargs: object) -> object:
        entered.append(1)
        return real(*args, **kwargs)

    monkeypatch.setattr(retrying, "AsyncRetrying", counting)

    async def main() -> None:
        rig = Rig(policy())
        for _ in range(10):
            await rig.call(OK)
        assert entered == []
        await rig.call(BROKEN, OK)
        assert entered == [1]
        await rig.call(End(Outcome.FATAL))

    run(main())


def test_decide_is_asked_once_an_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    async def main() -> None:
        rig = Rig(policy())
        real = rig.pipeline._decide

        def counting(call: CallState, last: Attempt, tries: int) -> Again | Stop:
            asked.append(tries)
            return real(call, last, tries)

        monkeypatch.setattr(rig.pipeline, "_decide", counting)
        await rig.call(BROKEN, BROKEN, BROKEN)

    run(main())
    assert asked == [1, 2, 3]
