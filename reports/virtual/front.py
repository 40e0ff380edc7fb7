"""The server's front in virtual time: its kernel's backlog, and the door that lets connections in so fast."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from harness.sim.loop import VirtualLoop
from harness.sim.provider import Knock, Line
from mockserver.core.decide import Core
from mockserver.core.faults import REFUSE_SLICE_US
from mockserver.core.gate import Gate

NS_PER_US = 1_000
US_PER_S = 1_000_000

#: The server looks so often whether the clients of those it holds without reading them have left.
SWEEP_EVERY_US = 500_000

#: Linux takes one handshake more than the backlog holds (sk_acceptq_is_full: length > backlog).
_ONE_MORE = 1


class Front:
    """Which lines are served, when: `served` is called with each in order of arrival, and whether its client
    has left meanwhile. `forgotten` is told of those that are gone and will never be.

    As mockserver.server.front over a real socket: what the profile refuses, hangs or resets, how fast it
    accepts and how many it holds open. A handshake is done by the kernel, before anything is accepted.
    """

    def __init__(
        self,
        core: Core,
        loop: VirtualLoop,
        served: Callable[[Line, bool], None],
        forgotten: Callable[[Line], None],
    ) -> None:
        self._core = core
        self._loop = loop
        self._served = served
        self._forgotten = forgotten
        self._settings = core.profile.front
        self._gate = Gate(self._settings, self._now_us())
        self._limited = self._settings.connections_per_s > 0 or self._settings.max_open > 0
        self._faulty = bool(core.profile.connection_faults)
        self._refuses = any(rule.action == "refuse" for rule in core.profile.connection_faults)
        self._backlog: deque[Line] = deque()
        self._left: set[Line] = set()  # of those in the backlog
        self._open: set[Line] = set()
        self._held: set[Line] = set()  # of those that are open: nobody reads them
        self._waiting = False
        self._watching = False
        self._knocking: Line | None = None
        self.accepted = 0

    def knock(self, line: Line) -> Knock:
        """A first packet: what the kernel does with it."""
        if self._refuses and self._core.refusing(self._now_us()):
            self._stop_listening()
            return Knock.REFUSED
        if self._limited and len(self._backlog) >= self._settings.backlog + _ONE_MORE:
            return Knock.DROPPED
        self._knocking = line
        if not self._limited:
            self._accept(line)
            return self._opened()
        self._backlog.append(line)
        self._let_in()
        if self._refuses and self._backlog and not self._watching:
            self._watch()
        return self._opened()

    def _opened(self) -> Knock:
        """What a line is told that has just knocked, and may have been reset at once."""
        reset, self._knocking = self._knocking is None, None
        return Knock.RESET if reset else Knock.OPENED

    def left(self, line: Line) -> None:
        """A line is gone; one that waits in the backlog is accepted all the same, later."""
        if line in self._held:
            self._loop.call_at(_next_us(self._now_us(), SWEEP_EVERY_US) / US_PER_S, self._swept, line)
        elif line in self._open:
            self._open.discard(line)
            self._let_in()
        elif line in self._backlog:
            self._left.add(line)

    def _swept(self, line: Line) -> None:
        """It is noticed that the client of a held line has left."""
        self._held.discard(line)
        self._open.discard(line)
        self._let_in()

    def _let_in(self) -> None:
        """Accept what the gate allows now, and come back when it allows more."""
        if self._waiting:
            return
        while self._backlog:
            if self._settings.max_open and len(self._open) >= self._settings.max_open:
                return  # until one closes
            wait_us = self._gate.wait_us(self._now_us())
            if wait_us > 0:
                self._waiting = True
                self._loop.call_later(wait_us / US_PER_S, self._again)
                return
            self._accept(self._backlog.popleft())

    def _again(self) -> None:
        self._waiting = False
        if self._refuses and self._core.refusing(self._now_us()):
            self._stop_listening()
        self._let_in()

    def _watch(self) -> None:
        """As long as somebody waits, look in every slice of time whether they are to be reset."""
        if self._core.refusing(self._now_us()):
            self._stop_listening()
        self._watching = bool(self._backlog)
        if self._watching:
            origin_us = self._core.clock.origin_us
            at_us = origin_us + _next_us(self._now_us() - origin_us, REFUSE_SLICE_US)
            self._loop.call_at(at_us / US_PER_S, self._watch)

    def _accept(self, line: Line) -> None:
        now_us = self._now_us()
        rule, left = None, line in self._left
        self._left.discard(line)
        if self._limited:
            self._gate.enter(now_us)
        if self._faulty:
            rule = self._core.connect(self.accepted, now_us)
        self.accepted += 1
        if self._limited and not left and (rule is None or rule.action == "hang"):
            self._open.add(line)
        if rule is None:
            self._served(line, left)
        elif left:
            self._forgotten(line)
        elif rule.action == "reset" and line is self._knocking:
            self._knocking = None  # over sockets, too, the client mostly finds it gone before it can send
        elif rule.action == "reset":
            self._loop.call_soon(line.reset)
        elif self._limited:
            self._held.add(line)

    def _stop_listening(self) -> None:
        """What waits in the backlog is reset by the kernel."""
        while self._backlog:
            line = self._backlog.popleft()
            if line in self._left:
                self._forgotten(line)
            else:
                self._loop.call_soon(line.reset)
        self._left.clear()

    def _now_us(self) -> int:
        return self._loop.now_ns() // NS_PER_US


def _next_us(now_us: int, every_us: int) -> int:
    """The next whole multiple."""
    return (now_us // every_us + 1) * every_us
