"""The front: accepts new connections only so fast, so that a saturated one is felt as a connect timeout.

It models the TLS and NAT budget of a provider's edge. While it does not accept, the kernel's listen backlog
fills; when that is full the kernel drops further SYNs, and callers see genuine connect timeouts. A kept-alive
connection costs nothing here, one new connection a request does.
"""

import asyncio
import errno
import socket
import ssl
import struct
from dataclasses import dataclass

from mockserver.clock import Clock
from mockserver.core.decide import Core
from mockserver.core.faults import REFUSE_SLICE_US
from mockserver.core.gate import Gate
from mockserver.errors import ListenError
from mockserver.http.connection import drop_socket, left
from mockserver.profile import FrontSettings
from mockserver.rules import ConnectionAction
from mockserver.server.connections import Connections
from mockserver.server.listener import Listener
from mockserver.units import US_PER_S

# So that a flood of connections does not keep the loop from those it has.
ACCEPTS_A_TURN = 64
SWEEP_EVERY_S = 0.5
# After a failed accept (out of file descriptors): long enough not to spin.
PAUSE_AFTER_ERROR_S = 0.1

# Offset of tcpi_unacked in Linux's struct tcp_info; of a listening socket it is the length of the backlog.
_BACKLOG_OFFSET = 24


@dataclass(slots=True)
class FrontCounts:
    """Connections since the last reset."""

    accepted: int = 0
    accept_errors: int = 0
    hung: int = 0
    reset: int = 0


class Front:
    """Owns the listening socket."""

    def __init__(
        self,
        listener: Listener,
        core: Core,
        clock: Clock,
        connections: Connections,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._listener = listener
        self._tls = tls
        self._core = core
        self._clock = clock
        self._connections = connections
        self._settings = core.profile.front
        self._gate = Gate(self._settings, clock.now_us())
        self._held: list[socket.socket] = []
        self._opening: set[asyncio.Task[object]] = set()
        self._reading: socket.socket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.counts = FrontCounts()
        connections.on_closed = self._resume

    @property
    def open(self) -> int:
        """Connections that are open, those held without being read included."""
        return self._connections.open + len(self._opening) + len(self._held)

    @property
    def waiting(self) -> int | None:
        """Connections in the kernel's backlog; None where the kernel does not tell."""
        listening = self._listener.listening
        if listening is None or not hasattr(socket, "TCP_INFO"):
            return None
        info = listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BACKLOG_OFFSET + 4)
        return int(struct.unpack_from("I", info, _BACKLOG_OFFSET)[0])

    def start(self) -> None:
        self._listener.open(self._settings.backlog)
        self._resume()

    def stop(self) -> None:
        """Stop listening; what waits in the backlog is reset by the kernel."""
        self._pause(None)
        self._listener.close()
        self._drop_held()
        for task in self._opening:
            task.cancel()  # a handshake that is still under way

    def configure(self, settings: FrontSettings) -> None:
        """Other numbers from now on; open connections stay."""
        if settings == self._settings:
            return
        self._settings = settings
        self._gate = Gate(settings, self._clock.now_us())
        self._pause(None)
        self._listener.open(settings.backlog)
        self._resume()

    def reset(self) -> None:
        """Drop the connections that are held, count again from 0, and fill the burst."""
        self._drop_held()
        self.counts = FrontCounts()
        self._gate = Gate(self._settings, self._clock.now_us())
        self._pause(None)
        self._resume()

    async def sweep_forever(self) -> None:
        """Let go of held connections whose peer has left: nobody reads them, so nothing else would tell."""
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            self._connections.sweep()
            if self._held:
                self._sweep()

    async def refuse_forever(self) -> None:
        """Listen or not, as the rules say."""
        while True:
            await asyncio.sleep(REFUSE_SLICE_US / US_PER_S)
            refusing = self._core.refusing(self._clock.now_us())
            if refusing and self._listener.listening is not None:
                self._pause(None)
                self._listener.refuse()
            elif not refusing and self._listener.listening is None:
                self._listen_again()

    def _listen_again(self) -> None:
        try:
            self._listener.open(self._settings.backlog)
        except OSError as error:
            where = f"port {self._listener.port}"
            raise ListenError(
                f"cannot listen on {where} again: {error.strerror}; another server took it during the outage"
            ) from error
        self._resume()

    def _on_readable(self) -> None:
        for _ in range(ACCEPTS_A_TURN):
            if self._settings.max_open and self.open >= self._settings.max_open:
                self._pause(None)  # until a connection closes
                return
            wait_us = self._gate.wait_us(self._clock.now_us())
            if wait_us > 0:
                self._pause(wait_us / US_PER_S)
                return
            if not self._accept():
                return

    def _accept(self) -> bool:
        """Take one connection; False when there is none to take now."""
        if self._reading is None:
            return False
        try:
            sock, _ = self._reading.accept()
        except BlockingIOError:
            return False
        except OSError as error:
            self.counts.accept_errors += 1
            if error.errno != errno.ECONNABORTED:
                self._pause(PAUSE_AFTER_ERROR_S)
                return False
            return True
        now_us = self._clock.now_us()
        self._gate.enter(now_us)
        rule = self._core.connect(self.counts.accepted, now_us)
        self.counts.accepted += 1
        if rule is None:
            self._serve(sock)
        else:
            self._spoil(sock, rule.action)
        return True

    def _serve(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        loop = asyncio.get_running_loop()
        task: asyncio.Task[object] = loop.create_task(
            loop.connect_accepted_socket(self._connections, sock, ssl=self._tls)
        )
        self._opening.add(task)
        task.add_done_callback(self._opened)

    def _opened(self, task: asyncio.Task[object]) -> None:
        self._opening.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.counts.accept_errors += 1
        # While it was opening it may have been counted twice, and held back another.
        self._resume()

    def _spoil(self, sock: socket.socket, action: ConnectionAction) -> None:
        if action == "reset":
            self.counts.reset += 1
            drop_socket(sock)
        else:
            self.counts.hung += 1
            self._held.append(sock)

    def _sweep(self) -> None:
        gone = left(sock.fileno() for sock in self._held)
        for sock in self._held:
            if sock.fileno() in gone:
                drop_socket(sock)
        self._held = [sock for sock in self._held if sock.fileno() != -1]
        if gone:
            self._resume()

    def _drop_held(self) -> None:
        for sock in self._held:
            drop_socket(sock)
        self._held.clear()

    def _resume(self) -> None:
        """Accept again, unless the gate's own timer will say when."""
        listening = self._listener.listening
        if self._timer is None and self._reading is None and listening is not None:
            asyncio.get_running_loop().add_reader(listening, self._on_readable)
            self._reading = listening

    def _pause(self, wait_s: float | None) -> None:
        loop = asyncio.get_running_loop()
        if self._reading is not None:
            loop.remove_reader(self._reading)
            self._reading = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if wait_s is not None:
            self._timer = loop.call_later(max(wait_s, 0.001), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._resume()
