"""A request under way at the virtual server, and the parts of its reply on the wire."""

from __future__ import annotations

import asyncio

import msgspec

from harness.sim.provider import Line
from mockserver.core.decisions import Generate, Start
from mockserver.wire.answer import Moment, Stream
from mockserver.wire.dialect import Dialect
from mockserver.wire.request import ParsedRequest
from reports.virtual.drip import Drip

_LAST_CHUNK = b"0\r\n\r\n"


class Exchange(msgspec.Struct, eq=False):
    """A request under way; `line` is None once nobody listens. Times in microseconds.

    `swallows`: how many more bytes on the wire a chunk takes whose length was told too long; -1 for none.
    """

    line: Line | None
    dialect: Dialect
    parsed: ParsedRequest
    moment: Moment
    generate: Generate | None = None
    started_us: int = 0
    start: Start | None = None
    stream: Stream | None = None
    events: int = 0
    timer: asyncio.TimerHandle | None = None
    drip: Drip | None = None
    swallows: int = -1


def hand_over(exchange: Exchange, stream: Stream, start: int, end: int) -> None:
    """Content events from `start` to `end`, which is not among them; one of them in a chunk told wrong."""
    wrong = stream.wrong_chunk
    if exchange.line is None:
        return
    if wrong is None or not start <= wrong.event < end:
        part(exchange, stream.content(start, end))
        return
    if wrong.event > start:
        part(exchange, stream.content(start, wrong.event))
    _wrong_part(exchange, stream.content(wrong.event, wrong.event + 1), wrong.length_off)
    if wrong.event + 1 < end:
        part(exchange, stream.content(wrong.event + 1, end))


def part(exchange: Exchange, data: bytes) -> None:
    """A part of a stream, in a chunk of its own; nothing happens when nobody is left to read it."""
    line = exchange.line
    if line is None or not data:
        return
    if exchange.drip is not None:
        exchange.drip.put(data, chunked=True)
    elif exchange.swallows >= 0:
        _swallow(exchange, line, b"%x\r\n%b\r\n" % (len(data), data))
    else:
        line.data(data)


def _wrong_part(exchange: Exchange, data: bytes, off: int) -> None:
    """A chunk that says to be so many bytes longer than it is: the client takes what follows for a part
    of it, and what follows that for no HTTP.
    """
    line = exchange.line
    if line is None:
        return
    said = max(1, len(data) + off)
    line.data(data[:said])
    if said < len(data):
        line.garbage()
    elif off > 0:
        exchange.swallows = off
        _swallow(exchange, line, b"\r\n")


def _swallow(exchange: Exchange, line: Line, wire: bytes) -> None:
    taken = wire[: exchange.swallows]
    exchange.swallows -= len(taken)
    line.data(taken)
    if len(taken) < len(wire):
        line.garbage()


def end(exchange: Exchange, line: Line) -> None:
    """The end of a stream that is complete."""
    if exchange.swallows >= 0:
        _swallow(exchange, line, _LAST_CHUNK)
    else:
        line.end()
