"""Callers played against the core in virtual time, on one heap of events in whole microseconds.

Calls arrive when they arrive, however the others fare (open loop). A caller may lose patience, try again, and
leave its work behind; the core does with that what its profile says.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Self

from mockserver.core.decide import TICK_US, Core
from mockserver.core.decisions import Arrival, Decision, Generate, Start

S = 1_000_000

# What a caller sends as his n-th attempt.
Asking = Callable[[int], Arrival]

# Retries a budget saves up at most.
SAVED_RETRIES = 10


@dataclass(frozen=True, slots=True)
class Caller:
    """How every caller behaves: its patience with one attempt, and what it does after the n-th has failed.

    What is refused, by a limit or a fault, has failed at once. `budget`: so many retries one new call earns
    for all of them; None is no restraint.
    """

    timeout_us: int | None = None
    attempts: int = 1
    wait_us: Callable[[int], int] = lambda _failed: 0
    budget: float | None = None


@dataclass(slots=True)
class Call:
    """One logical call: when it came, when it was over for its caller, and how."""

    sent_us: int
    ended_us: int = 0
    ok: bool = False


@dataclass(slots=True)
class Try:
    """One attempt as the provider sees it: `ended_us` is when its work was over, whoever was still there.

    `gone` says that nobody waits for it: its caller has left, or has been answered.
    """

    asking: Asking
    arrival: Arrival
    sent_us: int
    decision: Decision
    started_us: int | None = None
    ended_us: int | None = None
    gone: bool = False


class Play:
    """One evening: `calls` by their ids, all `tries` in their order, and what was measured on the way."""

    def __init__(self, core: Core, caller: Caller) -> None:
        self.core = core
        self.calls: dict[int, Call] = {}
        self.tries: list[Try] = []
        self.now_us = 0
        self.inside_us = 0  # the integral over time of the number of requests in the system
        self.busy_us = 0  # the same of those that run
        self._caller = caller
        self._saved = 0.0
        self._by_ticket: dict[int, Try] = {}
        self._ticking = False
        self._order = count()
        self._events: list[tuple[int, int, Callable[[], None]]] = []

    def run(self, arrivals: Sequence[tuple[int, Asking]]) -> Self:
        """Until everything that was begun has ended."""
        for at_us, asking in arrivals:
            self._at(at_us, partial(self._call, asking))
        while self._events:
            at_us, _, happens = heappop(self._events)
            self.inside_us += (self.core.running + self.core.queued) * (at_us - self.now_us)
            self.busy_us += self.core.running * (at_us - self.now_us)
            self.now_us = at_us
            happens()
        return self

    def _at(self, at_us: int, happens: Callable[[], None]) -> None:
        heappush(self._events, (at_us, next(self._order), happens))

    def _call(self, asking: Asking) -> None:
        self.calls[asking(1).call] = Call(self.now_us)
        if self._caller.budget is not None:
            self._saved = min(SAVED_RETRIES, self._saved + self._caller.budget)
        self._send(asking, 1)

    def _send(self, asking: Asking, attempt: int) -> None:
        arrival = asking(attempt)
        decision = self.core.arrive(arrival, self.now_us)
        tried = Try(asking, arrival, self.now_us, decision)
        self.tries.append(tried)
        if not isinstance(decision, Generate):
            self._failed(tried)
            return
        self._by_ticket[decision.ticket] = tried
        if decision.start is not None:
            self._begin((decision.start,))
        elif not self._ticking and self.core.profile.capacity.background:
            self._tick_later()
        if self._caller.timeout_us is not None:
            self._at(self.now_us + self._caller.timeout_us, partial(self._lose_patience, tried))

    def _begin(self, starts: tuple[Start, ...]) -> None:
        for start in starts:
            self._by_ticket[start.ticket].started_us = self.now_us
            self._at(self.now_us + start.total_us, partial(self._end, start.ticket))

    def _end(self, ticket: int) -> None:
        tried = self._by_ticket.pop(ticket, None)
        if tried is None:
            return  # abandoned meanwhile
        tried.ended_us = self.now_us
        if not tried.gone:
            tried.gone = True
            self._over(tried, ok=True)
        self._begin(self.core.finish(ticket, self.now_us))

    def _lose_patience(self, tried: Try) -> None:
        if tried.gone or not isinstance(tried.decision, Generate):
            return
        if self.core.profile.capacity.abandon_when_client_gone:
            del self._by_ticket[tried.decision.ticket]
            tried.ended_us = self.now_us
            self._begin(self.core.abandon(tried.decision.ticket, self.now_us))
        self._failed(tried)

    def _failed(self, tried: Try) -> None:
        tried.gone = True
        attempt = tried.arrival.attempt
        if attempt == self._caller.attempts or not self._may_retry():
            self._over(tried, ok=False)
            return
        again = partial(self._send, tried.asking, attempt + 1)
        self._at(self.now_us + self._caller.wait_us(attempt), again)

    def _may_retry(self) -> bool:
        if self._caller.budget is None:
            return True
        allowed = self._saved >= 1
        self._saved -= allowed
        return allowed

    def _over(self, tried: Try, *, ok: bool) -> None:
        call = self.calls[tried.arrival.call]
        call.ended_us, call.ok = self.now_us, ok

    def _tick_later(self) -> None:
        self._ticking = True
        self._at(self.now_us + TICK_US, self._tick)

    def _tick(self) -> None:
        self._ticking = False
        self._begin(self.core.tick(self.now_us))
        if self.core.queued:
            self._tick_later()


def play(core: Core, arrivals: Sequence[tuple[int, Asking]], caller: Caller | None = None) -> Play:
    """The evening of these arrivals, to its last ending."""
    return Play(core, caller or Caller()).run(arrivals)


def poisson_us(random: Random, rate_per_s: float, from_s: float, to_s: float) -> Iterator[int]:
    """The instants of a Poisson process between two times."""
    at_s = from_s + random.expovariate(rate_per_s)
    while at_s < to_s:
        yield round(at_s * S)
        at_s += random.expovariate(rate_per_s)


def requests(instants_us: Sequence[int], prompt_tokens: int = 0) -> list[tuple[int, Asking]]:
    """A call at each of these instants, its length drawn by the profile."""
    return [
        (at_us, partial(Arrival, "/p", "m", "k", prompt_tokens, None, call))
        for call, at_us in enumerate(instants_us)
    ]
