"""A reply read as it is written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Self

import msgspec

from harness.exchange.peer import Peer, close
from harness.exchange.whole import Whole, read_whole
from harness.model import Attempt, Fault, Outcome
from harness.pipeline.attempting import Opened, Progress
from harness.transport.base import HttpRequest, HttpResponse, TransportError
from harness.wire.base import Parsed, Piece, StreamReader
from harness.wire.sse import SseOverflow, SseParser

EVENT_STREAM = "text/event-stream"
SUCCESS = 2  # of a hundred statuses


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes as they came, and the text they added."""

    raw: bytes
    texts: tuple[str, ...]


class Streamed(Opened):
    """One attempt whose reply is a stream: `open` it to its first output, `read` it to its end, `end` it.

    A reply that is no stream (an error, or a server that does not stream) is read whole by `open`; then
    `whole` is set.
    """

    def __init__(self, peer: Peer, request: HttpRequest, progress: Progress) -> None:
        self.whole: Whole | None = None
        self._peer = peer
        self._request = request
        self._progress = progress
        self._parser = SseParser()
        self._response: HttpResponse | None = None
        self._chunks: AsyncIterator[bytes] | None = None
        self._reader: StreamReader | None = None
        self._held: list[Chunk] = []
        self._failure: Parsed | None = None
        self._over = False
        self._exhausted = False

    @property
    def status(self) -> int:
        """HTTP status, once opened."""
        return self._progress.status or 0

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Headers, once opened."""
        return [] if self._response is None else self._response.header_lines()

    @property
    def text(self) -> str:
        """Everything written so far."""
        return self._reader.text if self._reader else ""

    async def open(self) -> Attempt | Self:
        """Read up to the first output. What fails before it is an attempt that may be made again."""
        try:
            response = await self._peer.transport.open(self._request)
        except TransportError as error:
            return self._peer.failed(self._progress, error)
        self._peer.arrived(self._progress, response)
        self._response = response
        begun = False
        try:
            if not _is_stream(response):
                attempt, body = await read_whole(self._peer, response, self._progress)
                self.whole = Whole(response.status, self.headers, body)
                return attempt
            self._reader = self._peer.wire.reader(response.headers)
            self._chunks = response.chunks()
            begun = await self._to_first_output()
            return self if begun else self._peer.ended(self._progress, self._parsed())
        except TransportError as error:
            return self._peer.failed(self._progress, error)
        finally:
            if not begun:
                await self.aclose()

    async def read(self) -> Chunk | None:
        """The next chunk; None when the stream is over, however it ended."""
        if self._held:
            return self._held.pop(0)
        return await self._next()

    def end(self, outcome: Outcome | None = None, fault: Fault = Fault.NONE, detail: str = "") -> Attempt:
        """The attempt, now that nothing more is read.

        `outcome` is why it was left before its end; one that had ended by then, well or badly, ended so.
        """
        parsed = self._parsed()
        if outcome is not None and parsed.outcome is not Outcome.OK and not self._over:
            parsed = msgspec.structs.replace(parsed, outcome=outcome, fault=fault, detail=detail)
        return self._peer.ended(self._progress, parsed)

    async def read_out(self) -> None:
        """Read to the end of the body, so that the connection can be kept. Raises nothing of its own."""
        try:
            while not self._exhausted and self._chunks is not None:
                self._exhausted = await anext(self._chunks, None) is None
        except TransportError:
            return  # it broke after all that mattered had been read

    async def aclose(self) -> None:
        """Give the connection back, or drop it when the stream was not read to its end."""
        if self._response is not None:
            await close(self._response)

    async def _to_first_output(self) -> bool:
        while (chunk := await self._next()) is not None:
            self._held.append(chunk)
            if self._progress.first_token_ns is not None:
                return True
        return False

    async def _next(self) -> Chunk | None:
        if self._over or self._chunks is None:
            return None
        try:
            raw = await anext(self._chunks, None)
        except TransportError as error:
            self._broke(error.outcome, error.fault, str(error))
            return None
        if raw is None:
            self._over = self._exhausted = True
            return None
        chunk = Chunk(raw, tuple(self._fold(raw)))
        self._over = self._over or (self._reader is not None and self._reader.is_over)
        return chunk

    def _fold(self, raw: bytes) -> list[str]:
        """What the caller is to see of some bytes."""
        reader, texts = self._reader, []
        if reader is None:
            return []
        try:
            events = self._parser.feed(raw)
        except SseOverflow as error:
            self._broke(Outcome.MALFORMED, Fault.BODY, str(error))
            return []
        for event in events:
            piece, text = reader.feed(event)
            if piece is Piece.ERROR:
                self._over = True
                break
            if piece is Piece.OUTPUT and self._progress.first_token_ns is None:
                self._progress.first_token_ns = self._peer.now_ns()
            if text:
                texts.append(text)
        return texts

    def _broke(self, outcome: Outcome, fault: Fault, detail: str) -> None:
        self._over = True
        self._failure = Parsed(outcome, fault, detail=detail)

    def _parsed(self) -> Parsed:
        """What the stream amounts to; after its first output every failure of it is `partial`."""
        if self._reader is None:
            return Parsed(Outcome.MALFORMED, Fault.BODY, detail="the stream was never opened")
        parsed, failure = self._reader.end(), self._failure
        if failure is None or parsed.outcome is Outcome.OK:
            return parsed
        started = self._progress.first_token_ns is not None
        return msgspec.structs.replace(
            parsed,
            outcome=Outcome.PARTIAL if started else failure.outcome,
            fault=failure.fault,
            detail=failure.detail,
        )


def _is_stream(response: HttpResponse) -> bool:
    """A refusal is none, whatever it calls itself."""
    is_success = response.status // 100 == SUCCESS
    return is_success and response.headers.get("content-type", "").lower().startswith(EVENT_STREAM)
