"""The client's end of a simulated connection."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping

from harness.model import Fault, Outcome
from harness.sim.loop import VirtualLoop
from harness.sim.provider import Provider
from harness.transport.base import HttpRequest, TransportError

_Failure = tuple[Outcome, Fault, str]

#: Less than a nanosecond, which is what the loop counts in: float noise of a timer that is due.
_NOISE_S = 0.5e-9

_NO_HEADERS: Mapping[str, str] = {}


class SimConnection:
    """One connection between a client and a provider; `lost` is called once when it is gone.

    `silence_s` bounds the time between two arrivals while a reply is awaited, as a read timeout does.
    """

    __slots__ = (
        "_failure",
        "_loop",
        "_lost",
        "_promised",
        "_provider",
        "_reads",
        "_silence_s",
        "_timer",
        "_woken",
        "busy",
        "closed",
        "headers",
        "heard_s",
        "read_ns",
        "status",
    )

    def __init__(
        self,
        provider: Provider,
        silence_s: float,
        lost: Callable[[SimConnection], None],
        loop: VirtualLoop,
    ) -> None:
        self._provider = provider
        self._silence_s = silence_s
        self._lost = lost
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._woken: asyncio.Future[None] | None = None
        self._failure: _Failure | None = None
        self._reads: deque[tuple[bytes, int]] = deque()
        self._promised: int | None = None
        self.heard_s = 0.0  # when something last came, on the loop's clock
        self.read_ns = 0
        self.status = 0
        self.headers = _NO_HEADERS
        self.busy = False  # from `send` to the end of its reply
        self.closed = False

    @property
    def reusable(self) -> bool:
        """Whether another request can be sent."""
        return not self.busy and not self.closed

    def pending(self) -> bool:
        """Nothing comes over an idle line but its end, and that is told."""
        return False

    # What the provider calls.

    def whole(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """A whole reply."""
        if self.closed:
            return
        self._hear()
        self.status, self.headers, self.busy = status, headers, False
        self._reads.append((body, self.read_ns))
        self._wake()

    def head(self, status: int, headers: Mapping[str, str], length: int | None) -> None:
        """The head of a reply that comes in parts."""
        if self.closed:
            return
        self._hear()
        self.status, self.headers, self._promised = status, headers, length
        if length == 0:
            self.busy = False
        self._wake()

    def data(self, chunk: bytes) -> None:
        """A part of its body; what is longer than was promised spoils the connection."""
        if self.closed:
            return
        self._hear()
        extra = 0
        if self._promised is not None:
            chunk, extra = chunk[: self._promised], len(chunk) - self._promised
            self._promised -= len(chunk)
        if chunk:
            self._reads.append((chunk, self.read_ns))
        if self._promised == 0:
            self.busy = False
        self._wake()
        if extra > 0:
            self._go()

    def end(self) -> None:
        """The end of a body without a promised length."""
        if self.closed:
            return
        self._hear()
        self.busy = False
        self._wake()

    def reset(self) -> None:
        """The connection is reset."""
        self._end_badly(Fault.READ, "the server reset the connection")

    def close(self) -> None:
        """The connection is closed."""
        self._end_badly(Fault.READ, "the server closed the connection before the end of its reply")

    def garbage(self) -> None:
        """What arrives is no HTTP."""
        self._end_badly(Fault.PROTOCOL, "not HTTP")

    # What the transport calls.

    def send(self, request: HttpRequest) -> None:
        """Send a request. Only when `reusable`."""
        self.busy = True
        self.status, self._promised = 0, None
        self._reads.clear()
        self.heard_s = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_later(self._silence_s, self._look)
        self._provider.receive(self, request)

    async def until_head(self) -> None:
        """Wait for status and headers. Raises TransportError."""
        while not self.status:
            if self._failure is not None:
                raise TransportError(*self._failure)
            await self._wait()

    async def read(self) -> tuple[bytes, int] | None:
        """A part of the body, and its instant; None at the body's end. Raises TransportError."""
        while not self._reads:
            if self._failure is not None:
                raise TransportError(*self._failure)
            if not self.busy:
                return None
            await self._wait()
        return self._reads.popleft()

    def drop(self) -> None:
        """Close; what is under way is lost."""
        if self.closed:
            return
        if self.busy and self._failure is None:
            self._failure = (Outcome.TRANSIENT, Fault.READ, "the connection was closed on this side")
        self._go()
        self._wake()

    async def _wait(self) -> None:
        self._woken = self._loop.create_future()
        try:
            await self._woken
        finally:
            self._woken = None

    def _wake(self) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    def _hear(self) -> None:
        self.read_ns = self._loop.now_ns()
        self.heard_s = self._loop.time()

    def _end_badly(self, fault: Fault, detail: str) -> None:
        if self.closed:
            return
        if self.busy:
            self._failure = (Outcome.TRANSIENT, fault, detail)
        self._go()
        self._wake()

    def _go(self) -> None:
        """It is gone."""
        if self.closed:
            return
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._lost(self)
        self._provider.left(self)

    def _look(self) -> None:
        """Whether the server has been silent for too long; one timer serves many requests."""
        self._timer = None
        if not self.busy or self.closed:
            return
        left_s = self.heard_s + self._silence_s - self._loop.time()
        if left_s > _NOISE_S:
            self._timer = self._loop.call_later(left_s, self._look)
            return
        what = f"nothing was received for {self._silence_s:g} s"
        self._failure = (Outcome.TIMEOUT, Fault.READ_TIMEOUT, what)
        self.drop()


class SimResponse:
    """A reply whose head has arrived; holds its connection until it is closed."""

    __slots__ = ("_connection", "_give_back", "headers", "read_ns", "status")

    def __init__(self, connection: SimConnection, give_back: Callable[[SimConnection], None]) -> None:
        self.status = connection.status
        self.headers = connection.headers
        self.read_ns: int | None = connection.read_ns
        self._connection: SimConnection | None = connection
        self._give_back = give_back

    def header_lines(self) -> list[tuple[str, str]]:
        """Every header."""
        return list(self.headers.items())

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives; `read_ns` is the instant of the last chunk given."""
        return self

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._connection is None or (found := await self._connection.read()) is None:
            raise StopAsyncIteration
        data, self.read_ns = found
        return data

    async def aclose(self) -> None:
        """Give the connection back, or drop it when the body was not read to its end."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._give_back(connection)
