"""The imitated APIs: a request is read, decided on, waited for and answered."""

import os

import msgspec

from mockserver.clock import Clock
from mockserver.core.decisions import Arrival, Fault, Generate
from mockserver.core.limits import Levels
from mockserver.errors import WireError
from mockserver.http.message import HttpRequest
from mockserver.http.protocol import Rest
from mockserver.http.reader import Refusal
from mockserver.http.reply import Reply
from mockserver.rules import REFUSING, RequestRule
from mockserver.server.delivery import Delivery
from mockserver.server.engine import Engine, Turn
from mockserver.server.exchange import Exchange
from mockserver.server.journal import Journal
from mockserver.server.routes import Route, dialect_of, label_of, route_of
from mockserver.units import US_PER_MS
from mockserver.wire.answer import Answer, Moment
from mockserver.wire.dialect import Dialect
from mockserver.wire.identity import read_ids
from mockserver.wire.intake import read_request, refused
from mockserver.wire.request import ParsedRequest
from mockserver.wire.spoil import spoil_stream


def refuse(refusal: Refusal, reply: Reply) -> None:
    """The answer to what is no HTTP request: as there is no path, nobody can say of which API it is."""
    body = {
        "error": {"message": refusal.message, "type": "invalid_request_error", "param": None, "code": None}
    }
    reply.whole(refusal.status, {"content-type": "application/json"}, msgspec.json.encode(body))


class Api:
    """Handles every path that is not of the admin interface."""

    def __init__(self, engine: Engine, journal: Journal, clock: Clock) -> None:
        self._engine = engine
        self._journal = journal
        self._clock = clock
        self._delivery = Delivery(journal, clock)
        self._ids_prefix = os.urandom(10).hex()
        self._last_id = 0

    def handle(self, request: HttpRequest, reply: Reply) -> Rest | None:
        """One request: it has been answered, or what is given has yet to answer it.

        The log has it before the last byte of its reply is sent.
        """
        received_us = self._clock.now_us()
        exchange = self._journal.open(label_of(request.path), received_us, reply, self._next_id())
        try:
            rest = self._answered(exchange, request)
        except Exception:  # a bug of ours: its line is due all the same
            self._journal.close(exchange)
            raise
        return None if rest is None else self._to_its_end(exchange, rest)

    async def _to_its_end(self, exchange: Exchange, rest: Rest) -> None:
        try:
            await rest
        finally:
            self._journal.close(exchange)

    def _answered(self, exchange: Exchange, request: HttpRequest) -> Rest | None:
        try:
            route = route_of(request)
            arrival, parsed = self._read(exchange, request, route)
            at_once = None if route.at_once is None else route.at_once(parsed)
        except WireError as error:
            dialect = dialect_of(request)
            self._delivery.whole(exchange, dialect, dialect.refused(error, self._moment(exchange)))
            return None
        early = self._engine.early(arrival)
        exchange.early_us = early.of_call_us or early.of_account_us or None
        if at_once is None:
            return self._generation(exchange, route.dialect, arrival, parsed)
        return self._at_once(exchange, route.dialect, arrival, at_once)

    async def _at_once(self, exchange: Exchange, dialect: Dialect, arrival: Arrival, answer: Answer) -> None:
        """Where nothing is generated, only injected faults are met."""
        rule = self._engine.fault(arrival)
        if rule is None:
            self._delivery.whole(exchange, dialect, answer)
            return
        exchange.fault = rule.name
        if rule.action in REFUSING:
            await self._injected(exchange, dialect, Fault(rule, Levels()))
            return
        if rule.action == "delay":
            await self._engine.pause(exchange, round(rule.delay_ms * US_PER_MS))
        await self._spoiled(exchange, dialect, answer, rule, Levels())

    def _read(self, exchange: Exchange, request: HttpRequest, route: Route) -> tuple[Arrival, ParsedRequest]:
        """Everything a request says; raises WireError for the first thing wrong with it."""
        ids = read_ids(request.headers)
        exchange.call = exchange.arrival if ids.call is None else ids.call
        exchange.attempt = ids.attempt or 1
        arrival, parsed = read_request(
            route.dialect,
            route.parse,
            request.path,
            request.headers,
            request.body,
            ids=ids,
            number=exchange.arrival,
        )
        if parsed.model:
            exchange.model, exchange.prompt_tokens = parsed.model, parsed.prompt_tokens
        exchange.stream = parsed.stream
        return arrival, parsed

    def _generation(
        self, exchange: Exchange, dialect: Dialect, arrival: Arrival, parsed: ParsedRequest
    ) -> Rest | None:
        match self._engine.decide(arrival):
            case Generate() as generate:
                return self._generated(exchange, dialect, generate, parsed)
            case Fault() as fault:
                exchange.fault = fault.rule.name
                return self._injected(exchange, dialect, fault)
            case refusal:
                exchange.refused, answer = refused(dialect, refusal, parsed, self._moment(exchange))
        self._delivery.whole(exchange, dialect, answer)
        return None

    def _generated(
        self, exchange: Exchange, dialect: Dialect, generate: Generate, parsed: ParsedRequest
    ) -> Rest | None:
        if generate.fault is not None:
            exchange.fault = generate.fault.name
        turn = self._engine.turn(exchange, generate)
        if parsed.stream:
            return self._streamed(exchange, dialect, turn, generate, parsed)
        if generate.fault is None and turn.over_at_once():
            answer = dialect.whole(generate, parsed, self._moment(exchange))
            self._delivery.whole(exchange, dialect, answer)
            return None
        return self._whole(exchange, dialect, turn, generate, parsed)

    async def _whole(
        self, exchange: Exchange, dialect: Dialect, turn: Turn, generate: Generate, parsed: ParsedRequest
    ) -> None:
        with turn:
            played = await turn.to_the_end()
        if not played:
            self._delivery.nothing(exchange)
            return
        answer = dialect.whole(generate, parsed, self._moment(exchange))
        if generate.fault is None:
            self._delivery.whole(exchange, dialect, answer)
        else:
            await self._spoiled(exchange, dialect, answer, generate.fault, generate.levels)

    async def _spoiled(
        self, exchange: Exchange, dialect: Dialect, answer: Answer, rule: RequestRule, levels: Levels
    ) -> None:
        match rule.action:
            case "delay":
                self._delivery.whole(exchange, dialect, answer)
            case "stream_error":
                self._delivery.whole(exchange, dialect, dialect.broken(levels, self._moment(exchange)))
            case _:
                await self._delivery.spoiled(exchange, dialect, answer, rule)

    async def _streamed(
        self, exchange: Exchange, dialect: Dialect, turn: Turn, generate: Generate, parsed: ParsedRequest
    ) -> None:
        moment = self._moment(exchange)
        stream = dialect.stream(generate, parsed, moment)
        if generate.fault is not None and generate.fault.action != "delay":
            stream = spoil_stream(generate.fault, stream, dialect.error_event(moment))
        await self._delivery.stream(exchange, dialect, turn, generate, stream)

    async def _injected(self, exchange: Exchange, dialect: Dialect, fault: Fault) -> None:
        match fault.rule.action:
            case "status":
                answer = dialect.injected(fault, self._moment(exchange))
                self._delivery.whole(exchange, dialect, answer)
            case "garbage":
                self._delivery.garbage(exchange)
            case "refuse":
                self._delivery.refused(exchange)
            case "hang":
                await exchange.wait_for_departure()
                self._delivery.nothing(exchange)
            case _:  # reset
                self._delivery.nothing(exchange)

    def _moment(self, exchange: Exchange) -> Moment:
        return Moment(exchange.request_id, self._clock.unix_us())

    def _next_id(self) -> str:
        """Unique in this process and, by its random prefix, between processes."""
        self._last_id += 1
        return f"{self._ids_prefix}{self._last_id:012x}"
