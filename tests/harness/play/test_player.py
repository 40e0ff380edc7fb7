"""The player, in virtual time: instants, endings, and one record an arrival whatever the task does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count

import numpy as np
import pytest

from harness.client import next_tag
from harness.errors import Throttled
from harness.model import CallFinished, Outcome
from harness.play.context import current_arrival
from harness.play.player import STEP, Player
from harness.play.tally import Tally
from harness.sim.loop import now_ns, run
from harness.units import NS
from harness.workload.schedule import Arrival

Body = Callable[[], Awaitable[object]]


class Every:
    """An arrival every `gap_s` seconds."""

    def __init__(self, gap_s: float, number: int, length_s: float) -> None:
        self.at_ns = (np.arange(number) * gap_s * NS).astype(np.int64)
        self.length_ns = round(length_s * NS)

    def arrival(self, call_id: int) -> Arrival:
        return Arrival(call_id, int(self.at_ns[call_id]), "shop-001", "caption", "prompt", 100)

    def curve_points(self) -> list[list[float]]:
        return []


class Stage:
    """A player with everything it tells written down."""

    def __init__(self, lead_s: float = 1.0) -> None:
        self.tally = Tally()
        self.records: list[CallFinished] = []
        self.errors: list[Exception] = []
        self.started: list[tuple[int, float]] = []
        self.origin_ns = now_ns() + round(lead_s * NS)
        self.player = Player(self.tally, self.origin_ns, self.records.append, self.errors.append, now_ns)

    def body(self, service_s: float = 0.0, error: Exception | None = None) -> Callable[[int], Body]:
        """A task that takes its tag as the client does, waits, and may fail."""

        def choose(call_id: int) -> Body:
            async def task() -> None:
                tags = next_tag.get()
                assert tags is not None
                assert tags().call_id == call_id
                self.started.append((call_id, (now_ns() - self.origin_ns) / NS))
                await asyncio.sleep(service_s)
                if error is not None:
                    raise error

            return task

        return choose


def test_arrivals_start_at_their_instants_and_do_not_wait_for_replies() -> None:
    async def main() -> Stage:
        stage = Stage()
        schedule = Every(0.5, 6, 3.0)
        await stage.player.open_loop(schedule, range(6), 10 * NS, stage.body(service_s=60))
        assert await stage.player.drain(100) == 0
        return stage

    stage = run(main())
    assert stage.started == [(n, n * 0.5) for n in range(6)]
    assert stage.tally.scheduled == 6
    assert stage.tally.arrivals_end_ns == 3 * NS


def test_a_worker_plays_its_own_ids_only() -> None:
    async def main() -> Stage:
        stage = Stage()
        await stage.player.open_loop(Every(0.5, 6, 3.0), range(1, 6, 2), 10 * NS, stage.body())
        return stage

    assert [call_id for call_id, _ in run(main()).started] == [1, 3, 5]


def test_no_arrival_is_later_than_the_run_time() -> None:
    async def main() -> Stage:
        stage = Stage()
        await stage.player.open_loop(Every(1.0, 100, 100.0), range(100), 5 * NS, stage.body())
        return stage

    stage = run(main())
    assert [at_s for _, at_s in stage.started] == [0, 1, 2, 3, 4, 5]
    assert stage.tally.arrivals_end_ns == 5 * NS


def test_a_stop_ends_arrivals_and_hurries_the_drain() -> None:
    async def main() -> tuple[Stage, float]:
        stage = Stage()
        playing = asyncio.create_task(
            stage.player.open_loop(Every(1.0, 100, 100.0), range(100), 100 * NS, stage.body(service_s=1000))
        )
        await asyncio.sleep(4.5)  # 3.5 s into the run
        stage.player.stop(2.0)
        await playing
        assert await stage.player.drain(60.0) == 0
        return stage, (now_ns() - stage.origin_ns) / NS

    stage, ended_s = run(main())
    assert [call_id for call_id, _ in stage.started] == [0, 1, 2, 3]
    assert stage.tally.arrivals_end_ns == round(3.5 * NS)
    assert 5.5 <= ended_s <= 5.7


def test_a_stop_before_the_first_arrival_starts_nothing() -> None:
    async def main() -> Stage:
        stage = Stage(lead_s=5)
        playing = asyncio.create_task(
            stage.player.open_loop(Every(1.0, 10, 10.0), range(10), 10 * NS, stage.body())
        )
        await asyncio.sleep(1)
        stage.player.stop(2.0)
        await playing
        return stage

    stage = run(main())
    assert stage.started == []
    assert stage.tally.scheduled == 0


def test_a_task_that_outlasts_the_grace_is_cancelled() -> None:
    async def main() -> Stage:
        stage = Stage()
        await stage.player.open_loop(Every(1.0, 3, 3.0), range(3), 3 * NS, stage.body(service_s=1e6))
        assert await stage.player.drain(10.0) == 0
        return stage

    assert len(run(main()).started) == 3


def test_a_closed_loop_waits_for_its_reply_and_its_pause() -> None:
    async def main() -> Stage:
        stage = Stage()
        ids = count(0, 2)
        choose = stage.body(service_s=2)

        def arrival(call_id: int) -> Arrival:
            return Arrival(call_id, None, "shop", "caption", "prompt", 100)

        await stage.player.closed_loop(ids, arrival, 9 * NS, choose, lambda: 1.0, lambda: True)
        await stage.player.until(9 * NS)
        return stage

    stage = run(main())
    assert stage.started == [(0, 0.0), (2, 3.0), (4, 6.0)]
    assert stage.tally.arrivals_end_ns == 9 * NS


def test_a_task_that_makes_no_call_leaves_a_record() -> None:
    async def nothing() -> None:
        return

    async def main() -> Stage:
        stage = Stage()
        await stage.player.open_loop(Every(1.0, 2, 2.0), range(2), 2 * NS, lambda _: nothing)
        await stage.player.drain(1)
        return stage

    stage = run(main())
    calls = [event.call for event in stage.records]
    assert [(c.call_id, c.outcome, c.attempts) for c in calls] == [
        (n, Outcome.CANCELLED, 0) for n in range(2)
    ]
    assert calls[1].intended_ns == stage.origin_ns + NS
    assert calls[0].detail == "the task made no call"


def test_an_exception_of_the_user_is_told_and_the_arrival_still_recorded() -> None:
    async def broken() -> None:
        raise ZeroDivisionError("mine")

    async def main() -> Stage:
        stage = Stage()
        await stage.player.open_loop(Every(1.0, 1, 1.0), range(1), NS, lambda _: broken)
        await stage.player.drain(1)
        return stage

    stage = run(main())
    assert [str(e) for e in stage.errors] == ["mine"]
    assert [event.call.detail for event in stage.records] == ["the task raised ZeroDivisionError"]


def test_a_call_that_failed_is_no_error_of_the_user() -> None:
    async def main() -> Stage:
        stage = Stage()
        choose = stage.body(error=Throttled("429"))
        await stage.player.open_loop(Every(1.0, 1, 1.0), range(1), NS, choose)
        await stage.player.drain(1)
        return stage

    stage = run(main())
    assert stage.errors == []
    assert stage.records == []  # the client's own record is the one


def test_further_calls_of_a_task_get_ids_of_their_own_and_are_scheduled() -> None:
    tags = []

    async def twice() -> None:
        source = next_tag.get()
        assert source is not None
        tags.extend([source(), source(), source()])
        assert current_arrival.get() is not None

    async def main() -> Stage:
        stage = Stage()
        await stage.player.open_loop(Every(1.0, 6, 6.0), range(5, 6), 6 * NS, lambda _: twice)
        await stage.player.drain(1)
        return stage

    stage = run(main())
    assert [tag.call_id for tag in tags] == [5, 5 + STEP, 5 + 2 * STEP]
    assert stage.tally.scheduled == 3


def test_lag_is_what_the_loop_was_late() -> None:
    async def main() -> list[float]:
        stage = Stage()
        notes: list[float] = []
        watch = asyncio.create_task(stage.player.watch_lag(lambda _, late_s: notes.append(late_s)))
        await asyncio.sleep(1.05)
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        return notes

    notes = run(main())
    assert len(notes) == 10
    assert max(notes) < 1e-6


def test_a_stop_cuts_off_what_comes_before_arrivals_and_none_is_due_after_it() -> None:
    async def main() -> Stage:
        stage = Stage()

        async def play() -> None:
            await stage.player.beforehand(asyncio.sleep(1000))
            await stage.player.open_loop(Every(1.0, 100, 100.0), range(100), 100 * NS, stage.body())

        playing = asyncio.create_task(play())
        await asyncio.sleep(3.5)  # 2.5 s into the run
        stage.player.stop(2.0)
        await playing
        await stage.player.drain(60.0)
        return stage

    stage = run(main())
    assert [call_id for call_id, _ in stage.started] == [0, 1, 2]
    assert stage.tally.scheduled == 3
    assert stage.tally.arrivals_end_ns == round(2.5 * NS)


def test_what_comes_before_arrivals_may_fail() -> None:
    async def fail() -> None:
        raise RuntimeError("no key")

    async def main() -> None:
        with pytest.raises(RuntimeError, match="no key"):
            await Stage().player.beforehand(fail())

    run(main())


def test_no_task_is_cancelled_before_its_first_step_which_would_leave_no_record() -> None:
    async def main() -> Stage:
        stage = Stage(lead_s=0)
        stage.player.stop(0.0)
        await stage.player.open_loop(Every(1.0, 1, 1.0), range(1), 10 * NS, stage.body(service_s=60))
        await stage.player.drain(60.0)
        return stage

    stage = run(main())
    assert stage.tally.scheduled == 1
    assert [call_id for call_id, _ in stage.started] == [0]
