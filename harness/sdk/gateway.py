"""An SDK's HTTP requests, taken through a policy, whatever httpx it stands on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from harness import clock
from harness.client.calls import Calls, Listeners, Way
from harness.client.ends import error_of
from harness.client.route import ids_of, pipelines_of, transport_for
from harness.client.stream import OpenStream
from harness.errors import CallError
from harness.exchange.peer import Peer
from harness.exchange.streamed import Streamed
from harness.model import Attempt, Event, Fault, Outcome
from harness.pipeline.attempting import Progress
from harness.pipeline.call_state import CallState
from harness.policy.config import Policy
from harness.policy.presets import as_policy
from harness.transport.base import HttpRequest, Transport
from harness.wire.choose import wire_for_path
from harness.wire.estimate import estimate_tokens

#: Of one connection, or true only of the bytes on the wire: not passed on.
_OF_THE_WIRE = frozenset({"connection", "content-length", "host", "keep-alive", "transfer-encoding"})

#: Of a reply, whose body is decoded here, and of its last retry.
_NOT_RECEIVED = _OF_THE_WIRE | {"content-encoding", "x-should-retry"}

#: From this status on, an SDK raises an error of its own.
REFUSALS = 400

#: An SDK that was left with retries of its own is told that there have been enough.
_NO_MORE_RETRIES = ("x-should-retry", "false")

#: Exceptions by the names httpx and httpx2 share.
FailureKind = Literal["ConnectError", "ConnectTimeout", "PoolTimeout", "ReadError", "ReadTimeout"]

_FAILURES: dict[Fault, FailureKind] = {
    Fault.CONNECT: "ConnectError",
    Fault.CONNECT_TIMEOUT: "ConnectTimeout",
    Fault.POOL: "PoolTimeout",
}
_TIMEOUTS = (Outcome.TIMEOUT, Outcome.DEADLINE)


class NoReplyError(Exception):
    """A request without an HTTP reply; `kind` names the exception of httpx that says so to the SDK."""

    def __init__(self, kind: FailureKind, error: CallError) -> None:
        super().__init__(str(error))
        self.kind = kind
        self.error = error


class _Asked(msgspec.Struct):
    """What the policies need to know of a request's body."""

    model: str = ""
    stream: bool = False


_asked = msgspec.json.Decoder(_Asked)


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request of an SDK. `silence_s` is the SDK's own read timeout."""

    method: str
    url: str
    headers: Iterable[tuple[str, str]]
    body: bytes
    silence_s: float | None = None


class Body:
    """The bytes of an answer; a stream's end ends its call. Raises NoReplyError."""

    def __init__(self, whole: bytes, stream: OpenStream | None = None) -> None:
        self._whole = whole
        self._stream = stream

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives."""
        if self._stream is None:
            yield self._whole
            return
        while (chunk := await self._stream.read()) is not None:
            yield chunk.raw
        call = self._stream.call
        if call.outcome is not Outcome.OK:
            raise _failure(call, self._stream.streamed.text)

    async def aclose(self) -> None:
        """The SDK wants no more."""
        if self._stream is not None:
            await self._stream.leave()


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP reply to an SDK."""

    status: int
    headers: list[tuple[str, str]]
    body: Body


class Gateway:
    """Takes each request of an SDK through deadline, retries, breaker and limits as one call.

    Arguments as ResilientClient's. The request's path tells the wire format; requests to other paths are
    taken through the same policies without a look into their replies.
    """

    def __init__(
        self,
        policy: Policy | str,
        transport: Transport | None,
        listeners: Iterable[Callable[[Event], None]],
        *,
        send_ids: bool,
        rng: Random | None,
        now_ns: Callable[[], int] = clock.now_ns,
    ) -> None:
        self.policy = as_policy(policy)
        self._transport = transport_for(self.policy, transport)
        self._now_ns = now_ns
        self._send_ids = send_ids
        emit = Listeners(listeners)
        self._calls = Calls(self.policy.deadline_s, now_ns, emit)
        second = self.policy.fallback.model is not None
        self.pipelines = pipelines_of(
            self.policy, second=second, rng=rng or Random(), now_ns=now_ns, emit=emit
        )

    async def answer(self, request: Request) -> Answer:
        """The reply to a request: the last one there was. Raises NoReplyError where there was none."""
        headers = _passed_on(request.headers)
        wire = wire_for_path(urlsplit(request.url).path)
        peer = Peer(self._transport, wire, _secret(headers), self._now_ns)
        asked = _look_into(request.body)
        call = self._calls.begin(asked.model, streaming=asked.stream, most_s=request.silence_s)
        last: list[Streamed] = []

        async def send(http: HttpRequest, progress: Progress) -> Attempt | Streamed:
            if self._send_ids:
                ids = ids_of(call.tag, progress)
                http = HttpRequest(http.method, http.url, {**http.headers, **ids}, http.content)
            last[:] = [Streamed(peer, http, progress)]
            return await last[0].open()

        bodies = [request.body, _with_model(request.body, self.policy.fallback.model)]
        ways = [
            Way(
                pipeline,
                partial(send, HttpRequest(request.method, request.url, headers, body)),
                partial(estimate_tokens, body),
            )
            for pipeline, body in zip(self.pipelines, bodies, strict=False)
        ]
        pipeline = await self._calls.run(call, ways)
        if isinstance(call.opened, Streamed):
            idle_s = _shorter(self.policy.idle_timeout_s, request.silence_s)
            stream = OpenStream(self._calls, call, pipeline, call.opened, idle_s)
            return Answer(call.opened.status, _received(call.opened.headers), Body(b"", stream))
        return self._whole(call, last)

    async def aclose(self) -> None:
        """Close all connections; streams still open end as cancelled."""
        await self._calls.close()
        await self._transport.aclose()

    @staticmethod
    def _whole(call: CallState, last: list[Streamed]) -> Answer:
        whole = last[0].whole if last else None
        if whole is None or (call.outcome is not Outcome.OK and whole.status < REFUSALS):
            raise _failure(call)  # an SDK takes any 200 for a reply
        headers = _received(whole.headers)
        if call.outcome is not Outcome.OK:
            headers.append(_NO_MORE_RETRIES)
        return Answer(whole.status, headers, Body(whole.body))


def _failure(call: CallState, text: str | None = None) -> NoReplyError:
    last = call.last
    fallback: FailureKind = "ReadError"
    if call.outcome in _TIMEOUTS:
        fallback = "ReadTimeout"
    elif last is None:
        fallback = "ConnectError"
    kind = fallback if last is None else _FAILURES.get(last.fault, fallback)
    return NoReplyError(kind, error_of(call, text))


def _passed_on(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The SDK's headers by lower-case name; repeated ones joined, as HTTP allows."""
    found: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        if key not in _OF_THE_WIRE:
            found[key] = f"{found[key]}, {value}" if key in found else value
    found["accept-encoding"] = "gzip, deflate"  # what every transport here undoes
    return found


def _received(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if name.lower() not in _NOT_RECEIVED]


def _secret(headers: Mapping[str, str]) -> str:
    """The key in a request's headers."""
    named = headers.get("x-api-key") or headers.get("api-key")  # Anthropic's, Azure's
    return named or headers.get("authorization", "").partition(" ")[2]


def _look_into(body: bytes) -> _Asked:
    try:
        return _asked.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Asked()  # no chat request


def _with_model(body: bytes, model: str | None) -> bytes:
    """The body asking another model; one that asks none is left as it is."""
    if model is None or not _look_into(body).model:
        return body
    document: dict[str, Any] = msgspec.json.decode(body)
    return msgspec.json.encode({**document, "model": model})


def _shorter(one_s: float | None, other_s: float | None) -> float | None:
    return min((s for s in (one_s, other_s) if s is not None), default=None)
