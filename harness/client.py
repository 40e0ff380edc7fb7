"""The resilient client: what an application imports."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextvars import ContextVar
from itertools import count
from random import Random
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from harness import clock, errors
from harness.model import (
    Attempt,
    Call,
    CallFinished,
    Event,
    Fault,
    Outcome,
    Reply,
    Request,
    StoppedBy,
    Tag,
)
from harness.pipeline.pipeline import CallState, Pipeline
from harness.policy.config import Policy
from harness.policy.presets import preset
from harness.transport import httpx_transport
from harness.transport.base import HttpRequest, Transport, TransportError
from harness.wire import openai
from harness.wire.address import is_http_address

#: The article's system prompt: "You are an expert in writing Thai content."
COPYWRITER = "คุณเป็นผู้เชี่ยวชาญด้านการเขียนคอนเทนต์ภาษาไทย"

DEFAULT_BASE_URL = "https://api.openai.com/v1"
DEFAULT_MODEL = "gpt-4.1"

#: Largest body read; a longer one is `malformed`.
MAX_BODY_BYTES = 16 * 1024 * 1024

#: How many calls of a batch are under way at once where the policy sets no limit.
BATCH_WIDTH = 100

#: Asked for a tag at every call made in this context; how a load generator names its calls.
next_tag: ContextVar[Callable[[], Tag] | None] = ContextVar("next_tag", default=None)

_ERRORS: dict[Outcome, type[errors.CallError]] = {
    Outcome.THROTTLED: errors.Throttled,
    Outcome.OVERLOADED: errors.Overloaded,
    Outcome.TRANSIENT: errors.Transient,
    Outcome.TIMEOUT: errors.TimedOut,
    Outcome.MALFORMED: errors.Malformed,
    Outcome.LOCAL: errors.LocalExhaustion,
    Outcome.FATAL: errors.Fatal,
    Outcome.DEADLINE: errors.DeadlineExceeded,
    Outcome.REJECTED: errors.Rejected,
}

_REFUSED = {
    StoppedBy.BREAKER: "the circuit breaker is open",
    StoppedBy.ADMISSION: "too many calls are waiting",
    StoppedBy.DEADLINE: "the deadline passed before a permit was free",
}


class ResilientClient:
    """Calls an OpenAI-compatible API through a policy: deadline, retries, breaker, concurrency limit.

    `base_url` and `api_key` default to OPENAI_BASE_URL and OPENAI_API_KEY. `policy` is a preset's name or a
    Policy. `listeners` are called with every event, on the event loop: they must be quick and not raise.
    `transport` replaces the one the policy asks for. `send_ids` adds `x-primetime-*` headers for the bundled
    mock server. `rng` draws jitter. Raises ConfigError for settings that cannot work.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        policy: Policy | str = "tuned",
        transport: Transport | None = None,
        listeners: Iterable[Callable[[Event], None]] = (),
        send_ids: bool = False,
        rng: Random | None = None,
        now_ns: Callable[[], int] = clock.now_ns,
    ) -> None:
        self.policy = preset(policy) if isinstance(policy, str) else policy
        self._base_url = _checked_url(base_url or os.environ.get("OPENAI_BASE_URL") or DEFAULT_BASE_URL)
        self._key = _checked_key(api_key or os.environ.get("OPENAI_API_KEY"))
        self._headers = openai.headers(self._key)
        self._transport = transport or httpx_transport.build(self.policy.connections)
        self._listeners = tuple(listeners)
        self._send_ids = send_ids
        self._now_ns = now_ns
        self._ids = count()
        self.pipeline = Pipeline(self.policy, rng=rng or Random(), now_ns=now_ns, emit=self._emit)

    def __repr__(self) -> str:
        address = urlsplit(self._base_url)
        shown = address._replace(netloc=address.netloc.rpartition("@")[2]).geturl()  # without a password
        return f"ResilientClient({shown!r}, policy={self.policy.name!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    async def generate_copy(
        self,
        prompt: str,
        model: str = DEFAULT_MODEL,
        max_tokens: int = 1000,
        *,
        system: str | None = COPYWRITER,
        temperature: float | None = 0.7,
    ) -> Reply:
        """Write one piece of copy.

        Raises the CallError of the call's outcome when it did not succeed, RequestError for an empty prompt
        or `max_tokens` under 1.
        """
        request = Request(prompt, model, max_tokens, system, temperature)
        body = openai.encode(request)
        tags = next_tag.get()
        tag = tags() if tags else Tag()
        call_id = next(self._ids) if tag.call_id is None else tag.call_id
        start_ns = self._now_ns()

        async def send(number: int, waited_ns: int) -> Attempt:
            return await self._send(body, call_id, number, waited_ns, tag)

        state = self.pipeline.begin(call_id, send)
        try:
            await self.pipeline.run(state)
        except asyncio.CancelledError:
            self._finish(state, request, tag, start_ns, cancelled=True)
            raise
        self._finish(state, request, tag, start_ns, cancelled=False)
        return _reply_or_raise(state)

    async def batch_generate(
        self, prompts: Sequence[str], model: str = DEFAULT_MODEL, max_tokens: int = 1000
    ) -> list[Reply | errors.CallError]:
        """Write many pieces: one entry a prompt, in their order, a reply or the error its call ended in.

        No more calls are under way at once than the policy has permits.
        """
        for prompt in prompts:
            openai.encode(Request(prompt, model, max_tokens))  # all or none: a bad prompt costs no request
        results: list[Reply | errors.CallError | None] = [None] * len(prompts)
        todo = iter(range(len(prompts)))

        async def work() -> None:
            for index in todo:
                try:
                    results[index] = await self.generate_copy(prompts[index], model, max_tokens)
                except errors.CallError as error:
                    results[index] = error

        width = min(len(prompts), self.pipeline.permits.limit or BATCH_WIDTH)
        async with asyncio.TaskGroup() as group:
            for _ in range(width):
                group.create_task(work())
        return [result for result in results if result is not None]

    async def _send(self, body: bytes, call_id: int, number: int, waited_ns: int, tag: Tag) -> Attempt:
        """One exchange, from request to the last byte of the reply."""
        headers = self._with_ids(call_id, number, tag) if self._send_ids else self._headers
        request = HttpRequest("POST", self._base_url + openai.PATH, headers, body)
        sent_ns = self._now_ns()
        headers_ns: int | None = None
        status: int | None = None
        try:
            response = await self._transport.open(request)
            headers_ns, status = self._now_ns(), response.status
            try:
                content = await _read(response.chunks())
                parsed = openai.parse(status, response.headers, content)
            finally:
                await response.aclose()
        except TransportError as error:
            parsed = openai.Parsed(error.outcome, error.fault, detail=str(error))
        return Attempt(
            call_id,
            number,
            sent_ns,
            self._now_ns(),
            parsed.outcome,
            parsed.fault,
            status=status,
            code=parsed.code and parsed.code.replace(self._key, "[key]"),
            headers_ns=headers_ns,
            permit_wait_ns=waited_ns,
            retry_after_s=parsed.retry_after_s,
            should_retry=parsed.should_retry,
            request_id=parsed.request_id,
            detail=parsed.detail.replace(self._key, "[key]"),  # gateways echo headers in their error pages
            reply=parsed.reply,
        )

    def _with_ids(self, call_id: int, number: int, tag: Tag) -> dict[str, str]:
        headers = {**self._headers, "x-primetime-call": str(call_id), "x-primetime-attempt": str(number)}
        if tag.reply_tokens is not None:
            headers["x-primetime-tokens"] = str(tag.reply_tokens)
        return headers

    def _finish(
        self, state: CallState, request: Request, tag: Tag, start_ns: int, *, cancelled: bool
    ) -> None:
        last, reply = state.last, state.last and state.last.reply
        intended_ns = start_ns if tag.intended_ns is None else tag.intended_ns
        call = Call(
            state.call_id,
            intended_ns,
            start_ns,
            self._now_ns(),
            Outcome.CANCELLED if cancelled else state.outcome,
            StoppedBy.USER if cancelled else state.stopped_by,
            state.attempts,
            request.model,
            tag,
            state.permit_wait_ns,
            state.backoff_ns,
            None if last is None else last.status,
            None if last is None else last.code,
            reply.usage if reply else None,
            _detail(state),
        )
        self._emit(CallFinished(call))

    def _emit(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)


async def _read(chunks: AsyncIterator[bytes]) -> bytes:
    """The whole body, up to MAX_BODY_BYTES."""
    parts, size = [], 0
    async for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            detail = f"the body is longer than {MAX_BODY_BYTES} bytes"
            raise TransportError(Outcome.MALFORMED, Fault.BODY, detail)
    return b"".join(parts)


def _detail(state: CallState) -> str:
    """The end of a call in words."""
    refused = _REFUSED.get(state.stopped_by) if state.stopped_by else None
    if state.last is None:
        return refused or ""
    if refused and state.stopped_by is StoppedBy.BREAKER:
        return f"{state.last.detail}; then {refused}"
    return state.last.detail


def _reply_or_raise(state: CallState) -> Reply:
    last = state.last
    if last is not None and last.reply is not None:
        return last.reply
    message = f"{state.outcome} after {state.attempts} attempts: {_detail(state)}"
    if last is None:
        raise _ERRORS[state.outcome](message)
    raise _ERRORS[state.outcome](
        message,
        status=last.status,
        code=last.code,
        request_id=last.request_id,
        retry_after_s=last.retry_after_s,
        attempts=state.attempts,
    )


def _checked_url(url: str) -> str:
    if not is_http_address(url):
        raise errors.expected("base_url", url, "an address such as https://api.openai.com/v1")
    return url.rstrip("/")


def _checked_key(key: str | None) -> str:
    """The key, if it can stand in a header. A message never shows it."""
    if not key:
        raise errors.ConfigError("api_key: none given and OPENAI_API_KEY is not set: expected an API key")
    if not key.isascii() or not key.isprintable() or key != key.strip():
        raise errors.ConfigError("api_key: expected printable ASCII without line breaks or spaces around it")
    return key
