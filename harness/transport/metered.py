"""A reply that is looked into on its way to the caller, for the tokens it cost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping

from harness.model import Outcome
from harness.transport.base import HttpResponse
from harness.wire.base import Parsed, StreamReader, Wire
from harness.wire.sse import SseOverflow, SseParser

#: Largest reply looked into; a longer one tells nothing.
MOST_BYTES = 16 * 1024 * 1024

#: What a reply amounts to that was not read to its end.
_UNKNOWN = Parsed(Outcome.PARTIAL)


class MeteredResponse:
    """Hands on a reply as it is. `settle(status, what it means)` is called once, when it is closed."""

    def __init__(self, inner: HttpResponse, wire: Wire, settle: Callable[[int, Parsed], None]) -> None:
        self.status = inner.status
        self.headers: Mapping[str, str] = inner.headers
        self._inner = inner
        self._wire = wire
        self._settle: Callable[[int, Parsed], None] | None = settle
        is_stream = inner.headers.get("content-type", "").lower().startswith("text/event-stream")
        self._reader: StreamReader | None = wire.reader(inner.headers) if is_stream else None
        self._parser = SseParser()
        self._chunks: AsyncIterator[bytes]
        self._body: list[bytes] | None = None if is_stream else []
        self._size = 0
        self._whole = False

    @property
    def read_ns(self) -> int | None:
        """When the socket was read."""
        return self._inner.read_ns

    def header_lines(self) -> list[tuple[str, str]]:
        """Every header as it came."""
        return self._inner.header_lines()

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives."""
        self._chunks = self._inner.chunks()
        return self

    # No generator, as in the fast transport: one that is left early would wait for the collector.
    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await anext(self._chunks)
        except StopAsyncIteration:
            self._whole = True
            raise
        self._look_into(chunk)
        return chunk

    async def aclose(self) -> None:
        """Give the connection back. The reply has cost what it has by then."""
        settle, self._settle = self._settle, None
        if settle is not None:
            settle(self.status, self._meaning())
        await self._inner.aclose()

    def _look_into(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > MOST_BYTES:
            self._body = self._reader = None
        elif self._body is not None:
            self._body.append(chunk)
        elif self._reader is not None:
            try:
                for event in self._parser.feed(chunk):
                    self._reader.feed(event)
            except SseOverflow:
                self._reader = None

    def _meaning(self) -> Parsed:
        if self._reader is not None and (self._whole or self._reader.is_over):
            return self._reader.end()
        if self._body is not None and self._whole:
            return self._wire.parse(self.status, self.headers, b"".join(self._body))
        return _UNKNOWN
