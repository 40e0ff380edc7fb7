"""Play arrivals on the event loop: open loop by the schedule's instants, closed loop one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeVar

import msgspec

from harness.client import next_tag
from harness.errors import CallError
from harness.model import Call, CallFinished, Outcome, StoppedBy, Tag
from harness.play.context import current_arrival
from harness.play.pacer import LoopPacer, MakePacer, Pacer
from harness.play.tally import Tally
from harness.units import NS
from harness.workload.schedule import Arrival, Schedule

T = TypeVar("T")

#: A user's task, bound to its user.
Body = Callable[[], Awaitable[object]]

#: So many arrivals are started in a row at most: who is behind would never let a reply be read.
BURST = 64

#: Instants taken from the schedule at once.
CHUNK = 4096

#: Between two looks at how late the loop is.
LAG_EVERY_S = 0.1

#: Longest wait for calls under way after the last arrival.
DRAIN_S = 60.0

#: Between two looks at whether a drain has to hurry.
DRAIN_LOOK_S = 0.1

#: Least pause of a closed loop after a call that was refused at once.
REFUSED_PAUSE_S = 0.1

#: How long a cancelled call may take to end.
CANCEL_S = 5.0

#: A task's first call carries its arrival's id; a further one the same id plus a multiple of this.
STEP = 1 << 40


class Player:
    """Starts a worker's calls and sees every one to its end.

    `origin_ns` is the clock's reading at the run's start. `emit` takes a record for a call whose task made
    none. `on_error` is told of exceptions in the user's own code.
    """

    def __init__(
        self,
        tally: Tally,
        origin_ns: int,
        emit: Callable[[CallFinished], None],
        on_error: Callable[[Exception], None],
        now_ns: Callable[[], int],
        make_pacer: MakePacer = LoopPacer,
    ) -> None:
        self._now_ns = now_ns
        self._make_pacer = make_pacer
        self._pacer: Pacer | None = None
        self._tally = tally
        self._origin_ns = origin_ns
        self._emit = emit
        self._on_error = on_error
        # A dict is an ordered set: those that outlast the drain are cancelled in the order they began.
        self._running: dict[asyncio.Task[Any], None] = {}
        self._stop = asyncio.Event()
        self._hurry_ns: int | None = None
        self._stopped_ns: int | None = None

    def stop(self, grace_s: float) -> None:
        """No more arrivals from now on, and at most `grace_s` for the calls under way."""
        if self._stopped_ns is None:
            self._stopped_ns = self._elapsed_ns()
        self._hurry_ns = self._now_ns() + round(grace_s * NS)
        self._stop.set()
        if self._pacer is not None:
            self._pacer.wake()

    async def open_loop(
        self, schedule: Schedule, ids: range, until_ns: int, choose: Callable[[int], Body]
    ) -> None:
        """Start calls `ids` at their instants, not waiting for replies, until `until_ns` or `stop`."""
        self._pacer = pacer = self._make_pacer()
        try:
            for number, (call_id, instant_ns) in enumerate(_instants(schedule, ids), 1):
                if instant_ns > until_ns or not await self._reached(instant_ns, pacer):
                    break
                if self._stopped_ns is not None and instant_ns > self._stopped_ns:
                    break
                self._start(schedule.arrival(call_id), choose(call_id))
                if number % BURST == 0:
                    await asyncio.sleep(0)
            await self._reached(min(until_ns, schedule.length_ns), pacer)
        finally:
            self._pacer = None
            pacer.close()
        self._note_end(until_ns)

    async def beforehand(self, work: Coroutine[Any, Any, None]) -> None:
        """Do what has to be done before any arrival. A stop cuts it off once its grace is over.

        Raises what the work raises.
        """
        task = asyncio.create_task(work)
        try:
            while not task.done() and (self._hurry_ns is None or self._now_ns() < self._hurry_ns):
                await asyncio.wait([task], timeout=DRAIN_LOOK_S)
        finally:
            task.cancel()
        await asyncio.wait([task], timeout=CANCEL_S)
        if task.done() and not task.cancelled():
            task.result()

    async def playing(self, work: Awaitable[T]) -> T:
        """Have the drain wait for some work of the present task, or cancel it, as it does for calls."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("only a task can be waited for")
        self._running[task] = None
        try:
            return await work
        finally:
            self._running.pop(task, None)

    async def closed_loop(
        self,
        ids: Iterator[int],
        arrival: Callable[[int], Arrival],
        until_ns: int,
        choose: Callable[[int], Body],
        pause_s: Callable[[], float],
        stays: Callable[[], bool],
    ) -> None:
        """One user: a call, its pause, the next call, until `until_ns` or `stop`, or it no longer `stays`.

        After a call that was refused before it sent anything the pause is at least REFUSED_PAUSE_S: an open
        breaker answers at once, and a user without a wait would ask it thousands of times a second.
        """
        await self._awaited(0)
        while stays() and not self._stop.is_set() and self._elapsed_ns() < until_ns:
            call_id = next(ids)
            self._tally.scheduled += 1
            refused = await self.playing(self._play(arrival(call_id), choose(call_id)))
            await self._sleep(max(pause_s(), REFUSED_PAUSE_S if refused else 0.0))

    async def until(self, until_ns: int) -> None:
        """Wait for the end of a closed loop's arrivals: its time, or `stop`."""
        await self._awaited(until_ns)
        self._stop.set()
        self._note_end(until_ns)

    async def drain(self, grace_s: float) -> int:
        """Wait for the calls under way, cancel those that outlast the grace; how many ignored even that."""
        give_up_ns = self._now_ns() + round(grace_s * NS)
        await asyncio.sleep(0)  # a task that is cancelled before its first step would leave no record
        while self._running and self._now_ns() < min(give_up_ns, self._hurry_ns or give_up_ns):
            # One of them: to wait for ten thousand at once costs milliseconds.
            await asyncio.wait([next(iter(self._running))], timeout=DRAIN_LOOK_S)
        for task in list(self._running):
            task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=CANCEL_S)
        return len(self._running)

    async def watch_lag(self, note: Callable[[int, float], None]) -> None:
        """Note how late the loop wakes a sleeper, for as long as the task lives."""
        while True:
            before_ns = self._now_ns()
            await asyncio.sleep(LAG_EVERY_S)
            late_s = (self._now_ns() - before_ns) / NS - LAG_EVERY_S
            note(self._now_ns(), max(0.0, late_s))

    def _note_end(self, until_ns: int) -> None:
        ended_ns = self._elapsed_ns() if self._stopped_ns is None else self._stopped_ns
        self._tally.arrivals_end_ns = max(self._tally.arrivals_end_ns, min(until_ns, ended_ns))

    def _elapsed_ns(self) -> int:
        return self._now_ns() - self._origin_ns

    async def _reached(self, instant_ns: int, pacer: Pacer) -> bool:
        """Wait for an instant of the run; False when stopped before it.

        What was already due when the stop came is still started: it was scheduled.
        """
        while (left_ns := instant_ns - self._elapsed_ns()) > 0:
            if self._stop.is_set():
                return False
            await pacer.sleep(left_ns)
        return True

    async def _awaited(self, at_ns: int) -> None:
        """Wait for an instant of the run, or for a stop, as long as nobody minds a millisecond."""
        while (left_ns := at_ns - self._elapsed_ns()) > 0 and not self._stop.is_set():
            await self._sleep(left_ns / NS)

    async def _sleep(self, seconds: float) -> None:
        """Sleep, or wake at the stop."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return

    def _start(self, arrival: Arrival, body: Body) -> None:
        self._tally.scheduled += 1
        task = asyncio.get_running_loop().create_task(self._play(arrival, body))
        self._running[task] = None
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.pop(task, None)

    async def _play(self, arrival: Arrival, body: Body) -> bool:
        """One task of the user's; its arrival leaves a record whatever the user's code does.

        Returns whether its call was refused before anything was sent.
        """
        steps = _Steps(arrival, self._origin_ns, self._tally, self._now_ns)
        current_arrival.set(arrival)
        next_tag.set(steps)
        detail, refused = "the task made no call", False
        try:
            await body()
        except CallError as error:  # the call's record says it
            refused = error.attempts == 0
        except asyncio.CancelledError:
            detail = "cancelled before the task made a call"
        except Exception as error:  # noqa: BLE001 - the user's code; Locust shows it as it shows its own users'
            detail = f"the task raised {type(error).__name__}"
            self._on_error(error)
        if not steps.taken:
            steps.taken = 1  # a call it left running is not this arrival's any more
            self._emit(CallFinished(_uncalled(steps.first, detail, self._now_ns())))
        return refused


def _instants(schedule: Schedule, ids: range) -> Iterator[tuple[int, int]]:
    """Call ids and their instants, as plain numbers: a thousand at a time, for numpy is slow to give one."""
    at_ns = schedule.at_ns
    for start in range(0, len(ids), CHUNK):
        some = ids[start : start + CHUNK]
        yield from zip(some, at_ns[some.start : some.stop : some.step].tolist(), strict=True)


class _Steps:
    """Tags for the calls of one task: the arrival's own for the first, derived ones for any further."""

    def __init__(self, arrival: Arrival, origin_ns: int, tally: Tally, now_ns: Callable[[], int]) -> None:
        self.taken = 0
        self._now_ns = now_ns
        self._tally = tally
        self.first = Tag(
            arrival.call_id,
            now_ns() if arrival.at_ns is None else origin_ns + arrival.at_ns,
            arrival.shop,
            arrival.kind,
            arrival.planned_prompt_tokens,
            arrival.planned_completion_tokens,
            reply_tokens=arrival.planned_completion_tokens,
        )

    def __call__(self) -> Tag:
        self.taken += 1
        if self.taken == 1:
            return self.first
        self._tally.scheduled += 1
        step_id = (self.first.call_id or 0) + STEP * (self.taken - 1)
        return msgspec.structs.replace(self.first, call_id=step_id, intended_ns=self._now_ns())


def _uncalled(tag: Tag, detail: str, at_ns: int) -> Call:
    """The record of an arrival whose task never reached the client."""
    intended_ns = tag.intended_ns or at_ns
    call_id = tag.call_id or 0
    return Call(
        call_id, intended_ns, at_ns, at_ns, Outcome.CANCELLED, StoppedBy.USER, 0, "", tag, detail=detail
    )
