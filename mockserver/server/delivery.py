"""Handing over an answer: whole, in events at their time, or spoiled on its way.

The log has a request before the last byte of its reply is sent, or before its connection is dropped.
"""

import asyncio

from mockserver.clock import Clock
from mockserver.core.decisions import Generate
from mockserver.rules import RequestRule
from mockserver.server.engine import Turn
from mockserver.server.exchange import Exchange
from mockserver.server.journal import Journal
from mockserver.server.pouring import Pouring
from mockserver.wire.answer import Answer, Ending, Headers, Moment, Stream
from mockserver.wire.dialect import Dialect
from mockserver.wire.spoil import GARBAGE, spoil_whole

# Events that are due at once go out together, but no more than that in one write.
_EVENTS_A_WRITE = 64

_STREAM_HEADERS = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}


class Delivery:
    """The last step of every request: each method closes the exchange."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock

    def whole(self, exchange: Exchange, dialect: Dialect, answer: Answer) -> None:
        """An answer as it should be."""
        if exchange.cut is not None:
            self.nothing(exchange)
            return
        exchange.status = answer.status
        exchange.first_us = self._clock.now_us()
        self._journal.close(exchange)
        exchange.reply.whole(answer.status, self._headers(exchange, dialect, answer.headers), answer.body)

    def nothing(self, exchange: Exchange) -> None:
        """No answer, or no more of it: the connection is reset."""
        self._journal.close(exchange)
        exchange.connection.reset()

    def refused(self, exchange: Exchange) -> None:
        """No answer, and an orderly end."""
        self._journal.close(exchange)
        exchange.connection.close()

    def garbage(self, exchange: Exchange) -> None:
        """Bytes that are no HTTP, then a close."""
        self._journal.close(exchange)
        exchange.connection.send(GARBAGE)
        exchange.connection.close()

    async def spoiled(self, exchange: Exchange, dialect: Dialect, answer: Answer, rule: RequestRule) -> None:
        """An answer that breaks off on its way."""
        if exchange.cut is not None:
            self.nothing(exchange)
            return
        broken = spoil_whole(rule, answer.body)
        exchange.status = answer.status
        headers = self._headers(exchange, dialect, answer.headers)
        head = exchange.reply.head(answer.status, headers, broken.length)
        pouring = Pouring(exchange, self._clock, broken.bytes_per_s)
        pouring.head(head, half=broken.half_head)
        body = exchange.reply.part(broken.body)
        kept = len(body) - 1 if broken.ending == "complete" else len(body)
        if await pouring.send(body[:kept]) and kept > 0:
            exchange.first_us = self._clock.now_us()
        await self._end(exchange, pouring, broken.ending, body[kept:])

    async def stream(
        self, exchange: Exchange, dialect: Dialect, turn: Turn, generate: Generate, stream: Stream
    ) -> None:
        """A reply in events, from the first token to the end of the generation.

        The generation waits for nobody: what its caller has not read by its end is sent after it.
        """
        exchange.events = 0
        reply = exchange.reply
        pouring = Pouring(exchange, self._clock, stream.bytes_per_s)
        with turn:
            if not await turn.to_the_first_token():
                self.nothing(exchange)
                return
            exchange.status = 200
            moment = Moment(exchange.request_id, self._clock.unix_us())
            headers = self._headers(exchange, dialect, dialect.limit_headers(generate.levels, moment))
            pouring.head(reply.head(200, headers | _STREAM_HEADERS, None), half=stream.half_head)
            await pouring.send(reply.part(stream.opening))
            offered = await self._play(exchange, pouring, turn, stream)
            # Where the wire is silent, the work behind it goes on.
            if stream.ending == "hang" and not await turn.to_the_end():
                offered = None
        if offered is None:
            self.nothing(exchange)
            return
        for start in range(offered, stream.events, _EVENTS_A_WRITE):
            await self._offer(exchange, pouring, stream, start, min(start + _EVENTS_A_WRITE, stream.events))
        await pouring.send(reply.part(stream.closing))
        await self._end(exchange, pouring, stream.ending, reply.end)

    async def _play(self, exchange: Exchange, pouring: Pouring, turn: Turn, stream: Stream) -> int | None:
        """Offer each content event when it is due, and wait until the next one would be.

        Gives how many were offered: all, unless the generation is over and its caller has not read; None if
        ended early.
        """
        offered = 0
        while offered < stream.events:
            if not exchange.connection.takes:
                if not await turn.until(lambda: exchange.connection.takes):
                    return None
                if not exchange.connection.takes:
                    return offered if await turn.to_the_end() else None
            due = min(turn.events_due(), stream.events, offered + _EVENTS_A_WRITE)
            if due > offered:
                await self._offer(exchange, pouring, stream, offered, due)
                if due - offered == _EVENTS_A_WRITE:
                    await asyncio.sleep(0)  # others have their turn between two writes of a long burst
                offered = due
            elif not await turn.to_event(offered):
                return None
        return offered if await turn.to_event(offered) else None

    async def _offer(
        self, exchange: Exchange, pouring: Pouring, stream: Stream, start: int, end: int
    ) -> None:
        """Send content events; where nobody is left to read them, nothing happens."""
        if await pouring.send(_events(exchange, stream, start, end)):
            exchange.events = end
            if exchange.first_us is None:
                exchange.first_us = self._clock.now_us()

    def _headers(self, exchange: Exchange, dialect: Dialect, own: Headers) -> Headers:
        headers = dialect.common_headers(exchange.request_id, self._clock.now_us() - exchange.received_us)
        headers.update(own)
        return headers

    async def _end(self, exchange: Exchange, pouring: Pouring, ending: Ending, last: bytes) -> None:
        """What follows a body; `last` is what completes it."""
        if not await pouring.settled():
            self.nothing(exchange)
            return
        match ending:
            case "complete":
                self._journal.close(exchange)
                exchange.connection.send(last)
            case "hang":
                await exchange.wait_for_departure()
                self.nothing(exchange)
            case "reset":
                await exchange.connection.settle(lambda: exchange.cut is None)
                self.nothing(exchange)
            case "close":
                self._journal.close(exchange)
                exchange.connection.close()


def _events(exchange: Exchange, stream: Stream, start: int, end: int) -> bytes:
    """Content events as they go over the wire: in one chunk, unless the length of one is told wrong."""
    wrong = stream.wrong_chunk
    if wrong is None or not start <= wrong.event < end:
        return exchange.reply.part(stream.content(start, end))
    return (
        _events(exchange, stream, start, wrong.event)
        + exchange.reply.part(stream.content(wrong.event, wrong.event + 1), wrong.length_off)
        + _events(exchange, stream, wrong.event + 1, end)
    )
