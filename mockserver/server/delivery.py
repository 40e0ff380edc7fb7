"""Handing over an answer: whole, in events at their time, or spoiled on its way.

The log has a request before the last byte of its reply is sent, or before its connection is dropped.
"""

import asyncio

from aiohttp import web

from mockserver.clock import Clock
from mockserver.core.decide import Generate
from mockserver.rules import RequestRule
from mockserver.server.engine import Engine, Turn
from mockserver.server.exchange import Exchange
from mockserver.server.journal import Journal
from mockserver.wire.answer import Answer, Ending, Headers, Moment, Stream
from mockserver.wire.dialect import Dialect
from mockserver.wire.spoil import GARBAGE, spoil_whole

# Events that are due at once go out together, but no more than that in one write.
_EVENTS_A_WRITE = 64
# A caller who reads slower than we write is waited for, so that its backlog stays bounded.
_MAX_UNSENT_BYTES = 32_768
_LOOK_AGAIN_US = 10_000

_STREAM_HEADERS = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}


class Delivery:
    """The last step of every request. Each method closes the exchange and gives what aiohttp is to send."""

    def __init__(self, engine: Engine, journal: Journal, clock: Clock) -> None:
        self._engine = engine
        self._journal = journal
        self._clock = clock

    def whole(self, exchange: Exchange, dialect: Dialect, answer: Answer) -> web.StreamResponse:
        """An answer as it should be."""
        if exchange.cut is not None:
            return self.nothing(exchange)
        exchange.status = answer.status
        self._journal.close(exchange)
        headers = self._headers(exchange, dialect, answer.headers)
        return web.Response(status=answer.status, body=answer.body, headers=headers)

    def nothing(self, exchange: Exchange) -> web.StreamResponse:
        """No answer, or no more of it: the connection is reset."""
        self._journal.close(exchange)
        exchange.connection.reset()
        return web.Response()

    def garbage(self, exchange: Exchange) -> web.StreamResponse:
        """Bytes that are no HTTP, then a close."""
        self._journal.close(exchange)
        exchange.connection.send_raw(GARBAGE)
        exchange.connection.close()
        return web.Response()

    async def spoiled(
        self,
        exchange: Exchange,
        request: web.BaseRequest,
        dialect: Dialect,
        answer: Answer,
        rule: RequestRule,
    ) -> web.StreamResponse:
        """An answer that breaks off on its way."""
        if exchange.cut is not None:
            return self.nothing(exchange)
        broken = spoil_whole(rule, answer.body)
        headers = self._headers(exchange, dialect, answer.headers)
        headers["content-length"] = str(broken.length)
        response = web.StreamResponse(status=answer.status, headers=headers)
        await _open(exchange, request, response)
        if broken.ending == "complete":
            self._journal.close(exchange)
        await _send(exchange, response, broken.body)
        return await self._end(exchange, response, broken.ending)

    async def stream(
        self,
        exchange: Exchange,
        request: web.BaseRequest,
        dialect: Dialect,
        generate: Generate,
        stream: Stream,
    ) -> web.StreamResponse:
        """A reply in events, from the first token to the end of the generation."""
        exchange.events = 0
        with self._engine.turn(exchange, generate) as turn:
            if not await turn.to_the_first_token():
                return self.nothing(exchange)
            limits = dialect.limit_headers(
                generate.levels, Moment(exchange.request_id, self._clock.unix_us())
            )
            headers = self._headers(exchange, dialect, limits) | _STREAM_HEADERS
            response = web.StreamResponse(headers=headers)
            await _open(exchange, request, response)
            await _send(exchange, response, stream.opening)
            played = await _play(exchange, response, turn, stream)
            # Where the wire is silent, the work behind it goes on.
            if stream.ending == "hang":
                played = played and await turn.to_the_end()
        if not played:
            return self.nothing(exchange)
        if stream.ending == "complete":
            self._journal.close(exchange)
        await _send(exchange, response, stream.closing)
        return await self._end(exchange, response, stream.ending)

    def _headers(self, exchange: Exchange, dialect: Dialect, own: Headers) -> Headers:
        headers = dialect.common_headers(exchange.request_id, self._clock.now_us() - exchange.received_us)
        headers.update(own)
        return headers

    async def _end(
        self, exchange: Exchange, response: web.StreamResponse, ending: Ending
    ) -> web.StreamResponse:
        """What follows the last byte; `complete` is what aiohttp does with the response it is given."""
        connection = exchange.connection
        match ending:
            case "complete":
                return response
            case "hang":
                await exchange.wait_for_departure()
                return self.nothing(exchange)
            case "reset":
                await connection.settle()
                return self.nothing(exchange)
            case "close":
                self._journal.close(exchange)
                connection.close()
                return response


async def _play(exchange: Exchange, response: web.StreamResponse, turn: Turn, stream: Stream) -> bool:
    """Send each content event when it is due, and wait until the next one would be. False if ended early."""
    sent = 0
    while True:
        due = min(turn.events_due(), stream.events, sent + _EVENTS_A_WRITE)
        if due > sent:
            data = b"".join(map(stream.content, range(sent, due)))
            if await _send(exchange, response, data):
                exchange.events = due
            sent = due
        if not await turn.to_event(sent):
            return False
        if sent == stream.events:
            return True


async def _open(exchange: Exchange, request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Send the headers."""
    exchange.status = response.status
    if exchange.connection.lost:
        return
    try:
        await response.prepare(request)
    except ConnectionError:
        return


async def _send(exchange: Exchange, response: web.StreamResponse, data: bytes) -> bool:
    """Send a part of the body; False when there is nobody to send it to, which is nothing wrong."""
    connection = exchange.connection
    if connection.unsent_bytes > _MAX_UNSENT_BYTES:
        await asyncio.sleep(0)  # uvloop hands over what was written at the end of its turn
    while connection.unsent_bytes > _MAX_UNSENT_BYTES and not exchange.ended_early:
        await exchange.wait(_LOOK_AGAIN_US)
    if connection.lost or exchange.ended_early or not response.prepared:
        return False
    if data:  # an empty chunk would be the end of a chunked body
        try:
            await response.write(data)
        except ConnectionError:
            return False
    return True
