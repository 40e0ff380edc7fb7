"""A reply read as it is written."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Self

import msgspec

from harness.exchange.peer import MAX_BODY_BYTES, Peer, below_http, close
from harness.exchange.whole import Whole, read_whole
from harness.model import Attempt, Fault, Outcome
from harness.pipeline.attempting import Opened, Progress
from harness.transport.base import HttpRequest, HttpResponse
from harness.wire.base import Parsed, Piece, StreamReader
from harness.wire.opaque import OPAQUE
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
        self._held: deque[Chunk] = deque()
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
        except Exception as error:  # noqa: BLE001 - whatever it is, it is how this attempt ended
            return self._peer.failed(self._progress, error)
        self._response = response
        self._peer.arrived(self._progress, response)
        is_raw = self._peer.wire is OPAQUE and _is_success(response) and not _is_readable(response)
        if not is_raw and not _is_stream(response):
            return await self._read_whole(response)
        self._chunks = response.chunks()
        if is_raw:  # a file, a voice: passed on as it comes, of any length
            self._progress.first_token_ns = self._peer.read_ns(response)
            return self
        self._reader = self._peer.wire.reader(response.headers)
        begun = False
        try:
            begun = await self._to_first_output()
            return self if begun else self._peer.ended(self._progress, self._parsed())
        except Exception as error:  # noqa: BLE001
            return self._peer.failed(self._progress, error)
        finally:
            if not begun:
                await self.aclose()

    async def read(self) -> Chunk | None:
        """The next chunk; None when the stream is over, however it ended."""
        if self._held:
            return self._held.popleft()
        return await self._next()

    def end(self, outcome: Outcome | None = None, fault: Fault = Fault.NONE, detail: str = "") -> Attempt:
        """The attempt, now that nothing more is read.

        `outcome` is why it was left before its end; one that had ended by then, well or badly, ended so.
        """
        parsed = self._parsed()
        if outcome is not None and parsed.outcome is not Outcome.OK and not self._over:
            parsed = msgspec.structs.replace(parsed, outcome=outcome, fault=fault, detail=detail)
        if parsed.outcome is Outcome.OK and self._response is not None:
            return self._peer.ended(self._progress, parsed, self._peer.read_ns(self._response))
        return self._peer.ended(self._progress, parsed)

    async def read_out(self) -> None:
        """Read to the end of the body, so that the connection can be kept. Raises nothing of its own."""
        try:
            while not self._exhausted and self._chunks is not None:
                self._exhausted = await anext(self._chunks, None) is None
        except Exception:  # noqa: BLE001
            return  # it broke after all that mattered had been read

    async def aclose(self) -> None:
        """Give the connection back, or drop it when the stream was not read to its end."""
        if self._response is not None:
            await close(self._response)

    async def _read_whole(self, response: HttpResponse) -> Attempt:
        """A reply that is no stream; the connection is given back."""
        try:
            attempt, body = await read_whole(self._peer, response, self._progress)
        except Exception as error:  # noqa: BLE001 - as in `open`
            return self._peer.failed(self._progress, error)
        self.whole = Whole(response.status, self.headers, body)
        return attempt

    async def _to_first_output(self) -> bool:
        size = 0
        while (chunk := await self._next()) is not None:
            self._held.append(chunk)
            size += len(chunk.raw)
            if size > MAX_BODY_BYTES:
                detail = f"no output within {MAX_BODY_BYTES} bytes of the stream"
                self._broke(Parsed(Outcome.MALFORMED, Fault.BODY, detail=detail))
                return False
            if self._progress.first_token_ns is not None:
                return True
        return False

    async def _next(self) -> Chunk | None:
        if self._over or self._chunks is None:
            return None
        try:
            raw = await anext(self._chunks, None)
        except Exception as error:  # noqa: BLE001
            self._broke(below_http(error))
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
        if reader is None or self._response is None:
            return []
        read_ns = self._peer.read_ns(self._response)
        try:
            events = self._parser.feed(raw)
        except SseOverflow as error:
            self._broke(Parsed(Outcome.MALFORMED, Fault.BODY, detail=str(error)))
            return []
        for event in events:
            piece, text = reader.feed(event)
            if piece is Piece.ERROR:
                self._over = True
                break
            if piece is not Piece.PREAMBLE:
                self._came(piece, read_ns)
            if text:
                texts.append(text)
        return texts

    def _came(self, piece: Piece, read_ns: int) -> None:
        """Something of the reply itself, in bytes that were read then."""
        progress = self._progress
        if progress.first_token_ns is None:
            progress.first_token_ns = read_ns
        if piece is Piece.OUTPUT:
            if progress.output_ns is None:
                progress.output_ns = array("q")
            progress.output_ns.append(read_ns)

    def _broke(self, failure: Parsed) -> None:
        self._over = True
        self._failure = failure

    def _passed_on(self) -> Parsed:
        """What a body amounts to that nobody here has looked into."""
        if self._exhausted:
            return Parsed(Outcome.OK)
        return Parsed(Outcome.PARTIAL, Fault.STREAM, detail="the body was not read to its end")

    def _parsed(self) -> Parsed:
        """What the stream amounts to; after its first output every failure of it is `partial`."""
        failure = self._failure
        parsed = self._reader.end() if self._reader else self._passed_on()
        if failure is None or parsed.outcome is Outcome.OK:
            return parsed
        started = self._progress.first_token_ns is not None
        return msgspec.structs.replace(
            parsed,
            outcome=Outcome.PARTIAL if started else failure.outcome,
            fault=failure.fault,
            detail=failure.detail,
        )


def _is_success(response: HttpResponse) -> bool:
    return response.status // 100 == SUCCESS


def _is_stream(response: HttpResponse) -> bool:
    """A refusal is none, whatever it calls itself."""
    kind = response.headers.get("content-type", "").lower()
    return _is_success(response) and kind.startswith(EVENT_STREAM)


def _is_readable(response: HttpResponse) -> bool:
    """Whether it is of a kind that is read whole, or event by event."""
    kind = response.headers.get("content-type", "").lower()
    return "json" in kind or kind.startswith(EVENT_STREAM)
