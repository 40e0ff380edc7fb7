"""Which outcome an exception of httpx or of its aiohttp backend means.

The backend names most faults wrongly (a refused connection arrives as ConnectTimeout), so the exception it
was raised from is asked first.
"""

from __future__ import annotations

import aiohttp
import httpx

from harness.model import Fault, Outcome
from harness.transport.aiohttp_backend import PoolExhausted

#: What may come out of an exchange; anything else is a bug and passes through.
CLASSIFIED = (httpx.HTTPError, httpx.StreamError, aiohttp.ClientError)

Class = tuple[Outcome, Fault]

CONNECT: Class = (Outcome.TRANSIENT, Fault.CONNECT)
READ: Class = (Outcome.TRANSIENT, Fault.READ)
PROTOCOL: Class = (Outcome.TRANSIENT, Fault.PROTOCOL)
CONNECT_TIMEOUT: Class = (Outcome.TIMEOUT, Fault.CONNECT_TIMEOUT)
READ_TIMEOUT: Class = (Outcome.TIMEOUT, Fault.READ_TIMEOUT)
POOL: Class = (Outcome.LOCAL, Fault.POOL)

# First match wins: subclasses stand before their bases.
_AIOHTTP: tuple[tuple[type[Exception], Class], ...] = (
    (PoolExhausted, POOL),
    (aiohttp.ConnectionTimeoutError, CONNECT_TIMEOUT),
    (aiohttp.SocketTimeoutError, READ_TIMEOUT),
    (aiohttp.ServerTimeoutError, READ_TIMEOUT),
    (aiohttp.ClientConnectorError, CONNECT),
    (aiohttp.ClientPayloadError, READ),
    (aiohttp.ServerDisconnectedError, READ),
    (aiohttp.ClientOSError, READ),
    (aiohttp.ClientConnectionError, READ),
    (aiohttp.ClientResponseError, PROTOCOL),
    (aiohttp.ClientError, PROTOCOL),
)

_HTTPX: tuple[tuple[type[Exception], Class], ...] = (
    (httpx.PoolTimeout, POOL),
    (httpx.ConnectTimeout, CONNECT_TIMEOUT),
    (httpx.TimeoutException, READ_TIMEOUT),
    (httpx.ConnectError, CONNECT),
    (httpx.NetworkError, READ),
    (httpx.StreamError, READ),
    (httpx.HTTPError, PROTOCOL),
)


def classify(error: BaseException) -> Class:
    """Outcome and fault of an exception caught by `CLASSIFIED`."""
    cause = error if isinstance(error, aiohttp.ClientError) else error.__cause__
    for kind, found in _AIOHTTP:
        if isinstance(cause, kind):
            return found
    if isinstance(error, httpx.RemoteProtocolError) and _hung_up(str(error)):
        return READ
    return next(found for kind, found in _HTTPX if isinstance(error, kind))


def _hung_up(message: str) -> bool:
    """Whether the peer hung up: httpcore gives that and bytes that are not HTTP the same exception."""
    return message.startswith(("Server disconnected", "peer closed connection"))
