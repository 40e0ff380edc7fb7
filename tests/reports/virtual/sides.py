"""The same clients against the same profile on both sides: over sockets in real time, and in virtual time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Literal

import uvloop

from harness import Attempt, AttemptFinished, CallError, ResilientClient
from harness.client.endpoint import WireName
from harness.policy.config import ConnectionsConfig, Policy
from harness.policy.presets import NAIVE
from harness.sim import loop as virtual
from harness.sim.transport import SimTransport
from harness.transport.base import HttpRequest, HttpResponse, Transport
from harness.units import NS
from mockserver import Core, Profile, parse_profile
from mockserver.server.listener import Listener
from mockserver.server.mock import MockServer
from mockserver.server.stopping import Stop
from reports.virtual.provider import VirtualMock
from tests.harness.transport.backends import make_transport
from tests.mockserver.server.running import INSTANT

Kind = Literal["whole", "stream"]
PROMPT = "เขียนแคปชั่นให้ร้านกาแฟ"
SEED = 1

#: What a client is to do, and with what: the first argument asks once, under that many headers.
Main = Callable[["Asker"], Awaitable[None]]


def profile(**sections: Any) -> Profile:
    """A profile in which nothing takes time but for what these sections say."""
    return parse_profile({"name": "test"} | INSTANT | sections)


def connections(**settings: Any) -> ConnectionsConfig:
    """Settings of connections, patient unless they say otherwise."""
    usual = {"max": 100, "keepalive": 100, "connect_timeout_s": 10.0, "read_timeout_s": 10.0}
    return ConnectionsConfig(**{**usual, **settings})


#: Of the requests that the present task sends.
_extra: ContextVar[dict[str, str]] = ContextVar("extra", default={})  # noqa: B039 - never written to


@dataclass(slots=True)
class Dressed:
    """Passes requests on with further headers; keeps the heads of their replies."""

    inner: Transport
    heads: list[dict[str, str]] = field(default_factory=list)

    async def open(self, request: HttpRequest) -> HttpResponse:
        """Send the request, dressed."""
        headers = {**request.headers, **_extra.get()}
        response = await self.inner.open(HttpRequest(request.method, request.url, headers, request.content))
        self.heads.append(dict(response.headers))
        return response

    async def aclose(self) -> None:
        """Close all connections."""
        await self.inner.aclose()


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks, and sleeps in between."""

    client: ResilientClient
    note: Callable[[], dict[str, int]]

    async def ask(self, kind: Kind = "whole", **headers: str) -> None:
        """One call; how it ends is told by its attempts."""
        _extra.set({name.replace("_", "-"): value for name, value in headers.items()})
        with suppress(CallError):
            if kind == "whole":
                await self.client.generate_copy(PROMPT, max_tokens=50)
            else:
                async with self.client.stream(PROMPT, max_tokens=50) as stream:
                    _ = [piece async for piece in stream]


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen on one side: every attempt in order of its call, and the head of every reply.

    `stats` are what the server had to say whenever `note` was called, and at the end.
    """

    attempts: list[Attempt]
    heads: list[dict[str, str]]
    stats: list[dict[str, int]]

    @property
    def ends(self) -> list[tuple[object, ...]]:
        """How each attempt ended, but for when."""
        return [
            (a.call_id, a.number, a.selector, a.status, a.code, a.retry_after_s, a.should_retry, a.usage)
            for a in self.attempts
        ]

    @property
    def times_s(self) -> list[float | None]:
        """Of each attempt: to its head, to its first output, to its end, in seconds."""
        return [
            None if at_ns is None else (at_ns - a.sent_ns) / NS
            for a in self.attempts
            for at_ns in (a.headers_ns, a.first_token_ns, a.end_ns)
        ]


def late_s(real: Seen, played: Seen) -> list[float]:
    """By how much each instant of the real side came later; all that is known on one side is on both."""
    pairs = list(zip(real.times_s, played.times_s, strict=True))
    assert [one is None for one, _ in pairs] == [other is None for _, other in pairs]
    return [one - other for one, other in pairs if one is not None and other is not None]


def on_sockets(
    main: Main, played: Profile, policy: Policy, *, wire: WireName = "openai", backend: str = "fast"
) -> Seen:
    """Play it against the real server, on the transport for load or on another."""

    async def serve() -> Seen:
        stop = Stop()
        listener = Listener.bind(socket.AF_INET, "127.0.0.1", 0)
        server = MockServer(listener, played, SEED, None)
        server.start()
        serving = asyncio.create_task(server.serve(stop, 0.1))
        await asyncio.sleep(0)

        def stats() -> dict[str, int]:
            counts = server._front.counts
            return _stats(server._engine.core, counts.accepted)

        url = f"http://127.0.0.1:{listener.port}/v1"
        try:
            return await _drive(
                main, url, make_transport(backend, policy.connections), policy, stats, wire, None
            )
        finally:
            stop.asked.set()
            await serving

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serve())


def in_virtual_time(main: Main, played: Profile, policy: Policy, *, wire: WireName = "openai") -> Seen:
    """Play it against its likeness."""

    async def serve() -> Seen:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, virtual.VirtualLoop)
        mock = VirtualMock(played, SEED, loop)
        transport = SimTransport(policy.connections, mock)

        def stats() -> dict[str, int]:
            return _stats(mock.core, mock._front.accepted)

        url = "http://virtual.invalid/v1"
        seen = await _drive(main, url, transport, policy, stats, wire, loop.now_ns)
        pool = transport._pool
        assert (pool._in_use, pool._places, pool._idle_count) == (0, {}, 0)
        return seen

    return virtual.run(serve())


def _stats(core: Core, accepted: int) -> dict[str, int]:
    return {
        "accepted": accepted,
        "running": core.running,
        "queued": core.queued,
        "early_retries": core.policeman.early_retries,
        "early_requests": core.policeman.early_requests,
    }


async def _drive(
    main: Main,
    url: str,
    inner: Transport,
    policy: Policy,
    stats: Callable[[], dict[str, int]],
    wire: WireName,
    now_ns: Callable[[], int] | None,
) -> Seen:
    attempts: list[Attempt] = []
    taken: list[dict[str, int]] = []
    dressed = Dressed(inner)

    def note() -> dict[str, int]:
        taken.append(stats())
        return taken[-1]

    clock: dict[str, Any] = {} if now_ns is None else {"now_ns": now_ns}
    async with ResilientClient(
        url,
        "sk-test",
        wire=wire,
        policy=policy,
        transport=dressed,
        listeners=[lambda e: attempts.append(e.attempt) if isinstance(e, AttemptFinished) else None],
        send_ids=True,
        rng=Random(1),
        **clock,
    ) as client:
        await main(Asker(client, note))
        note()
    return Seen(sorted(attempts, key=lambda a: (a.call_id, a.number)), dressed.heads, taken)


def bare(**settings: Any) -> Policy:
    """A client without policies, on connections that are used again."""
    return replace(NAIVE, connections=connections(**settings))
