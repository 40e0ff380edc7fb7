"""The core in virtual time: a generation takes its turn and its time, then its slot is free."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from harness.sim.loop import VirtualLoop
from mockserver.core.decide import TICK_US, Core
from mockserver.core.decisions import Generate, Start
from mockserver.core.pacing import events_due
from mockserver.units import NS_PER_US, US_PER_S
from reports.virtual.exchange import Exchange

Handler = Callable[[Exchange], None]


class Engine:
    """Waits where the core decides; `begun` is told of each generation that starts."""

    def __init__(self, core: Core, loop: VirtualLoop, begun: Handler) -> None:
        self.billed_tokens = 0  # prompts and what was written, for whomever
        self._core = core
        self._loop = loop
        self._begun = begun
        self._by_ticket: dict[int, Exchange] = {}
        self._ticking = False
        self._ticks = bool(core.profile.capacity.background)

    def now_us(self) -> int:
        """Virtual microseconds."""
        return self._loop.now_ns() // NS_PER_US

    def enter(self, exchange: Exchange) -> None:
        """A generation takes a slot, or its place in the queue."""
        generate = exchange.generate
        if generate is None:
            return
        self._by_ticket[generate.ticket] = exchange
        if generate.start is not None:
            self._begin(exchange, generate.start)
        elif self._ticks and not self._ticking:
            self._ticking = True
            self._loop.call_at((self.now_us() // TICK_US + 1) * TICK_US / US_PER_S, self._tick)

    def _tick(self) -> None:
        """Let those who wait start when the background load falls; at the server's own pace."""
        self._begin_all(self._core.tick(self.now_us()))
        self._ticking = self._core.queued > 0
        if self._ticking:
            self._loop.call_at((self.now_us() + TICK_US) / US_PER_S, self._tick)

    def _begin_all(self, starts: Iterable[Start]) -> None:
        for start in starts:
            exchange = self._by_ticket.get(start.ticket)
            if exchange is not None:
                self._begin(exchange, start)

    def _begin(self, exchange: Exchange, start: Start) -> None:
        exchange.start, exchange.started_us = start, self.now_us()
        self._begun(exchange)

    def at(self, exchange: Exchange, after_us: int, then: Handler) -> asyncio.TimerHandle:
        """Come back so long after the start of a generation."""
        return self._loop.call_at((exchange.started_us + after_us) / US_PER_S, then, exchange)

    def end(self, exchange: Exchange) -> Generate | None:
        """The generation is over: its slot is free, and the next in line begins."""
        exchange.timer = None  # it holds the exchange, too: a knot that only the collector would untie
        generate, exchange.generate = exchange.generate, None
        if generate is not None:
            del self._by_ticket[generate.ticket]
            self.billed_tokens += exchange.parsed.prompt_tokens + generate.spent_tokens
            self._begin_all(self._core.finish(generate.ticket, self.now_us()))
        return generate

    def drop(self, exchange: Exchange) -> None:
        """The work on a reply is dropped: its caller has left, or a fault broke it off."""
        cancel(exchange)
        generate, exchange.generate = exchange.generate, None
        if generate is not None:
            del self._by_ticket[generate.ticket]
            if exchange.start is not None:
                written = events_due(exchange.start, generate.tokens, self.now_us() - exchange.started_us)
                self.billed_tokens += exchange.parsed.prompt_tokens + written * generate.choices
            self._begin_all(self._core.abandon(generate.ticket, self.now_us()))


def cancel(exchange: Exchange) -> None:
    """Nothing more is to come of it by itself."""
    if exchange.timer is not None:
        exchange.timer.cancel()
        exchange.timer = None
