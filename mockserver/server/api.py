"""The imitated API: a request is read, decided on, waited for and answered."""

import os
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.web_exceptions import HTTPRequestEntityTooLarge

from mockserver.clock import Clock
from mockserver.core.decide import Arrival, Fault, Generate, Overload, Throttle
from mockserver.core.limits import Levels
from mockserver.errors import WireError
from mockserver.server.connections import Connections
from mockserver.server.engine import Engine
from mockserver.server.exchange import Exchange
from mockserver.server.identity import Ids, account_of, read_ids
from mockserver.server.journal import Journal
from mockserver.wire import openai_reply
from mockserver.wire.openai_request import MAX_BODY_BYTES, parse_chat

CHAT_PATH = "/v1/chat/completions"
MODELS_PATH = "/v1/models"
METHODS = {CHAT_PATH: "POST", MODELS_PATH: "GET"}
KNOWN_PATHS = frozenset(METHODS)


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent back."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class Api:
    """Handles every path that is not of the admin interface."""

    def __init__(self, engine: Engine, journal: Journal, clock: Clock) -> None:
        self._engine = engine
        self._journal = journal
        self._clock = clock
        self._ids_prefix = os.urandom(10).hex()
        self._last_id = 0

    async def handle(self, request: web.BaseRequest, connections: Connections) -> web.StreamResponse:
        """One request. The log has it before the first byte of its reply is sent."""
        connection = connections.of(request)
        received_us = self._clock.now_us()
        try:
            body: bytes | None = await request.read()
        except HTTPRequestEntityTooLarge:
            body = None
        except (ConnectionError, web.RequestPayloadError):
            self._journal.unread += 1
            return web.Response()
        exchange = self._journal.open(request.path, received_us, connection)
        try:
            reply = await self._reply(exchange, request, body)
            exchange.status = None if reply is None else reply.status
        finally:
            self._journal.close(exchange)
        if reply is None or exchange.cut is not None:
            connection.reset()
            return web.Response()
        return self._response(reply, exchange)

    async def _reply(self, exchange: Exchange, request: web.BaseRequest, body: bytes | None) -> Reply | None:
        misrouted = _misrouted(request.method, request.path)
        if misrouted is not None:
            return misrouted
        try:
            ids = read_ids(request.headers)
            exchange.call = exchange.arrival if ids.call is None else ids.call
            exchange.attempt = ids.attempt or 1
            account = account_of(request.headers)
            if request.path == MODELS_PATH:
                return await self._models(exchange)
            return await self._chat(exchange, account, ids, body)
        except WireError as error:
            return Reply(error.status, openai_reply.malformed(error))

    async def _models(self, exchange: Exchange) -> Reply | None:
        now_us = self._clock.now_us()
        rule = self._engine.core.fault(MODELS_PATH, "", exchange.call, exchange.attempt, now_us)
        if rule is not None:
            return await self._injected(exchange, Fault(rule, Levels()))
        return Reply(200, openai_reply.model_list())

    async def _chat(self, exchange: Exchange, account: str, ids: Ids, body: bytes | None) -> Reply | None:
        if body is None:
            raise WireError(413, f"The request body is larger than {MAX_BODY_BYTES} bytes.")
        parsed = parse_chat(body)
        exchange.model, exchange.prompt_tokens = parsed.model, parsed.prompt_tokens
        arrival = Arrival(
            path=CHAT_PATH,
            model=parsed.model,
            key=account,
            prompt_tokens=parsed.prompt_tokens,
            max_tokens=parsed.max_tokens,
            call=exchange.call,
            attempt=exchange.attempt,
            wanted_tokens=ids.wanted_tokens,
        )
        match self._engine.decide(arrival):
            case Fault() as fault:
                return await self._injected(exchange, fault)
            case Throttle() as throttle:
                exchange.refused = throttle.exceeded.kind
                return Reply(429, *openai_reply.throttled(throttle, parsed.model))
            case Overload() as overload:
                exchange.refused = "overloaded"
                return Reply(overload.status, *openai_reply.overloaded(overload))
            case Generate() as generate:
                return await self._generated(exchange, generate, parsed.model, parsed.prompt_tokens)

    async def _generated(
        self, exchange: Exchange, generate: Generate, model: str, prompt_tokens: int
    ) -> Reply | None:
        if not await self._engine.play(exchange, generate):
            return None
        body = openai_reply.completion(generate, model, prompt_tokens, self._next_id(), self._clock.unix_s())
        return Reply(200, body, openai_reply.limit_headers(generate.levels))

    async def _injected(self, exchange: Exchange, fault: Fault) -> Reply | None:
        rule = fault.rule
        exchange.fault = rule.name
        match rule.action:
            case "status":
                return Reply(rule.status, *openai_reply.injected(fault))
            case "reset":
                return None
            case "hang":
                exchange.heeds_departure = True
                while not exchange.ended_early:
                    await exchange.wait(None)
                return None

    def _response(self, reply: Reply, exchange: Exchange) -> web.Response:
        taken_us = self._clock.now_us() - exchange.received_us
        headers = {
            "content-type": "application/json",
            "x-request-id": f"req_{self._next_id()}",
            "openai-processing-ms": str(taken_us // 1000),
            "openai-version": "2020-10-01",
        }
        headers.update(reply.headers)
        return web.Response(status=reply.status, body=reply.body, headers=headers)

    def _next_id(self) -> str:
        """Unique in this process and, by its random prefix, between processes."""
        self._last_id += 1
        return f"{self._ids_prefix}{self._last_id:012x}"


def _misrouted(method: str, path: str) -> Reply | None:
    allowed = METHODS.get(path)
    if allowed is None:
        error = WireError(404, f"Invalid URL ({method} {path})")
        return Reply(404, openai_reply.malformed(error))
    if method != allowed:
        message = f"Only {allowed} requests are accepted at {path}."
        error = WireError(405, message, code="method_not_supported")
        return Reply(405, openai_reply.malformed(error), {"allow": allowed})
    return None
