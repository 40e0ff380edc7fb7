"""The policies under an SDK that stands on httpx.

openai.AsyncOpenAI(http_client=httpx.AsyncClient(transport=ResilientTransport()), max_retries=0)
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from random import Random

import httpx

from harness.model import Event
from harness.policy.config import Policy
from harness.sdk.gateway import Body, Gateway, NoReplyError, Request
from harness.transport.base import Transport


class _Stream(httpx.AsyncByteStream):
    def __init__(self, body: Body, request: httpx.Request) -> None:
        self._body = body
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._body.chunks():
                yield chunk
        except NoReplyError as failure:
            raise _error(failure, self._request) from failure.error

    async def aclose(self) -> None:
        await self._body.aclose()


class ResilientTransport(httpx.AsyncBaseTransport):
    """A transport for `httpx.AsyncClient` that takes each request through a policy as one call.

    `policy` is a preset's name or a Policy, `transport` carries the attempts (default: the one the policy
    asks for), `listeners` are called with every event, `send_ids` adds `x-primetime-*` headers for the
    bundled mock server, `rng` draws jitter. Give the SDK `max_retries=0`: retries are made here.
    A call that ends with an HTTP reply is answered by it; one without, or with a 200 that is no reply, raises
    httpx's own exception, from the CallError that tells more. Raises ConfigError for wrong settings.
    """

    def __init__(
        self,
        policy: Policy | str = "tuned",
        *,
        transport: Transport | None = None,
        listeners: Iterable[Callable[[Event], None]] = (),
        send_ids: bool = False,
        rng: Random | None = None,
    ) -> None:
        self.gateway = Gateway(policy, transport, listeners, send_ids=send_ids, rng=rng)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request of the SDK."""
        asked = Request(
            request.method,
            str(request.url),
            request.headers.multi_items(),
            await request.aread(),
            request.extensions.get("timeout", {}).get("read"),
        )
        try:
            answer = await self.gateway.answer(asked)
        except NoReplyError as failure:
            raise _error(failure, request) from failure.error
        stream = _Stream(answer.body, request)
        return httpx.Response(answer.status, headers=answer.headers, stream=stream, request=request)

    async def aclose(self) -> None:
        """Close all connections."""
        await self.gateway.aclose()


def _error(failure: NoReplyError, request: httpx.Request) -> httpx.TransportError:
    kind: type[httpx.TransportError] = getattr(httpx, failure.kind)
    return kind(str(failure), request=request)
