"""One HTTP/1.1 connection: requests out, one after the other, replies in as the socket gives them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import cast

import httptools

from harness.model import Fault, Outcome
from harness.transport.base import TransportError
from harness.transport.fast.peek import has_input

#: Read ahead of a slow reader: beyond it the socket is left alone until the reader has caught up.
MOST_UNREAD_BYTES = 1 << 20

#: Largest head of a reply.
MOST_HEAD_BYTES = 1 << 16

_BODILESS = frozenset({204, 304})
_INFORMATIONAL = range(100, 200)

Lines = list[tuple[bytes, bytes]]


class Connection(asyncio.Protocol):
    """A connection between `send` and the end of each reply; `lost` is called once when it is gone.

    A reply's bytes wait here, each read of the socket apart and with its instant, until they are taken.
    `silence_s` bounds the time between two reads while a reply is awaited.
    """

    def __init__(
        self, silence_s: float, now_ns: Callable[[], int], lost: Callable[[Connection], None]
    ) -> None:
        self._silence_s = silence_s
        self._now_ns = now_ns
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._parser: httptools.HttpResponseParser  # while it is open: it holds us, and we it
        self._transport: asyncio.Transport
        self._descriptor = -1
        self._timer: asyncio.TimerHandle | None = None
        self.heard_s = 0.0  # when bytes last came, on the loop's clock
        self._woken: asyncio.Future[None] | None = None
        self._failure: tuple[Outcome, Fault, str] | None = None  # raised anew: an exception holds its frames
        self._body: list[bytes] = []  # of the present read
        self._reads: deque[tuple[bytes, int]] = deque()
        self._unread_bytes = 0
        self._held_back = False
        self._head_bytes = 0
        self.lines: Lines = []
        self.status = 0
        self.headers_ns = 0
        self.busy = False  # from `send` to the end of its reply
        self.turn = 0  # counts the requests sent
        self.closed = True  # until it is open
        self._keeps = True

    @property
    def reusable(self) -> bool:
        """Whether another request can be sent: the reply has ended, both sides stay, all was written."""
        return (
            not self.busy and not self.closed and self._keeps and not self._transport.get_write_buffer_size()
        )

    def pending(self) -> bool:
        """Whether the socket holds what nobody asked for, or its end, and asyncio has yet to look."""
        return has_input(self._descriptor)

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self.closed = False
        self._parser = httptools.HttpResponseParser(self)
        self._transport = cast("asyncio.Transport", transport)  # uvloop's derives from neither
        self._descriptor = transport.get_extra_info("socket").fileno()

    def data_received(self, data: bytes) -> None:
        """The socket has been read."""
        if not self.busy:  # nobody asked: it would be taken for the next reply
            self.drop()
            return
        read_ns = self._now_ns()
        self.heard_s = self._loop.time()
        if not self.status:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(Fault.PROTOCOL, "the reply changes the protocol")
        except httptools.HttpParserError as error:
            self._take_body(read_ns)
            self._fail(Fault.PROTOCOL, f"not HTTP: {error}")
        if self.status and not self.headers_ns:
            self.headers_ns = read_ns
        elif not self.status and self._head_bytes > MOST_HEAD_BYTES:
            self._fail(Fault.PROTOCOL, f"the head of the reply is longer than {MOST_HEAD_BYTES} bytes")
        self._take_body(read_ns)
        self._wake()

    def eof_received(self) -> bool:
        """The server says no more; the connection is closed, and `connection_lost` follows."""
        self._keeps = False
        self._transport.abort()  # what we may still be writing is for nobody
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self.closed = True
        del self._parser
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.busy:
            if exc is None and self._failure is None and self.status and self._ends_with_connection():
                self.busy = False
            else:
                self._failure = self._failure or _broken(exc, begun=bool(self.status))
            self._wake()
        self._lost(self)

    # What the parser calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header line; those after the body are none of the head's."""
        if self.busy and not self.status:
            self.lines.append((name, value))

    def on_headers_complete(self) -> None:
        """Status and headers are here, unless it is a provisional reply before the proper one."""
        status = self._parser.get_status_code()
        if not self.busy:
            return
        if status in _INFORMATIONAL:
            self.lines = []
        elif self._head_bytes <= MOST_HEAD_BYTES or _length(self.lines) <= MOST_HEAD_BYTES:
            self.status = status

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if self.busy:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """The end of a reply, or of a provisional one."""
        if self.busy and self.status:
            self.busy = False
            self._keeps = self._parser.should_keep_alive()

    def on_message_begin(self) -> None:
        """A reply begins; one that nobody asked for is not read, and spoils the connection."""
        if not self.busy:
            self._keeps = False

    # What the transport calls.

    def send(self, data: bytes) -> None:
        """Send a request. Only when `reusable`, or first."""
        self.busy = True
        self.turn += 1
        self.lines, self.status, self.headers_ns, self._head_bytes = [], 0, 0, 0
        self._reads.clear()  # the reply before may have been left unread, though it was all here
        self._unread_bytes = 0
        self.heard_s = self._loop.time()
        if self.closed:  # since it was opened
            self._failure = _broken(None, begun=False)
            return
        if self._timer is None:
            self._timer = self._loop.call_later(self._silence_s, self._look)
        self._transport.write(data)

    async def head(self) -> None:
        """Wait for status and headers. Raises TransportError."""
        while not self.status:
            if self._failure is not None:
                raise TransportError(*self._failure)
            await self._wait()

    async def read(self, turn: int) -> tuple[bytes, int] | None:
        """What one read of the socket gave of the body, and its instant; None at the body's end.

        Or when another request has had its turn since. Raises TransportError.
        """
        while not self._reads or turn != self.turn:
            if self._failure is not None:
                raise TransportError(*self._failure)
            if not self.busy or turn != self.turn:
                return None
            await self._wait()
        data, read_ns = self._reads.popleft()
        self._unread_bytes -= len(data)
        if self._held_back and not self._unread_bytes:
            self._held_back = False
            self.heard_s = self._loop.time()  # the silence was ours
            if not self.closed:
                self._transport.resume_reading()
        return data, read_ns

    def drop(self) -> None:
        """Close at once; what is under way is lost."""
        if not self.closed:
            self._keeps = False
            if self.busy and self._failure is None:
                what = "the connection was closed on this side"
                self._failure = (Outcome.TRANSIENT, Fault.READ, what)
            self._transport.abort()

    async def _wait(self) -> None:
        self._woken = self._loop.create_future()
        try:
            await self._woken
        finally:
            self._woken = None

    def _wake(self) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    def _take_body(self, read_ns: int) -> None:
        """What the present read gave, as one piece."""
        if not self._body:
            return
        data = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body = []
        self._reads.append((data, read_ns))
        self._unread_bytes += len(data)
        if self._unread_bytes > MOST_UNREAD_BYTES and self.busy and not self._held_back and not self.closed:
            self._held_back = True
            self._transport.pause_reading()

    def _fail(self, fault: Fault, detail: str, outcome: Outcome = Outcome.TRANSIENT) -> None:
        if self.busy:  # what follows a whole reply does not undo it
            self._failure = self._failure or (outcome, fault, detail)
        self.drop()
        self._wake()

    def _look(self) -> None:
        """Whether the server has been silent for too long; one timer serves many requests."""
        self._timer = None
        if not self.busy or self.closed:
            return
        left_s = self.heard_s + self._silence_s - self._loop.time()
        # Ours is the silence too where uvloop, kept from its sockets, comes to its timers first.
        if self._held_back or (left_s <= 0 and self.pending()):
            left_s = self._silence_s
        if left_s > 0:
            self._timer = self._loop.call_later(left_s, self._look)
            return
        what = f"nothing was received for {self._silence_s:g} s"
        self._fail(Fault.READ_TIMEOUT, what, Outcome.TIMEOUT)

    def _ends_with_connection(self) -> bool:
        """Whether the body's end is that of the connection: it has no length, and no chunks."""
        if self.status in _BODILESS:
            return True
        names = {name.lower() for name, _ in self.lines}
        return names.isdisjoint({b"content-length", b"transfer-encoding"})


def _length(lines: Lines) -> int:
    return sum(len(name) + len(value) for name, value in lines)


def _broken(error: Exception | None, *, begun: bool) -> tuple[Outcome, Fault, str]:
    when = "before the end of its reply" if begun else "before it replied"
    why = f": {error}" if error else ""
    return Outcome.TRANSIENT, Fault.READ, f"the server closed the connection {when}{why}"
