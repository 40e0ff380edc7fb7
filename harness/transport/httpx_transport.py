"""The transport over httpx: any AsyncClient the user brings, or one built here from the policy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import httpx

from harness.policy.config import ConnectionsConfig
from harness.transport.aiohttp_backend import make_backend
from harness.transport.base import KEEPALIVE_S, USER_AGENT, HttpRequest, HttpResponse, TransportError
from harness.transport.classify import CLASSIFIED, classify
from harness.transport.trust import tls_context

#: What httpx decodes wherever it is installed.
ENCODINGS = "gzip, deflate"


class _Response:
    """An httpx response opened as a stream. httpx does not tell when it read the socket."""

    read_ns: int | None = None

    def __init__(self, response: httpx.Response) -> None:
        self._response = response

    @property
    def status(self) -> int:
        return self._response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        return self._response.headers

    def header_lines(self) -> list[tuple[str, str]]:
        return self._response.headers.multi_items()

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
    """Carries requests on an `httpx.AsyncClient` of the user's, and closes it only if told that it may."""

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
        """Close the client if it is ours."""
        if self._owned:
            await self._client.aclose()


class BackendTransport:
    """Carries requests on an httpx transport itself, clear of the redirects, cookies and merging of a client.

    At half the CPU of a client around the same transport. `headers` are sent where a request has none.
    """

    def __init__(
        self, backend: httpx.AsyncBaseTransport, timeout: httpx.Timeout, headers: Mapping[str, str]
    ) -> None:
        self._backend = backend
        self._extensions = {"timeout": timeout.as_dict()}
        self._headers = {"accept-encoding": ENCODINGS, "user-agent": USER_AGENT, **headers}
        self._url = httpx.URL()
        self._url_text = ""

    async def open(self, request: HttpRequest) -> HttpResponse:
        """Send the request, wait for status and headers."""
        if request.url != self._url_text:
            self._url, self._url_text = httpx.URL(request.url), request.url
        message = httpx.Request(
            request.method,
            self._url,
            headers={**self._headers, **request.headers},
            content=request.content,
            extensions=self._extensions,
        )
        try:
            return _Response(await self._backend.handle_async_request(message))
        except CLASSIFIED as error:
            raise _failure(error) from error

    async def aclose(self) -> None:
        """Close all connections."""
        await self._backend.aclose()


def build(connections: ConnectionsConfig) -> BackendTransport:
    """The transport a policy asks for. Environment proxies are not used: bring your own client for one."""
    # httpx's Timeout: connect, read, write and waiting for the pool, each on its own.
    timeout = httpx.Timeout(connections.read_timeout_s, connect=connections.connect_timeout_s)
    return BackendTransport(
        _backend(connections), timeout, {} if connections.reuse else {"connection": "close"}
    )


def _backend(connections: ConnectionsConfig) -> httpx.AsyncBaseTransport:
    if connections.pool == "aiohttp":
        return make_backend(connections)
    limits = httpx.Limits(
        max_connections=connections.max,
        max_keepalive_connections=connections.keepalive,
        keepalive_expiry=KEEPALIVE_S,
    )
    return httpx.AsyncHTTPTransport(verify=tls_context(), limits=limits, trust_env=False)


def _failure(error: Exception) -> TransportError:
    outcome, fault = classify(error)
    said = f": {error}" if str(error) else ""
    return TransportError(outcome, fault, f"{type(error).__name__}{said}")
