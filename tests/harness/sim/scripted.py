"""Tiny providers that do as they are told, and asking one through the simulated transport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from harness.policy.config import ConnectionsConfig
from harness.sim.loop import VirtualLoop
from harness.sim.provider import Knock, Line
from harness.sim.transport import SimTransport
from harness.transport.base import HttpRequest, HttpResponse, TransportError

#: What a provider does with a request.
Deed = Callable[[Line, VirtualLoop], None]


def whole(after_s: float = 0.0, body: bytes = b"good") -> Deed:
    """A whole reply after that time."""

    def deed(line: Line, loop: VirtualLoop) -> None:
        if after_s:
            loop.call_later(after_s, line.whole, 200, {"x-kind": "whole"}, body)
        else:
            line.whole(200, {"x-kind": "whole"}, body)

    return deed


def acts(*steps: tuple[float, Callable[[Line], None]]) -> Deed:
    """Each step so many seconds after the request."""

    def deed(line: Line, loop: VirtualLoop) -> None:
        for at_s, step in steps:
            loop.call_later(at_s, step, line)

    return deed


def head(length: int | None) -> Callable[[Line], None]:
    """The head of a reply in parts."""
    return lambda line: line.head(200, {"x-kind": "parts"}, length)


def data(chunk: bytes) -> Callable[[Line], None]:
    """A part of its body."""
    return lambda line: line.data(chunk)


def nothing(_: Line, __: VirtualLoop) -> None:
    """Silence."""


class Scripted:
    """Answers knocks and requests as told, the last of each again and again; notes who came and went."""

    def __init__(self, *deeds: Deed, knocks: Sequence[Knock] = (Knock.OPENED,)) -> None:
        self._deeds = list(deeds) or [whole()]
        self._knocks = list(knocks)
        self.knocked_at: list[float] = []
        self.requests: list[HttpRequest] = []
        self.lines: list[Line] = []  # of each request
        self.open: list[Line] = []
        self.lefts = 0

    def connect(self, line: Line) -> Knock:
        """A first packet."""
        self.knocked_at.append(asyncio.get_running_loop().time())
        knock = self._knocks.pop(0) if len(self._knocks) > 1 else self._knocks[0]
        if knock is Knock.OPENED:
            self.open.append(line)
        return knock

    def receive(self, line: Line, request: HttpRequest) -> None:
        """A request."""
        self.requests.append(request)
        self.lines.append(line)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        (self._deeds.pop(0) if len(self._deeds) > 1 else self._deeds[0])(line, loop)

    def left(self, line: Line) -> None:
        """A line is gone; told once, of one that was never opened, too."""
        if line in self.open:
            self.open.remove(line)
        self.lefts += 1


@asynccontextmanager
async def transport_to(provider: Scripted, **settings: Any) -> AsyncIterator[SimTransport]:
    """A transport; when it is closed nothing is held, at either end."""
    usual = {"max": 10, "keepalive": 10, "connect_timeout_s": 5.0, "read_timeout_s": 10.0}
    transport = SimTransport(ConnectionsConfig(**{**usual, **settings}), provider)
    try:
        yield transport
    finally:
        await transport.aclose()
        await asyncio.sleep(0)
        assert held(transport) == (0, 0)
        assert provider.open == []


def held(transport: SimTransport) -> tuple[int, int]:
    """How many connections are in use, and how many there are."""
    pool = transport._pool
    assert pool._idle_count == sum(map(len, pool._idle.values()))
    assert pool._dialling == 0
    return pool._in_use, len(pool._places)


def request() -> HttpRequest:
    """One like any other."""
    return HttpRequest("POST", "http://x/v1", {}, b"{}")


async def ask(transport: SimTransport) -> bytes:
    """One request and its whole reply. Raises TransportError."""
    response = await transport.open(request())
    return b"".join(await chunks_of(response))


async def chunks_of(response: HttpResponse) -> list[bytes]:
    """The parts of a body; the connection is given back. Raises TransportError."""
    try:
        return [chunk async for chunk in response.chunks()]
    finally:
        await response.aclose()


async def failure(asked: Coroutine[Any, Any, object]) -> str:
    """Outcome and fault of what is asked, as a selector, and when it came."""
    with pytest.raises(TransportError) as caught:
        await asked
    return f"{caught.value.outcome}.{caught.value.fault} at {asyncio.get_running_loop().time():g}"
