"""The transport over httpx: any AsyncClient the user brings, or one built here from the policy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import httpx

from harness.policy.config import ConnectionsConfig
from harness.transport.aiohttp_backend import KEEPALIVE_S, make_backend
from harness.transport.base import HttpRequest, HttpResponse, TransportError
from harness.transport.classify import CLASSIFIED, classify


class _Response:
    """An httpx response opened as a stream."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response

    @property
    def status(self) -> int:
        return self._response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        return self._response.headers

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.aiter_bytes():
                yield chunk
        except CLASSIFIED as error:
            raise _failure(error) from error

    async def aclose(self) -> None:
        try:
            await self._response.aclose()
        except CLASSIFIED as error:
            raise _failure(error) from error


class HttpxTransport:
    """Carries requests on an `httpx.AsyncClient`, which it closes only if it was told to own it."""

    def __init__(self, client: httpx.AsyncClient, *, owned: bool = False) -> None:
        self._client = client
        self._owned = owned

    async def open(self, request: HttpRequest) -> HttpResponse:
        """Send the request, wait for status and headers."""
        message = self._client.build_request(
            request.method, request.url, headers=dict(request.headers), content=request.content
        )
        try:
            return _Response(await self._client.send(message, stream=True))
        except CLASSIFIED as error:
            raise _failure(error) from error

    async def aclose(self) -> None:
        """Close the client if it was built here."""
        if self._owned:
            await self._client.aclose()


def build(connections: ConnectionsConfig) -> HttpxTransport:
    """The transport a policy asks for. Environment proxies are not used: bring your own client for one."""
    limits = httpx.Limits(
        max_connections=connections.max,
        max_keepalive_connections=connections.keepalive,
        keepalive_expiry=KEEPALIVE_S,
    )
    # httpx's Timeout: connect, read, write and waiting for the pool, each on its own.
    timeout = httpx.Timeout(connections.read_timeout_s, connect=connections.connect_timeout_s)
    headers = {} if connections.reuse else {"connection": "close"}
    backend: httpx.AsyncBaseTransport
    if connections.pool == "aiohttp":
        backend = make_backend(connections)
    else:
        backend = httpx.AsyncHTTPTransport(limits=limits, trust_env=False)
    client = httpx.AsyncClient(transport=backend, timeout=timeout, headers=headers, trust_env=False)
    return HttpxTransport(client, owned=True)


def _failure(error: Exception) -> TransportError:
    outcome, fault = classify(error)
    said = f": {error}" if str(error) else ""
    return TransportError(outcome, fault, f"{type(error).__name__}{said}")
