"""The core in real time: a generation takes its turn and its time, then its slot is free."""

import asyncio
from collections.abc import Iterable

from mockserver.clock import Clock
from mockserver.core.decide import TICK_US, Arrival, Core, Decision, Generate, Start
from mockserver.server.exchange import Exchange


class Engine:
    """Waits where the core decides."""

    def __init__(self, core: Core, clock: Clock) -> None:
        self.core = core
        self._clock = clock
        self._by_ticket: dict[int, Exchange] = {}

    def decide(self, arrival: Arrival) -> Decision:
        return self.core.arrive(arrival, self._clock.now_us())

    async def play(self, exchange: Exchange, decision: Generate) -> bool:
        """Take the time of a generation. False when it was ended early: there is nobody to answer."""
        exchange.completion_tokens = decision.tokens
        exchange.heeds_departure = self.core.profile.capacity.abandon_when_client_gone
        self._by_ticket[decision.ticket] = exchange
        if decision.start is not None:
            self._begin(exchange, decision.start)
        done = False
        try:
            done = await self._wait_through(exchange)
        finally:
            del self._by_ticket[decision.ticket]
            leave = self.core.finish if done else self.core.abandon
            self._start(leave(decision.ticket, self._clock.now_us()))
        return done

    async def tick_forever(self) -> None:
        """Let those who wait start when the background load falls."""
        while True:
            await asyncio.sleep(TICK_US / 1_000_000)
            if self.core.queued:
                self._start(self.core.tick(self._clock.now_us()))

    async def _wait_through(self, exchange: Exchange) -> bool:
        while exchange.start is None and not exchange.ended_early:
            await exchange.wait(None)
        if exchange.start is None or exchange.started_us is None:
            return False
        due_us = exchange.started_us + exchange.start.total_us
        while (left_us := due_us - self._clock.now_us()) > 0 and not exchange.ended_early:
            await exchange.wait(left_us)
        return not exchange.ended_early

    def _start(self, starts: Iterable[Start]) -> None:
        for start in starts:
            exchange = self._by_ticket.get(start.ticket)
            if exchange is not None:
                self._begin(exchange, start)
                exchange.wake()

    def _begin(self, exchange: Exchange, start: Start) -> None:
        exchange.start = start
        exchange.started_us = self._clock.now_us()
        exchange.drawn_us = start.total_us
