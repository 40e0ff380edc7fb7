"""The resilient client: what an application imports."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Mapping, Sequence
from functools import partial
from math import inf
from random import Random
from types import TracebackType
from typing import Any, Self

from harness import clock, errors
from harness.client.ask import Ask
from harness.client.calls import Calls, Listeners
from harness.client.endpoint import DEFAULT_MODELS, Endpoint, WireName
from harness.client.ends import reply_or_raise
from harness.client.mapping import Item, as_prompts, map_calls
from harness.client.messages import COPYWRITER, AnyMessage, as_extra, as_messages, copy_messages
from harness.client.route import routes_of, transport_for
from harness.client.stream import CopyStream, OpenStream
from harness.exchange.streamed import Streamed
from harness.model import Event, Reply, Request
from harness.pipeline.call_state import CallState
from harness.policy.config import Policy
from harness.policy.presets import as_policy
from harness.transport.base import Transport

DEFAULT_MAX_TOKENS = 1000
DEFAULT_TEMPERATURE = 0.7

#: How many calls of a batch are under way at once where the policy sets no limit.
BATCH_WIDTH = 100


class ResilientClient:
    """Calls an LLM API through a policy: deadline, retries, breaker, rate and concurrency limits.

    `base_url` and `api_key` default to the environment variables of the provider whose format `wire` names
    (see Endpoint). `model` is asked where a call names none (default: gpt-4.1, or a small Claude). `policy`
    is a preset's name or a Policy. `fallback` is a second API for calls the first could not serve;
    `policy.fallback` may name a second model. `listeners` are called with every event, on the event loop:
    they must be quick. `transport` replaces the one the policy asks for. `send_ids` adds
    `x-primetime-*` headers for the bundled mock server. `rng` draws jitter. Raises ConfigError for settings
    that cannot work. For use from one event loop; see SyncClient for scripts.
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        wire: WireName = "openai",
        model: str | None = None,
        policy: Policy | str = "tuned",
        fallback: Endpoint | None = None,
        transport: Transport | None = None,
        listeners: Iterable[Callable[[Event], None]] = (),
        send_ids: bool = False,
        rng: Random | None = None,
        now_ns: Callable[[], int] = clock.now_ns,
    ) -> None:
        self.policy = as_policy(policy)
        self.endpoint = Endpoint(base_url, api_key, wire)
        self.model = _checked_model(DEFAULT_MODELS[wire] if model is None else model)
        self._transport = transport_for(self.policy, transport)
        emit = self._listeners = Listeners(listeners)
        self._calls = Calls(self.policy.deadline_s, now_ns, emit)
        self.routes = routes_of(
            self.policy,
            self.endpoint,
            fallback,
            transport=self._transport,
            rng=rng or Random(),
            now_ns=now_ns,
            emit=emit,
            send_ids=send_ids,
        )

    def __repr__(self) -> str:
        return f"ResilientClient({self.endpoint.shown!r}, policy={self.policy.name!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections; streams still open end as cancelled."""
        await self._calls.close()
        await self._transport.aclose()

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call this function, too, with every event from now on; see `listeners`."""
        self._listeners.add(listener)

    async def generate_copy(
        self,
        prompt: str,
        model: str | None = None,
        max_tokens: int | None = DEFAULT_MAX_TOKENS,
        *,
        system: str | None = COPYWRITER,
        temperature: float | None = DEFAULT_TEMPERATURE,
        priority: int = 0,
        deadline_s: float | None = None,
        idempotency_key: str | None = None,
    ) -> Reply:
        """Write one piece of copy. Where calls have to wait, those of higher `priority` go first.

        With `max_tokens` None the API's own bound holds (OpenAI's; Anthropic wants one). `deadline_s` bounds
        this call where the policy's deadline is longer; `idempotency_key` is a header of every attempt.

        Raises the CallError of the call's outcome when it did not succeed, RequestError for what cannot be
        sent, as an empty prompt or `max_tokens` under 1.
        """
        request = Request(copy_messages(prompt, system), self._model(model), max_tokens, temperature)
        return await self._complete(request, Ask(priority, deadline_s, idempotency_key))

    async def chat(
        self,
        messages: Sequence[AnyMessage],
        model: str | None = None,
        max_tokens: int | None = DEFAULT_MAX_TOKENS,
        *,
        temperature: float | None = None,
        priority: int = 0,
        deadline_s: float | None = None,
        idempotency_key: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Reply:
        """The reply to a conversation; messages are Message or {"role": ..., "content": ...}.

        `extra` are further fields of the request's body, as the API defines them. The rest, and what is
        raised, is as of `generate_copy`.
        """
        request = Request(
            as_messages(messages), self._model(model), max_tokens, temperature, extra=as_extra(extra)
        )
        return await self._complete(request, Ask(priority, deadline_s, idempotency_key))

    def stream(
        self,
        prompt: str | Sequence[AnyMessage],
        model: str | None = None,
        max_tokens: int | None = DEFAULT_MAX_TOKENS,
        *,
        system: str | None = COPYWRITER,
        temperature: float | None = DEFAULT_TEMPERATURE,
        priority: int = 0,
        extra: Mapping[str, Any] | None = None,
    ) -> CopyStream:
        """The reply as it is written: an async context manager to iterate over; see CopyStream.

        A prompt is sent with `system`, a conversation without; both with `temperature`.
        """
        messages = copy_messages(prompt, system) if isinstance(prompt, str) else as_messages(prompt)
        request = Request(
            messages, self._model(model), max_tokens, temperature, stream=True, extra=as_extra(extra)
        )
        return CopyStream(partial(self._open, request, Ask(priority)))

    def map(
        self,
        prompts: Iterable[str] | AsyncIterable[str],
        model: str | None = None,
        max_tokens: int | None = DEFAULT_MAX_TOKENS,
        *,
        system: str | None = COPYWRITER,
        temperature: float | None = DEFAULT_TEMPERATURE,
        priority: int = 0,
        ordered: bool = False,
        at_once: int | None = None,
    ) -> AsyncGenerator[Item, None]:
        """Write many pieces: an Item a prompt, as they are completed, or with `ordered` in their order.

        Prompts are taken only as fast as results are: at most `at_once` calls (default: as many as there are
        permits; never more than may wait for one) are under way or waiting to be read. A prompt that cannot
        be sent is an Item, too. Leaving the loop early cancels the rest (with `contextlib.aclosing`, at
        once).
        """
        if at_once is not None and (type(at_once) is not int or at_once < 1):
            raise errors.RequestError(f"at_once = {at_once!r}: expected a whole number, at least 1")

        async def write(prompt: str) -> Reply:
            return await self.generate_copy(
                prompt, model, max_tokens, system=system, temperature=temperature, priority=priority
            )

        width = min(at_once or self._width, self._most_at_once)
        return map_calls(write, as_prompts(prompts), width, ordered=ordered)

    async def batch_generate(
        self,
        prompts: Sequence[str],
        model: str | None = None,
        max_tokens: int | None = DEFAULT_MAX_TOKENS,
        *,
        priority: int = 0,
    ) -> list[Reply | errors.CallError]:
        """Write many pieces: one entry a prompt, in their order, a reply or the error its call ended in.

        No more calls are under way at once than the policy has permits. Raises RequestError, before anything
        is sent, when a prompt cannot be.
        """
        prompts = [prompt async for prompt in as_prompts(prompts)]
        for prompt in prompts:
            self.routes[0].encode(Request(copy_messages(prompt, COPYWRITER), self._model(model), max_tokens))
        results: list[Reply | errors.CallError] = []
        async for item in self.map(prompts, model, max_tokens, priority=priority, ordered=True):
            if isinstance(item.result, errors.RequestError):
                raise item.result
            results.append(item.result)
        return results

    def _model(self, model: str | None) -> str:
        return self.model if model is None else model

    @property
    def _width(self) -> int:
        return self.routes[0].pipeline.gate.limit or BATCH_WIDTH

    @property
    def _most_at_once(self) -> float:
        """More calls at once than this would turn each other away."""
        waiting = self.policy.admission.max_waiting
        limit = self.routes[0].pipeline.gate.limit
        return inf if waiting is None or limit is None else limit + waiting

    async def _complete(self, request: Request, ask: Ask) -> Reply:
        bodies = [route.encode(request) for route in self.routes]
        call = self._calls.begin(request.model, ask)
        ways = [route.whole(call, body) for route, body in zip(self.routes, bodies, strict=True)]
        await self._calls.run(call, ways)
        return reply_or_raise(call)

    async def _open(self, request: Request, ask: Ask) -> OpenStream | CallState:
        bodies = [route.encode(request) for route in self.routes]
        call = self._calls.begin(request.model, ask, streaming=True)
        ways = [route.streamed(call, body) for route, body in zip(self.routes, bodies, strict=True)]
        pipeline = await self._calls.run(call, ways)
        if isinstance(call.opened, Streamed):
            return OpenStream(self._calls, call, pipeline, call.opened, self.policy.idle_timeout_s)
        return call


def _checked_model(model: str) -> str:
    if not isinstance(model, str) or not model.strip():
        raise errors.expected("model", model, "the name of a model")
    return model
