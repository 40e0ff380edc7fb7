"""The core in real time: a generation takes its turn and its time, then its slot is free."""

import asyncio
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from mockserver.clock import Clock
from mockserver.core.decide import TICK_US, Core
from mockserver.core.decisions import Arrival, Decision, Generate, Start
from mockserver.core.pacing import due_us, events_due
from mockserver.core.policeman import Early
from mockserver.rules import RequestRule
from mockserver.server.exchange import Exchange
from mockserver.units import US_PER_S


def _never() -> bool:
    return False


class Engine:
    """Waits where the core decides."""

    def __init__(self, core: Core, clock: Clock) -> None:
        self.core = core
        self.clock = clock
        self._by_ticket: dict[int, Exchange] = {}

    def decide(self, arrival: Arrival) -> Decision:
        return self.core.arrive(arrival, self.clock.now_us())

    def early(self, arrival: Arrival) -> Early:
        """Whether this request comes before it was told to; to be asked before it is decided on."""
        return self.core.early(arrival, self.clock.now_us())

    def fault(self, arrival: Arrival) -> RequestRule | None:
        """The injected fault of a request for which nothing is generated."""
        return self.core.fault(arrival, self.clock.now_us())

    async def pause(self, exchange: Exchange, us: int) -> None:
        """Wait that long, whoever leaves meanwhile."""
        due_us = self.clock.now_us() + us
        while self.clock.now_us() < due_us and exchange.cut is None:
            await exchange.wait(due_us)

    def turn(self, exchange: Exchange, decision: Generate) -> "Turn":
        """The turn of a generation. It has to be taken in the same step as the decision, for it may start at
        any moment from then on, and to be left, as only that frees the slot.
        """
        exchange.planned_tokens = decision.spent_tokens
        exchange.heeds_departure = self.core.profile.capacity.abandon_when_client_gone
        self._by_ticket[decision.ticket] = exchange
        if decision.start is not None:
            self._begin(exchange, decision.start)
        return Turn(self, exchange, decision)

    def leave(self, ticket: int, *, done: bool) -> None:
        del self._by_ticket[ticket]
        end = self.core.finish if done else self.core.abandon
        self._start(end(ticket, self.clock.now_us()))

    async def tick_forever(self) -> None:
        """Let those who wait start when the background load falls."""
        while True:
            await asyncio.sleep(TICK_US / US_PER_S)
            if self.core.queued:
                self._start(self.core.tick(self.clock.now_us()))

    def _start(self, starts: Iterable[Start]) -> None:
        for start in starts:
            exchange = self._by_ticket.get(start.ticket)
            if exchange is not None:
                self._begin(exchange, start)
                exchange.wake()

    def _begin(self, exchange: Exchange, start: Start) -> None:
        exchange.start = start
        exchange.started_us = self.clock.now_us()
        exchange.drawn_us = start.total_us
        exchange.completion_tokens = exchange.planned_tokens


class Turn:
    """A generation from its place in the queue to its end; leaving it before `to_the_end` drops the work.

    Each wait returns False when the exchange has ended early: there is nobody to answer.
    """

    __slots__ = ("_decision", "_done", "_engine", "_exchange")

    def __init__(self, engine: Engine, exchange: Exchange, decision: Generate) -> None:
        self._engine = engine
        self._exchange = exchange
        self._decision = decision
        self._done = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._engine.leave(self._decision.ticket, done=self._done)

    def over_at_once(self) -> bool:
        """Whether there is nothing to wait for, neither for a slot nor for a token: then it has been left."""
        start = self._exchange.start
        if start is None or start.total_us > 0:
            return False
        self._engine.leave(self._decision.ticket, done=True)
        return True

    async def to_the_first_token(self) -> bool:
        start = self._exchange.start or await self._begun()
        return start is not None and await self._until(start.first_us)

    async def to_the_end(self) -> bool:
        start = self._exchange.start or await self._begun()
        self._done = start is not None and await self._until(start.total_us)
        return self._done

    async def to_event(self, index: int) -> bool:
        """Until content event `index` is due; with the number of the tokens, until the end."""
        if index >= self._decision.tokens:
            return await self.to_the_end()
        start = self._exchange.start or await self._begun()
        return start is not None and await self._until(due_us(start, index))

    async def until(self, ready: Callable[[], bool]) -> bool:
        """Until something that wakes the exchange makes it so, or the generation is over."""
        start = self._exchange.start or await self._begun()
        return start is not None and await self._until(start.total_us, ready)

    def events_due(self) -> int:
        """How many content events are due by now."""
        start, started_us = self._exchange.start, self._exchange.started_us
        if start is None or started_us is None:
            return 0
        return events_due(start, self._decision.tokens, self._engine.clock.now_us() - started_us)

    async def _begun(self) -> Start | None:
        exchange = self._exchange
        while exchange.start is None and not exchange.ended_early:
            await exchange.wait(None)
        return exchange.start

    async def _until(self, us: int, ready: Callable[[], bool] = _never) -> bool:
        """Until so long after the start of the generation, or until it is `ready`."""
        exchange, clock = self._exchange, self._engine.clock
        due = (exchange.started_us or 0) + us
        while clock.now_us() < due and not exchange.ended_early and not ready():
            await exchange.wait(due)
        return not exchange.ended_early
