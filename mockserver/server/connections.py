"""Open connections: who is still there, and how to drop them."""

import asyncio
import logging
import socket
import struct
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

# On, for 0 seconds: close() sends RST and forgets what was unsent.
_LINGER_0 = struct.pack("ii", 1, 0)

# A caller who does not read that long gets a reset without the rest.
_SETTLE_TURNS = 1_000
_SETTLE_TURN_S = 0.001


def drop_socket(sock: socket.socket) -> None:
    """Close a socket of ours with RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_0)
    sock.close()


class Connection:
    """One accepted connection. `on_gone` is called once, when the peer has left."""

    __slots__ = ("_transport", "gone", "on_gone")

    def __init__(self, transport: asyncio.Transport | None) -> None:
        self._transport = transport
        self.gone = transport is None
        self.on_gone: Callable[[], None] | None = None

    @property
    def lost(self) -> bool:
        """Whether a reply could not be handed over any more."""
        return self.gone or self._transport is None or self._transport.is_closing()

    @property
    def unsent_bytes(self) -> int:
        """What the kernel has not taken yet."""
        return 0 if self.lost or self._transport is None else self._transport.get_write_buffer_size()

    def send_raw(self, data: bytes) -> None:
        """Bytes past HTTP; only while no reply is being written."""
        if self._transport is not None and not self.lost:
            self._transport.write(data)

    def close(self) -> None:
        """Close in an orderly way, when what was written has been sent."""
        if self._transport is not None:
            self._transport.close()

    async def settle(self) -> None:
        """Wait until the kernel has what was written, so that a reset does not take it back."""
        for _ in range(_SETTLE_TURNS):
            if self.unsent_bytes == 0:
                return
            await asyncio.sleep(_SETTLE_TURN_S)

    def reset(self) -> None:
        """Drop the connection with RST: what is unsent stays unsent."""
        if self.gone or self._transport is None:
            return
        sock = self._transport.get_extra_info("socket")
        if sock is not None and not self._transport.is_closing():
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_0)
        self._transport.abort()


class _OurMistakes(logging.Filter):
    """Lets errors of our own through; a caller who does not speak HTTP is answered 400, and no news."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.exc_info is None or not isinstance(record.exc_info[1], HttpProcessingError)


class Connections(web.Server):
    """aiohttp's protocol factory, which also knows each protocol's connection."""

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        *,
        keepalive_s: float,
    ) -> None:
        logger = logging.getLogger("mockserver")
        logger.addFilter(_OurMistakes())
        super().__init__(
            handler, logger=logger, access_log=None, keepalive_timeout=keepalive_s, lingering_time=1.0
        )
        self._links: dict[web.RequestHandler, Connection] = {}
        self.on_closed: Callable[[], None] | None = None

    @property
    def open(self) -> int:
        return len(self._links)

    def of(self, request: web.BaseRequest) -> Connection:
        """The connection a request came on, also when it has just been lost."""
        return self._links.get(request.protocol) or Connection(None)

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        self._links[handler] = Connection(transport)

    def connection_lost(self, handler: web.RequestHandler, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        link = self._links.pop(handler, None)
        if link is None:
            return
        link.gone = True
        if link.on_gone is not None:
            link.on_gone()
        if self.on_closed is not None:
            self.on_closed()
