"""OpenAI chat completions, whole and streamed. https://platform.openai.com/docs/api-reference/chat"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from harness.model import Outcome, Reply, Request, Usage
from harness.wire import chat
from harness.wire import status as meaning
from harness.wire.base import Parsed, Piece
from harness.wire.envelope import UNREADABLE, read_error, read_error_event, read_unnamed, refused, unusable
from harness.wire.fold import Fold
from harness.wire.levels import levels
from harness.wire.sse import SseEvent
from harness.wire.usage import Counts, decode

MAX_TEMPERATURE = 2.0
DONE = b"[DONE]"

_SET_HERE = frozenset({"model", "messages", "max_tokens", "temperature", "stream", "stream_options"})


class _Part(msgspec.Struct):
    type: Any = None
    text: Any = None


class _Message(msgspec.Struct):
    content: str | list[_Part] | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    model: str | None = None
    usage: Counts | None = None


class _Delta(msgspec.Struct):
    content: str | list[_Part] | None = None
    refusal: str | None = None
    tool_calls: list[Any] | None = None
    function_call: Any = None
    audio: Any = None
    reasoning_content: Any = None
    reasoning: Any = None

    def is_output(self) -> bool:
        """Whether it has a part of the reply, or of the thinking before it."""
        return bool(
            self.content
            or self.refusal
            or self.tool_calls
            or self.reasoning_content
            or self.reasoning
            or self.function_call
            or self.audio
        )


class _ChunkChoice(msgspec.Struct):
    index: int = 0
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_ChunkChoice] | None = None
    model: str | None = None
    usage: Counts | None = None
    error: Any = None


_completion = msgspec.json.Decoder(_Completion)
_chunk = msgspec.json.Decoder(_Chunk)


@dataclass(frozen=True, slots=True)
class OpenAIWire:
    """The format, as `harness.wire.base.Wire` asks."""

    name: str = "openai"
    path: str = "/chat/completions"

    def headers(self, api_key: str) -> dict[str, str]:
        """Headers of every request."""
        return {
            "authorization": f"Bearer {api_key}",
            "content-type": "application/json",
            "accept": "application/json",
        }

    def encode(self, request: Request) -> bytes:
        """The body of a request; a stream is asked to count its tokens. Raises RequestError."""
        chat.check(request, max_temperature=MAX_TEMPERATURE)
        body: dict[str, Any] = {
            "model": request.model,
            "messages": request.messages,
        }
        if request.max_tokens is not None:
            body["max_tokens"] = request.max_tokens
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.stream:
            body["stream"] = True
            body["stream_options"] = {"include_usage": True}
        return chat.encode(body, request.extra, _SET_HERE)

    def parse(self, status: int, headers: Mapping[str, str], body: bytes) -> Parsed:
        """The meaning of a whole reply."""
        request_id = headers.get("x-request-id")
        if status != meaning.OK:
            return refused(status, headers, body, request_id)
        try:
            document = decode(_completion, body)
        except UNREADABLE as error:
            return unusable(headers, body, request_id, f"the body is not a chat completion: {error}")
        if not document.choices:
            return unusable(headers, body, request_id, "the chat completion has no choices")
        choice = document.choices[0]
        content = choice.message.content
        usage = document.usage.total() if document.usage else None
        text = content if isinstance(content, str) else _joined(content)
        reply = Reply(text, document.model or "", choice.finish_reason or "", usage, request_id)
        return Parsed(Outcome.OK, reply=reply, usage=usage, request_id=request_id, levels=levels(headers))

    def reader(self, headers: Mapping[str, str]) -> OpenAIReader:
        """A fresh reader for the events of a streamed 200."""
        return OpenAIReader(headers)


class OpenAIReader:
    """Folds the chunks of one completion; the text is that of choice 0.

    Complete once a finish reason or `[DONE]` came, for not every server sends both.
    """

    __slots__ = ("_fold", "_usage")

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._fold = Fold(headers, headers.get("x-request-id"))
        self._usage: Usage | None = None

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
        if event.data.strip() == DONE:
            return self._fold.finish()
        try:
            chunk = decode(_chunk, event.data)
        except UNREADABLE as error:
            return self._unreadable(event.data, str(error))
        reported = read_error(chunk.error)
        if reported is None and chunk.choices is None:
            reported = read_unnamed(event.data)
        return self._read(chunk) if reported is None else self._fold.fail_reported(reported)

    def end(self) -> Parsed:
        """What the stream amounts to when no further event comes."""
        is_complete = self._fold.complete or self._fold.finish_reason is not None
        return self._fold.end(is_complete=is_complete, usage=self._usage)

    def _unreadable(self, data: bytes, why: str) -> tuple[Piece, str]:
        reported = read_unnamed(data)
        if reported is not None:
            return self._fold.fail_reported(reported)
        return self._fold.fail_unreadable(f"an event is not a chunk of a chat completion: {why}")

    def _read(self, chunk: _Chunk) -> tuple[Piece, str]:
        fold = self._fold
        fold.model = fold.model or chunk.model or ""
        if chunk.usage is not None:
            usage = chunk.usage.total()
            self._usage = usage or self._usage
            if usage is not None and not chunk.choices:
                return fold.mark()
        text, is_output, is_end = "", False, False
        for choice in chunk.choices or ():
            delta = choice.delta
            if delta is not None and delta.is_output():
                is_output = True
                if choice.index == 0:
                    text += delta.content if isinstance(delta.content, str) else _joined(delta.content)
            if choice.finish_reason is not None:
                is_end = True
                if choice.index == 0:
                    fold.finish_reason = choice.finish_reason
        if is_output:
            return fold.write(text)
        return fold.mark() if is_end else (Piece.PREAMBLE, "")


def _joined(parts: list[_Part] | None) -> str:
    """The text of the parts that are text."""
    return "".join(part.text for part in parts or () if part.type == "text" and isinstance(part.text, str))


OPENAI = OpenAIWire()
