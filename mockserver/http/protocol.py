"""One connection that speaks HTTP/1.1: its requests are answered one after the other."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, cast

from mockserver.http.connection import Connection
from mockserver.http.message import HttpRequest
from mockserver.http.reader import Refusal, RequestReader
from mockserver.http.reply import Reply

# How long bytes are still read from a caller whose request was refused.
LINGER_S = 1.0

# What is left to do for a request.
Rest = Coroutine[Any, Any, None]

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LOG = logging.getLogger("mockserver")


@dataclass(frozen=True, slots=True)
class Service:
    """What all connections of a server share.

    `handle` writes the whole reply or drops the connection before it returns, or gives the coroutine that
    will. `refuse` writes the answer to what is no request, `unread` is told of a request whose caller left
    before it was complete. `unix_us` is the wall clock, for the date of a reply.
    """

    handle: Callable[[HttpRequest, Reply], Rest | None]
    refuse: Callable[[Refusal, Reply], None]
    unread: Callable[[], None]
    max_body_bytes: int
    unix_us: Callable[[], int]


class HttpProtocol(asyncio.Protocol):
    """Reads ahead no further than one read: while a request waits for its turn, nothing more is read.

    A FIN is a departure: only so can the server notice at once that a caller has given up. Who half-closes
    its connection and waits for the reply is not answered.
    """

    def __init__(
        self, service: Service, connections: "set[HttpProtocol]", on_closed: Callable[[], None]
    ) -> None:
        self._service = service
        self._connections = connections
        self._on_closed = on_closed
        self._reader = RequestReader(service.max_body_bytes)
        self._waiting: deque[HttpRequest] = deque()
        # Nothing that still comes is heard.
        self._ended = False
        self._reply: Reply | None = None
        self._task: asyncio.Task[None] | None = None
        self._paused = False
        self._loop = asyncio.get_running_loop()
        self.active_s = self._loop.time()
        self.connection: Connection
        self._transport: asyncio.Transport

    @property
    def paused(self) -> bool:
        """Whether nothing is read at present, so that a departure would not be noticed."""
        return self._paused

    @property
    def idle(self) -> bool:
        """Whether nobody waits for a reply here."""
        return self._reply is None

    def close_when_answered(self) -> None:
        """Whoever waits gets its reply, then the connection ends; further requests are not taken."""
        self._waiting.clear()
        if self._reply is None:
            self._ended = True
            self.connection.close()
        else:
            self._reply.closes = True

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.connection = Connection(self._transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the way it went does not matter
        self._waiting.clear()
        if self._reader.in_body:
            self._service.unread()
        self._connections.discard(self)
        self.connection.changed(gone=True)
        self._on_closed()

    def pause_writing(self) -> None:
        self.connection.changed(blocked=True)

    def resume_writing(self) -> None:
        self.connection.changed(blocked=False)
        self._go_on()

    def data_received(self, data: bytes) -> None:
        self.active_s = self._loop.time()
        if not self._ended:
            self._waiting.extend(self._reader.feed(data))
            self._go_on()

    # Our own.

    def _go_on(self) -> None:
        """Begin the next request, if it is its turn; read on, if there is none to wait for."""
        if self.connection.lost or self._ended:
            return
        # Who does not read is not answered: nor are more of its requests taken.
        while self._free and self._waiting:
            self._begin(self._waiting.popleft())
        if self._free:
            self._say_why_not()
        self._read_on(self._ended or not (self._waiting or self.connection.blocked))

    @property
    def _free(self) -> bool:
        """Whether a request may be begun now."""
        return self._reply is None and not (self.connection.blocked or self._ended)

    def _begin(self, request: HttpRequest) -> None:
        """Most requests to a fast profile are answered before this returns: no task is made for them."""
        self._reply = reply = Reply(request, self.connection, self._service.unix_us)
        try:
            rest = self._service.handle(request, reply)
        except Exception:  # noqa: BLE001 - a bug of ours must not leave the caller without an end
            self._failed()
            rest = None
        if rest is None:
            self._answered(reply)
        else:
            self._task = self._loop.create_task(self._answer(rest, reply))

    async def _answer(self, rest: Rest, reply: Reply) -> None:
        try:
            await rest
        except Exception:  # noqa: BLE001 - as above
            self._failed()
        self._answered(reply)
        self._go_on()

    def _failed(self) -> None:
        _LOG.exception("a request could not be answered")
        self.connection.reset()

    def _answered(self, reply: Reply) -> None:
        self._reply = None
        self.active_s = self._loop.time()
        if reply.closes:
            self._end()

    def _read_on(self, wanted: bool) -> None:  # noqa: FBT001 - the one thing it is about
        if wanted is not self._paused or self.connection.lost:
            return
        self._paused = not wanted
        if wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _say_why_not(self) -> None:
        """No request has come: if none will, or if one waits for our leave, say so."""
        if self._reader.refusal is not None:
            self._service.refuse(self._reader.refusal, Reply(_NOBODY, self.connection, self._service.unix_us))
            self._end()
        elif self._reader.expects_continue:
            self._reader.expects_continue = False
            self.connection.send(_CONTINUE)

    def _end(self) -> None:
        """Close, but read on for a while: to close on unread bytes is a reset, and takes our answer back."""
        self._ended = True
        self._waiting.clear()
        if self.connection.lost:
            return
        if self._transport.can_write_eof():
            self._read_on(wanted=True)
            self._transport.write_eof()
            self._loop.call_later(LINGER_S, self._transport.close)
        else:
            self.connection.close()


_NOBODY = HttpRequest("GET", "", "", {}, b"", keep_alive=False, http_1_1=True)
