"""The imitated APIs: a request is read, decided on, waited for and answered."""

import os

from aiohttp import web
from aiohttp.web_exceptions import HTTPRequestEntityTooLarge

from mockserver.clock import Clock
from mockserver.core.decide import Arrival, Fault, Generate, Overload, Throttle
from mockserver.core.limits import Levels
from mockserver.errors import WireError
from mockserver.rules import REFUSING, RequestRule
from mockserver.server.connections import Connections
from mockserver.server.delivery import Delivery
from mockserver.server.engine import Engine
from mockserver.server.exchange import Exchange
from mockserver.server.identity import read_ids
from mockserver.server.journal import Journal
from mockserver.server.routes import Route, dialect_of, route_of
from mockserver.wire.answer import Answer, Moment
from mockserver.wire.dialect import Dialect
from mockserver.wire.fault_header import read_fault_header
from mockserver.wire.request import MAX_BODY_BYTES, ParsedRequest
from mockserver.wire.spoil import spoil_stream


class Api:
    """Handles every path that is not of the admin interface."""

    def __init__(self, engine: Engine, journal: Journal, clock: Clock) -> None:
        self._engine = engine
        self._journal = journal
        self._clock = clock
        self._delivery = Delivery(engine, journal, clock)
        self._ids_prefix = os.urandom(10).hex()
        self._last_id = 0

    async def handle(self, request: web.BaseRequest, connections: Connections) -> web.StreamResponse:
        """One request. The log has it before the last byte of its reply is sent."""
        connection = connections.of(request)
        received_us = self._clock.now_us()
        try:
            body: bytes | None = await request.read()
        except HTTPRequestEntityTooLarge:
            body = None
        except (ConnectionError, web.RequestPayloadError):
            self._journal.unread += 1
            return web.Response()
        exchange = self._journal.open(request.path, received_us, connection, self._next_id())
        try:
            return await self._answered(exchange, request, body)
        finally:
            self._journal.close(exchange)

    async def _answered(
        self, exchange: Exchange, request: web.BaseRequest, body: bytes | None
    ) -> web.StreamResponse:
        try:
            route = route_of(request.method, request.path)
            arrival, parsed = self._read(exchange, request, route, body)
        except WireError as error:
            dialect = dialect_of(request.path)
            return self._delivery.whole(exchange, dialect, dialect.refused(error, self._moment(exchange)))
        if route.at_once is None:
            return await self._generation(exchange, request, route.dialect, arrival, parsed)
        rule = self._engine.core.fault(arrival, self._clock.now_us())
        if rule is None:
            return self._delivery.whole(exchange, route.dialect, route.at_once(parsed))
        exchange.fault = rule.name
        if rule.action in REFUSING:
            return await self._injected(exchange, route.dialect, Fault(rule, Levels()))
        return await self._spoiled(exchange, request, route.dialect, route.at_once(parsed), rule, Levels())

    def _read(
        self, exchange: Exchange, request: web.BaseRequest, route: Route, body: bytes | None
    ) -> tuple[Arrival, ParsedRequest]:
        """Everything a request says; raises WireError for the first thing wrong with it."""
        ids = read_ids(request.headers)
        exchange.call = exchange.arrival if ids.call is None else ids.call
        exchange.attempt = ids.attempt or 1
        account = route.dialect.account(request.headers)
        fault = read_fault_header(request.headers)
        if body is None and route.method == "POST":
            raise WireError(413, f"The request body is larger than {MAX_BODY_BYTES} bytes.")
        parsed = route.parse(body or b"")
        if parsed.model:
            exchange.model, exchange.prompt_tokens = parsed.model, parsed.prompt_tokens
        exchange.stream = parsed.stream
        arrival = Arrival(
            path=request.path,
            model=parsed.model,
            key=account,
            prompt_tokens=parsed.prompt_tokens,
            max_tokens=parsed.max_tokens,
            call=exchange.call,
            attempt=exchange.attempt,
            wanted_tokens=ids.wanted_tokens,
            headers=request.headers,
            fault=fault,
        )
        return arrival, parsed

    async def _generation(
        self,
        exchange: Exchange,
        request: web.BaseRequest,
        dialect: Dialect,
        arrival: Arrival,
        parsed: ParsedRequest,
    ) -> web.StreamResponse:
        match self._engine.decide(arrival):
            case Generate() as generate:
                if generate.fault is not None:
                    exchange.fault = generate.fault.name
                perform = self._streamed if parsed.stream else self._whole
                return await perform(exchange, request, dialect, generate, parsed)
            case Fault() as fault:
                exchange.fault = fault.rule.name
                return await self._injected(exchange, dialect, fault)
            case Throttle() as throttle:
                exchange.refused = throttle.exceeded.kind
                answer = dialect.throttled(throttle, parsed, self._moment(exchange))
            case Overload() as overload:
                exchange.refused = "overloaded"
                answer = dialect.overloaded(overload, self._moment(exchange))
        return self._delivery.whole(exchange, dialect, answer)

    async def _whole(
        self,
        exchange: Exchange,
        request: web.BaseRequest,
        dialect: Dialect,
        generate: Generate,
        parsed: ParsedRequest,
    ) -> web.StreamResponse:
        with self._engine.turn(exchange, generate) as turn:
            played = await turn.to_the_end()
        if not played:
            return self._delivery.nothing(exchange)
        answer = dialect.whole(generate, parsed, self._moment(exchange))
        if generate.fault is None:
            return self._delivery.whole(exchange, dialect, answer)
        return await self._spoiled(exchange, request, dialect, answer, generate.fault, generate.levels)

    async def _spoiled(
        self,
        exchange: Exchange,
        request: web.BaseRequest,
        dialect: Dialect,
        answer: Answer,
        rule: RequestRule,
        levels: Levels,
    ) -> web.StreamResponse:
        if rule.action == "stream_error":
            return self._delivery.whole(exchange, dialect, dialect.broken(levels, self._moment(exchange)))
        return await self._delivery.spoiled(exchange, request, dialect, answer, rule)

    async def _streamed(
        self,
        exchange: Exchange,
        request: web.BaseRequest,
        dialect: Dialect,
        generate: Generate,
        parsed: ParsedRequest,
    ) -> web.StreamResponse:
        moment = self._moment(exchange)
        stream = dialect.stream(generate, parsed, moment)
        if generate.fault is not None:
            stream = spoil_stream(generate.fault, stream, dialect.error_event(moment))
        return await self._delivery.stream(exchange, request, dialect, generate, stream)

    async def _injected(self, exchange: Exchange, dialect: Dialect, fault: Fault) -> web.StreamResponse:
        match fault.rule.action:
            case "status":
                answer = dialect.injected(fault, self._moment(exchange))
                return self._delivery.whole(exchange, dialect, answer)
            case "garbage":
                return self._delivery.garbage(exchange)
            case "hang":
                await exchange.wait_for_departure()
                return self._delivery.nothing(exchange)
            case _:  # reset
                return self._delivery.nothing(exchange)

    def _moment(self, exchange: Exchange) -> Moment:
        return Moment(exchange.request_id, self._clock.unix_us())

    def _next_id(self) -> str:
        """Unique in this process and, by its random prefix, between processes."""
        self._last_id += 1
        return f"{self._ids_prefix}{self._last_id:012x}"
