"""Anthropic messages, whole and streamed. https://docs.claude.com/en/api/messages"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from harness.errors import RequestError
from harness.model import Outcome, Reply, Request
from harness.wire import chat
from harness.wire import status as meaning
from harness.wire.base import Parsed, Piece
from harness.wire.envelope import UNREADABLE, read_envelope, read_error_event, refused, unusable
from harness.wire.fold import Fold
from harness.wire.levels import levels
from harness.wire.sse import SseEvent
from harness.wire.usage import Counts, decode

VERSION = "2023-06-01"
MAX_TEMPERATURE = 1.0

_SET_HERE = frozenset({"model", "messages", "system", "max_tokens", "temperature", "stream"})


class _Block(msgspec.Struct):
    type: str
    text: str | None = None


class _Message(msgspec.Struct):
    type: Literal["message"]
    content: list[_Block]
    model: str | None = None
    usage: Counts | None = None
    stop_reason: str | None = None


class _Started(msgspec.Struct):
    model: str | None = None
    usage: Counts | None = None


class _Delta(msgspec.Struct):
    type: str | None = None
    text: str | None = None
    stop_reason: str | None = None


class _Event(msgspec.Struct):
    type: str
    message: _Started | None = None
    delta: _Delta | None = None
    usage: Counts | None = None


_message = msgspec.json.Decoder(_Message)
_event = msgspec.json.Decoder(_Event)

#: Events that are read. Others may be added to the API at any time, of any form.
_READ = frozenset(
    {"message_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop"}
)


@dataclass(frozen=True, slots=True)
class AnthropicWire:
    """The format, as `harness.wire.base.Wire` asks."""

    name: str = "anthropic"
    path: str = "/messages"

    def headers(self, api_key: str) -> dict[str, str]:
        """Headers of every request."""
        return {
            "x-api-key": api_key,
            "anthropic-version": VERSION,
            "content-type": "application/json",
            "accept": "application/json",
        }

    def encode(self, request: Request) -> bytes:
        """The body of a request; system messages stand apart in it. Raises RequestError."""
        chat.check(request, max_temperature=MAX_TEMPERATURE)
        if request.max_tokens is None:
            raise chat.refusal("max_tokens", None, "a number of tokens: Anthropic's API needs one")
        turns = [{"role": m.role, "content": m.content} for m in request.messages if m.role != "system"]
        if not turns:
            raise RequestError("messages are all of the role 'system': expected one of user or assistant")
        body: dict[str, Any] = {
            "model": request.model,
            "messages": turns,
            "max_tokens": request.max_tokens,
        }
        system = [m.content for m in request.messages if m.role == "system" and m.content.strip()]
        if system:
            body["system"] = "\n\n".join(system)
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.stream:
            body["stream"] = True
        return chat.encode(body, request.extra, _SET_HERE)

    def parse(self, status: int, headers: Mapping[str, str], body: bytes) -> Parsed:
        """The meaning of a whole reply."""
        request_id = headers.get("request-id")
        if status != meaning.OK:
            return refused(status, headers, body, request_id)
        try:
            document = decode(_message, body)
        except UNREADABLE as error:
            return unusable(headers, body, request_id, f"the body is not a message: {error}")
        usage = document.usage.total() if document.usage else None
        text = "".join(block.text or "" for block in document.content if block.type == "text")
        reply = Reply(text, document.model or "", document.stop_reason or "", usage, request_id)
        return Parsed(Outcome.OK, reply=reply, usage=usage, request_id=request_id, levels=levels(headers))

    def reader(self, headers: Mapping[str, str]) -> AnthropicReader:
        """A fresh reader for the events of a streamed 200."""
        return AnthropicReader(headers)


class AnthropicReader:
    """Folds the events of one message; complete once `message_stop` came.

    An event is known by the type in its data. A type that is not known is passed over, as the API's
    documentation asks.
    """

    __slots__ = ("_fold", "_usage")

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._fold = Fold(headers, headers.get("request-id"))
        self._usage = Counts()

    @property
    def text(self) -> str:
        """Everything written so far."""
        return self._fold.text

    @property
    def is_over(self) -> bool:
        """Whether no further event counts."""
        return self._fold.is_over

    def feed(self, event: SseEvent) -> tuple[Piece, str]:
        """Take an event: what it is, and the text it adds."""
        if self._fold.is_over:
            return self._fold.after_end()
        if event.name == "error":
            return self._fold.fail_reported(read_error_event(event.data))
        try:
            parsed = decode(_event, event.data)
        except UNREADABLE as error:
            return self._unread(event.data, str(error))
        if parsed.type == "error":
            return self._fold.fail_reported(read_error_event(event.data))
        return self._read(parsed)

    def end(self) -> Parsed:
        """What the stream amounts to when no further event comes."""
        return self._fold.end(is_complete=self._fold.complete, usage=self._usage.total())

    def _unread(self, data: bytes, why: str) -> tuple[Piece, str]:
        envelope = read_envelope(data)
        kind = envelope.type if envelope else None
        if envelope and (kind == "error" or envelope.error is not None):
            return self._fold.fail_reported(read_error_event(data))
        if isinstance(kind, str) and kind not in _READ:
            return Piece.PREAMBLE, ""
        return self._fold.fail_unreadable(f"an event is not of a message: {why}")

    def _read(self, event: _Event) -> tuple[Piece, str]:
        fold = self._fold
        match event.type:
            case "content_block_delta":
                return self._read_delta(event.delta)
            case "content_block_stop" if fold.has_output:
                return fold.mark()
            case "message_start":
                started = event.message or _Started()
                fold.model = started.model or ""
                self._count(started.usage)
            case "message_delta":
                self._count(event.usage)
                if event.delta is not None:
                    fold.finish_reason = event.delta.stop_reason
                return fold.mark()
            case "message_stop":
                return fold.finish()
        return Piece.PREAMBLE, ""

    def _read_delta(self, delta: _Delta | None) -> tuple[Piece, str]:
        if delta is None or (delta.type == "text_delta" and delta.text is None):
            return self._fold.fail_unreadable("an event is not of a message: a delta has no text")
        return self._fold.write(delta.text or "" if delta.type == "text_delta" else "")

    def _count(self, usage: Counts | None) -> None:
        if usage is not None:
            self._usage = self._usage.updated(usage)


ANTHROPIC = AnthropicWire()
