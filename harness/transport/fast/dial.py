"""Opening a connection: to an origin, within the time a policy gives it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

from harness.policy.config import ConnectionsConfig
from harness.transport.fast.connection import Connection
from harness.transport.fast.target import Origin
from harness.transport.pool import unconnected
from harness.transport.trust import tls_context


class Dialler:
    """Opens TCP and TLS connections as `harness.transport.pool.Dial` asks. Raises TransportError."""

    def __init__(self, connections: ConnectionsConfig, now_ns: Callable[[], int]) -> None:
        self._settings = connections
        self._now_ns = now_ns
        self._tls: ssl.SSLContext | None = None

    async def __call__(self, origin: Origin, lost: Callable[[Connection], None]) -> Connection:
        """A connection that is open."""
        settings = self._settings
        made = Connection(settings.read_timeout_s, self._now_ns, lost)
        context = self._context() if origin.tls else None
        try:
            async with asyncio.timeout(settings.connect_timeout_s):
                await asyncio.get_running_loop().create_connection(
                    lambda: made,
                    origin.host,
                    origin.port,
                    ssl=context,
                    ssl_handshake_timeout=settings.connect_timeout_s if origin.tls else None,
                )
        except BaseException as error:
            made.drop()
            if isinstance(error, OSError):  # TimeoutError, ssl.SSLError and socket.gaierror are ones
                where = f"{origin.host}:{origin.port}"
                raise unconnected(where, error, settings.connect_timeout_s) from error
            raise
        return made

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = tls_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls
