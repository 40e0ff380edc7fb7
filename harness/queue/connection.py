"""A connection to a queue's server, and its errors in words of our own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

from coredis import Redis
from coredis import exceptions as redis_errors
from coredis.retry import NoRetryPolicy

from harness import clock
from harness.queue.address import Address
from harness.queue.errors import QueueError, ServerFull, ServerRefused, ServerUnreachable
from harness.units import NS

T = TypeVar("T")

#: How a reply begins that refuses to write.
_CANNOT_WRITE = ("MISCONF", "OOM")

#: A server that does not answer for so long is given up, and asked again.
ANSWER_WITHIN_S = 30.0

_AGAIN_S = 0.05
_AGAIN_CAP_S = 1.0


@asynccontextmanager
async def connect(address: Address) -> AsyncIterator[Redis[str]]:
    """A client of the server; it opens its connections as they are needed, and raises coredis' errors."""
    redis = Redis.from_url(
        address.url,
        decode_responses=True,
        verify_version=False,
        retry_policy=NoRetryPolicy(),
        stream_timeout=ANSWER_WITHIN_S,
        **address.options,
    )
    async with redis:
        yield redis


@contextmanager
def translated(address: Address) -> Iterator[None]:
    """Errors of the server and of the way to it as errors of ours."""
    try:
        yield
    except QueueError:
        raise
    except (redis_errors.RedisError, OSError, TimeoutError, BaseExceptionGroup) as error:
        raise as_ours(error, address) from error


def as_ours(error: BaseException, address: Address) -> QueueError:
    """The error of ours that says what happened."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    where = f"the queue's server at {address.shown}"
    words = str(error)
    if isinstance(error, redis_errors.AuthenticationError | redis_errors.AuthorizationError):
        return ServerRefused(f"{where} does not let us in: {words}")
    if isinstance(error, redis_errors.BusyLoadingError):
        return ServerUnreachable(f"{where} is still reading its data")
    if isinstance(error, redis_errors.ConnectionError | OSError | TimeoutError):
        return ServerUnreachable(f"{where} does not answer: {_cause(error)}")
    if any(word in words for word in _CANNOT_WRITE):
        return ServerFull(f"{where} cannot write: {words}; what it holds is safe")
    return QueueError(f"{where} refuses: {words}")


def _cause(error: BaseException) -> str:
    """What is at the bottom of it."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error) or type(error).__name__


async def patiently(
    operation: Callable[[], Awaitable[T]],
    address: Address,
    patience_s: float,
    revive: Callable[[], Awaitable[None]] | None = None,
) -> T:
    """The operation's result, tried again for `patience_s` while the server does not answer.

    Only for operations that may be done twice. `revive` is what can be done for the server meanwhile.
    """
    give_up_ns = clock.now_ns() + round(patience_s * NS)
    wait_s = _AGAIN_S
    while True:
        try:
            with translated(address):
                return await operation()
        except ServerUnreachable:
            if clock.now_ns() >= give_up_ns:
                raise
        if revive is not None:
            await revive()
        await asyncio.sleep(wait_s)
        wait_s = min(2 * wait_s, _AGAIN_CAP_S)
