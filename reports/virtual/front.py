"""The server's front in virtual time: the door that lets connections in so fast, and who is turned away."""

from __future__ import annotations

from collections.abc import Callable

from harness.sim.loop import VirtualLoop
from harness.sim.provider import Knock, Line
from mockserver.core.decide import Core
from mockserver.core.faults import REFUSE_SLICE_US
from mockserver.core.gate import Gate
from mockserver.units import NS_PER_US, US_PER_S
from reports.virtual.handshakes import Handshakes

#: The server looks so often whether the clients of those it holds without reading them have left.
SWEEP_EVERY_US = 500_000


class Front:
    """Which lines are served, when: `served` is called with each in order of arrival, and whether its client
    has left meanwhile. `forgotten` is told of those that are gone and will never be.

    As mockserver.server.front over a real socket: what the profile refuses, hangs or resets, how fast it
    accepts and how many it holds open. Handshakes are done by the kernel, before anything is accepted.
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
        self._kernel = Handshakes(self._settings.backlog, loop, self._let_in, self._reset)
        self._left: set[Line] = set()  # of those in the kernel
        self._unheard: dict[Line, bool] = {}  # accepted before their request was there: whether they left
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
            self._kernel.left(line)
            return Knock.REFUSED
        self._knocking = line
        if not self._limited:
            self._accept(line)
        elif not self._kernel.knock(line):
            self._knocking = None
            return Knock.DROPPED
        if self._refuses and not self._watching and not self._kernel.idle:
            self._watch()
        return self._opened()

    def _opened(self) -> Knock:
        """What a line is told that has just knocked, and may have been reset at once."""
        reset, self._knocking = self._knocking is None, None
        return Knock.RESET if reset else Knock.OPENED

    def left(self, line: Line) -> bool:
        """A line is gone: whether the server will have to do with it all the same, later.

        One that waits in the kernel is accepted; one whose request is still to come is open until then.
        """
        if line in self._unheard:
            self._unheard[line] = True
            return True
        if line in self._held:
            self._loop.call_at(_next_us(self._now_us(), SWEEP_EVERY_US) / US_PER_S, self._swept, line)
        elif line in self._open:
            self._open.discard(line)
            self._let_in()
        elif self._limited and self._kernel.left(line):
            self._left.add(line)
            return True
        return False

    def _swept(self, line: Line) -> None:
        """It is noticed that the client of a held line has left."""
        self._held.discard(line)
        self._open.discard(line)
        self._let_in()

    def _let_in(self) -> None:
        """Accept what the gate allows now, and come back when it allows more."""
        if self._waiting:
            return
        while self._kernel.waiting:
            if self._settings.max_open and len(self._open) >= self._settings.max_open:
                return  # until one closes
            wait_us = self._gate.wait_us(self._now_us())
            if wait_us > 0:
                self._waiting = True
                self._loop.call_later(wait_us / US_PER_S, self._again)
                return
            self._accept(*self._kernel.accept())

    def _again(self) -> None:
        self._waiting = False
        if self._refuses and self._core.refusing(self._now_us()):
            self._stop_listening()
        self._let_in()

    def _watch(self) -> None:
        """As long as somebody waits, look in every slice of time whether they are to be reset."""
        if self._core.refusing(self._now_us()):
            self._stop_listening()
        self._watching = not self._kernel.idle
        if self._watching:
            origin_us = self._core.clock.origin_us
            at_us = origin_us + _next_us(self._now_us() - origin_us, REFUSE_SLICE_US)
            self._loop.call_at(at_us / US_PER_S, self._watch)

    def _accept(self, line: Line, request_s: float = 0.0) -> None:
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
        if rule is None and request_s > self._loop.time():
            self._unheard[line] = left
            self._loop.call_at(request_s, self._hear, line)
        elif rule is None:
            self._served(line, left)
        elif left:
            self._forgotten(line)
        elif rule.action == "reset" and line is self._knocking:
            self._knocking = None  # over sockets, too, the client mostly finds it gone before it can send
        elif rule.action == "reset":
            self._loop.call_soon(line.reset)
        elif self._limited:
            self._held.add(line)

    def _hear(self, line: Line) -> None:
        """The request of a line that was accepted without it; and its end, if its client has left."""
        left = self._unheard.pop(line)
        self._served(line, left)
        if left:
            self._open.discard(line)
            self._let_in()

    def _stop_listening(self) -> None:
        """What waits to be accepted is reset by the kernel."""
        for line in self._kernel.close():
            self._reset(line)

    def _reset(self, line: Line) -> None:
        if line in self._left:
            self._left.discard(line)
            self._forgotten(line)
        else:
            self._loop.call_soon(line.reset)

    def _now_us(self) -> int:
        return self._loop.now_ns() // NS_PER_US


def _next_us(now_us: int, every_us: int) -> int:
    """The next whole multiple."""
    return (now_us // every_us + 1) * every_us
