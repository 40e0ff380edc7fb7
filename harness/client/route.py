"""One choice of where a call may be served: an endpoint, and policies of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from random import Random

import msgspec

from harness.client.calls import Way
from harness.client.endpoint import Endpoint
from harness.errors import expected
from harness.exchange.peer import Peer
from harness.exchange.streamed import Streamed
from harness.exchange.whole import exchange
from harness.model import Attempt, Event, Request, Tag
from harness.pipeline.attempting import Progress
from harness.pipeline.call_state import CallState
from harness.pipeline.pipeline import Pipeline
from harness.policy.config import Policy
from harness.transport import httpx_transport
from harness.transport.base import HttpRequest, Transport
from harness.wire.choose import wire_named
from harness.wire.estimate import estimate_tokens

#: As the SDKs of OpenAI and Anthropic name it.
IDEMPOTENCY_HEADER = "idempotency-key"


@dataclass(frozen=True, slots=True)
class Route:
    """Sends calls to one endpoint. `model` replaces the caller's; None keeps it."""

    pipeline: Pipeline
    peer: Peer
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    model: str | None
    send_ids: bool

    def encode(self, request: Request) -> bytes:
        """The body of a request on this route. Raises RequestError."""
        if self.model is not None:
            request = msgspec.structs.replace(request, model=self.model)
        return self.peer.wire.encode(request)

    def whole(self, call: CallState, body: bytes) -> Way:
        """The way of a call whose reply is read whole."""

        async def send(progress: Progress) -> Attempt:
            return await exchange(self.peer, self._request(call, body, progress), progress)

        return Way(self.pipeline, send, partial(estimate_tokens, body))

    def streamed(self, call: CallState, body: bytes) -> Way:
        """The way of a call whose reply is a stream."""

        async def send(progress: Progress) -> Attempt | Streamed:
            return await Streamed(self.peer, self._request(call, body, progress), progress).open()

        return Way(self.pipeline, send, partial(estimate_tokens, body))

    def _request(self, call: CallState, body: bytes, progress: Progress) -> HttpRequest:
        headers = {**self.headers, **ids_of(call.tag, progress)} if self.send_ids else self.headers
        if call.idempotency_key is not None:
            headers = {**headers, IDEMPOTENCY_HEADER: call.idempotency_key}
        return HttpRequest("POST", self.url, headers, body)


def ids_of(tag: Tag, progress: Progress) -> dict[str, str]:
    """The headers that tell the bundled mock server which attempt this is."""
    headers = {"x-primetime-call": str(progress.call_id), "x-primetime-attempt": str(progress.number)}
    if tag.reply_tokens is not None:
        headers["x-primetime-tokens"] = str(tag.reply_tokens)
    return headers


def transport_for(policy: Policy, transport: Transport | None) -> Transport:
    """What carries a client's requests: what its user brought, or what its policy asks for."""
    if transport is None:
        return httpx_transport.build(policy.connections)
    if not hasattr(transport, "open") or not hasattr(transport, "aclose"):
        what = "a transport of harness.transport, as HttpxTransport(your_client)"
        raise expected("transport", transport, what)
    return transport


def pipelines_of(
    policy: Policy,
    *,
    second: bool,
    rng: Random,
    now_ns: Callable[[], int],
    emit: Callable[[Event], None],
) -> list[Pipeline]:
    """The pipeline of the first choice and, with `second`, of the fallback, each with limits of its own."""
    reserve_s = policy.fallback.reserve_s
    if reserve_s and not second:
        raise expected("fallback.reserve_s", reserve_s, "0 where there is no fallback model or endpoint")
    first = Pipeline(policy, rng=rng, now_ns=now_ns, emit=emit, reserve_s=reserve_s)
    return [first, Pipeline(policy, rng=rng, now_ns=now_ns, emit=emit, route=1)] if second else [first]


def routes_of(
    policy: Policy,
    endpoint: Endpoint,
    fallback: Endpoint | None,
    *,
    transport: Transport,
    rng: Random,
    now_ns: Callable[[], int],
    emit: Callable[[Event], None],
    send_ids: bool,
) -> list[Route]:
    """The routes of a client, the first choice first."""
    if fallback is not None and not isinstance(fallback, Endpoint):
        raise expected("fallback", fallback, "an Endpoint")
    second = fallback is not None or policy.fallback.model is not None
    if fallback is not None and fallback.wire != endpoint.wire and policy.fallback.model is None:
        raise expected("fallback.model", None, f"a model of the fallback, which speaks {fallback.wire}")
    places = [(endpoint, None), (fallback or endpoint, policy.fallback.model)]
    pipelines = pipelines_of(policy, second=second, rng=rng, now_ns=now_ns, emit=emit)
    routes = []
    for pipeline, (place, model) in zip(pipelines, places, strict=False):
        wire = wire_named(place.wire)
        peer = Peer(transport, wire, place.key, now_ns)
        routes.append(Route(pipeline, peer, place.url + wire.path, wire.headers(place.key), model, send_ids))
    return routes
