"""The open connections of the server."""

import asyncio
from collections.abc import Callable

from mockserver.http.connection import left
from mockserver.http.protocol import HttpProtocol, Service

_LOOK_AGAIN_S = 0.005


class Connections:
    """Makes the protocol of each new connection, and knows them all."""

    def __init__(self, service: Service, *, keepalive_s: float) -> None:
        self._service = service
        self._keepalive_s = keepalive_s
        self._open: set[HttpProtocol] = set()
        self.on_closed: Callable[[], None] | None = None

    def __call__(self) -> HttpProtocol:
        return HttpProtocol(self._service, self._open, self._closed)

    @property
    def open(self) -> int:
        return len(self._open)

    @property
    def unsent(self) -> bool:
        """Whether any peer has yet to be sent what was handed over."""
        return any(protocol.connection.unsent for protocol in self._open)

    def sweep(self) -> None:
        """Close those from which nothing has come for the keep-alive time, and on which nobody waits.

        Drop those whose peer has left unnoticed, as they are not read at present.
        """
        too_old_s = asyncio.get_running_loop().time() - self._keepalive_s
        unread: dict[int, HttpProtocol] = {}
        for protocol in tuple(self._open):
            if protocol.idle and protocol.active_s < too_old_s:
                protocol.connection.close()
            elif protocol.paused:
                unread[protocol.connection.descriptor] = protocol
        for descriptor in left(unread):
            unread[descriptor].connection.reset()

    def drain(self) -> None:
        """Close those on which nobody waits now, and the others when they have been answered."""
        for protocol in tuple(self._open):
            protocol.close_when_answered()

    async def shutdown(self, within_s: float) -> None:
        """Close all, in an orderly way as long as there is time."""
        for protocol in tuple(self._open):
            protocol.connection.close()
        loop = asyncio.get_running_loop()
        end_s = loop.time() + within_s
        while self._open and loop.time() < end_s:  # noqa: ASYNC110 - bounded, and short
            await asyncio.sleep(_LOOK_AGAIN_S)
        for protocol in tuple(self._open):
            protocol.connection.reset()

    def _closed(self) -> None:
        if self.on_closed is not None:
            self.on_closed()
