"""One worker's part of one run: its client, its records, its calls."""

from __future__ import annotations

import asyncio
import logging
import traceback
from functools import partial
from inspect import isawaitable
from itertools import count
from typing import Any

import gevent

from harness.bridge.architecture import Architecture, Caller, Part
from harness.bridge.collector import QuietCollector
from harness.bridge.driver import Driver
from harness.bridge.live.teller import Teller
from harness.bridge.loop_thread import LoopThread, Pending
from harness.bridge.options import Settings
from harness.bridge.plan import Plan
from harness.bridge.records import Records
from harness.bridge.statistics import Statistics
from harness.bridge.till import till_of
from harness.bridge.wires import Wires
from harness.client import next_tag
from harness.clock import cpu_ns, now_ns, origin_of
from harness.errors import HarnessError
from harness.model import Tag
from harness.play.offer import Offer
from harness.play.pacer import make_pacer
from harness.play.player import Body, Player
from harness.play.tally import Gathered, Tally
from harness.rng import stream
from harness.spending.purse import OVERDRAWN
from harness.spending.treasury import Grant
from harness.units import NS
from harness.workload.schedule import Schedule, Writer

#: Longest wait for calls under way after a Ctrl-C or a Stop in the web UI.
HURRY_S = 5.0

#: How many times its grace a worker may take to drain before it counts as lost.
PATIENCE = 3

PUMP_S = 0.1
#: In pumps. A worker that is killed loses what it had not written: half a second, and never a whole one.
FLUSH_EVERY = 5
TELL_EVERY = 5
SEND_EVERY = 10
CPU_EVERY = 10

#: Calls made in `on_start` are numbered from here, far above any schedule and its steps.
WARM_UP = 1 << 61

logger = logging.getLogger(__name__)


class Session:
    """Plays one worker's share. Made and used on the hub; its caller lives on the loop.

    Raises HarnessError when the run cannot begin here.
    """

    def __init__(
        self,
        environment: Any,
        thread: LoopThread,
        plan: Plan,
        index: int,
        settings: Settings,
        offer: Offer,
        architecture: Architecture,
        wires: Wires,
    ) -> None:
        self.tally = Tally()
        self.seed = settings.seed
        self.stream = settings.stream
        self._environment = environment
        self._thread = thread
        self._plan = plan
        self._ids = (index, len(plan.workers))
        self._offer = offer
        self._wires = wires
        self._main: Pending | None = None
        self._warmed = 0
        self._staying: set[int] = set()
        self._next_id = count(index, len(plan.workers))
        self._writer = Writer(settings.seed)
        origin_ns = origin_of(plan.started_unix_ns)
        self.records = Records(plan, index, origin_ns, wires.send)
        self._gathered = Gathered()
        self._player = Player(
            self.tally, origin_ns, self._gathered.listen, self._raise_later, now_ns, make_pacer
        )
        emit, note, stop = self._gathered.listen, self.records.note, self._player.stop
        self._till = till_of(plan, plan.workers[index], stop)
        part = Part(plan, index, settings, environment.parsed_options, emit, note, stop, self._till)
        self.caller: Caller = architecture.caller(part)
        self._teller = Teller(origin_ns, self.caller, wires.show) if plan.live else None
        self._errors: list[Exception] = []
        self._statistics = Statistics(environment)
        self._collector = QuietCollector(now_ns, self._note_pause)
        self._cpu_ns = cpu_ns()
        self._collector.start()
        if offer.schedule is None:  # a closed loop lasts its time even where no user was spawned
            self._main = self._thread.run(self._close_when(self._player.until(plan.until_ns)))
        self._pump = gevent.spawn(self._pump_forever)

    @property
    def over(self) -> bool:
        """Whether it does and tells no more."""
        return bool(self._pump.dead)

    def enter(self, user: Driver) -> None:
        """A Locust user was spawned: the one that drives an open loop, or one more of a closed loop."""
        self._staying.add(id(user))
        if self._offer.schedule is None:
            self._thread.run(self._loop(user))
        elif self._main is None:
            self._main = self._thread.run(self._close_when(self._open(user, self._offer.schedule)))

    def leave(self, user: Driver) -> None:
        """Locust takes a user away: in a closed loop it ends after its present call."""
        self._staying.discard(id(user))

    def stop(self, grace_s: float = HURRY_S) -> None:
        """No more arrivals; calls under way have `grace_s` to end."""
        if self._main is None:  # no user was spawned yet: there is nothing to drain
            self._main = self._thread.run(self._close_when(_nothing()))
        self._thread.call(self._player.stop, grace_s)

    def take(self, grant: Grant) -> None:
        """More of the budget, or the word that there is none."""
        if self._till is not None:
            self._thread.call(self._till.take, grant)

    def note(self, name: str, text: str, value: float) -> None:
        """A row of the events table, as of now."""
        self.records.note(now_ns(), name, value, text)

    def wait(self, timeout_s: float) -> None:
        """Wait, on the hub, until everything is drained and written."""
        with gevent.Timeout(timeout_s, False):
            self._pump.join()

    async def _open(self, user: Driver, schedule: Schedule) -> None:
        await self._player.beforehand(self._started(user))
        index, workers = self._ids
        ids = range(index, len(schedule.at_ns), workers)
        await self._player.open_loop(schedule, ids, self._plan.until_ns, partial(self._choose, user))

    async def _loop(self, user: Driver) -> None:
        try:
            await self._player.playing(self._started(user))
            await self._player.closed_loop(
                self._next_id,
                lambda call_id: self._writer.write(call_id, None),
                self._plan.until_ns,
                partial(self._choose, user),
                user.pause_s,
                lambda: id(user) in self._staying,
            )
        except Exception as error:  # noqa: BLE001 - the user's on_start or wait_time
            self._raise_later(error)

    async def _started(self, user: Driver) -> None:
        """The user's `on_start`, plain or async; calls it makes get ids of their own."""
        next_tag.set(self._warm_up)
        result = user.on_start()
        if isawaitable(result):
            await result

    def _warm_up(self) -> Tag:
        self.tally.scheduled += 1
        self._warmed += 1
        index, workers = self._ids
        return Tag(call_id=WARM_UP + index + workers * self._warmed, kind="on_start")

    async def _close_when(self, arrivals: Any) -> None:
        """The caller is opened; arrivals, then the drain; it is closed."""
        loop = asyncio.get_running_loop()
        watches = [
            loop.create_task(self._player.watch_lag(self._note_lag)),
            loop.create_task(self._collector.run()),
        ]
        try:
            async with self.caller:
                await arrivals
                stuck = await self._player.drain(self._plan.drain_s)
            if stuck:
                self.tally.degraded = f"{stuck} calls did not end when they were cancelled"
        finally:
            arrivals.close()  # never begun where the caller could not be opened
            for watch in watches:
                watch.cancel()

    def _choose(self, user: Driver, call_id: int) -> Body:
        """The user's task for a call: by weight, from (seed, call id)."""
        tasks = user.tasks
        pick = int(stream(self.seed, "task", call_id).random() * len(tasks)) if len(tasks) > 1 else 0
        return partial(tasks[pick], user)

    def _raise_later(self, error: Exception) -> None:
        """From the loop: an exception of the user's code, for the hub to report."""
        self._errors.append(error)

    def _pump_forever(self) -> None:
        """On the hub: carry over what the loop has gathered, until the run is over here."""
        turn = 0
        try:
            while self._main is None or not self._main.done:
                gevent.sleep(PUMP_S)
                turn += 1
                self._carry()
                self._look_into_till()
                if turn % FLUSH_EVERY == 0:
                    self._flush()
                if turn % TELL_EVERY == 0:
                    self._wires.tell(self.tally)
                if turn % SEND_EVERY == 0:
                    self._degrade(self.records.send())
                if turn % CPU_EVERY == 0:
                    self._note_cpu()
            self._note_cpu()
            self._carry()
        finally:
            self._collector.stop()
            self._finish(self._main)

    def _note_lag(self, at_ns: int, late_s: float) -> None:
        self.records.note(at_ns, "loop_lag", late_s)
        if self._teller is not None:
            self._teller.late(late_s)

    def _note_pause(self, at_ns: int, generation: int, pause_ns: int) -> None:
        self.records.note(at_ns, "gc_pause", pause_ns / NS, str(generation))

    def _note_cpu(self) -> None:
        before_ns, self._cpu_ns = self._cpu_ns, cpu_ns()
        self.records.note(now_ns(), "cpu", (self._cpu_ns - before_ns) / NS)

    def _carry(self) -> None:
        self._thread.relay_logs()
        events = self._gathered.take()
        self.records.extend(events)
        try:
            self._statistics.add(self.tally.count(events))
        except Exception as error:  # noqa: BLE001 - a listener's StopUser: there is no user to stop
            self._errors.append(error)
        if self._teller is not None:
            self._teller.hear(events, self.tally)
        while self._errors:
            raised = self._errors.pop(0)
            logger.error("%s", "".join(traceback.format_exception(raised)))
            self.tally.degraded = f"the scenario's own code raised {type(raised).__name__}: {raised}"
            self._environment.events.user_error.fire(
                user_instance=None, exception=raised, tb=raised.__traceback__
            )

    def _look_into_till(self) -> None:
        """Ask for more before there is none."""
        if self._till is None:
            return
        self.tally.spent = self._till.purse.spent.message()
        asked = self._till.purse.ask()
        if asked is not None:
            self._wires.ask(asked)

    def _flush(self) -> None:
        if self._degrade(self.records.flush()):
            self.stop()
        self.tally.recorded = self.records.counted

    def _degrade(self, why: str) -> bool:
        """Whether there is something that degrades the run."""
        self.tally.degraded = why or self.tally.degraded
        return bool(why)

    def _fail(self, error: BaseException) -> None:
        if isinstance(error, HarnessError):  # it says in a line what is wrong
            self.tally.degraded = str(error)
            logger.error("%s", error)
            return
        self.tally.degraded = f"the player failed: {type(error).__name__}: {error}"
        logger.error("%s", "".join(traceback.format_exception(error)))

    def _finish(self, main: Pending | None) -> None:
        if main is not None and main.error is not None:
            self._fail(main.error)
        self._degrade(self.records.close())
        if self._teller is not None:
            self._teller.end(self.tally)
        self.tally.recorded = self.records.counted
        self._degrade(self.records.deliver())
        if self._till is not None:  # what is still held was in flight when it was given up
            self.tally.spent = (self._till.purse.spent + self._till.purse.held).message()
            self.tally.exhausted = self._till.exhausted
            if self._till.purse.overdrawn:
                self.tally.degraded = OVERDRAWN
        self.tally.finished = True
        self._wires.tell(self.tally)


async def _nothing() -> None:
    """No arrivals."""
