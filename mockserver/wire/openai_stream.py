"""Writing OpenAI's streams: chat completion chunks as server-sent events."""

from typing import Any

import msgspec

from mockserver.core.decisions import Generate
from mockserver.text import token_documents
from mockserver.wire.answer import Moment, Stream, events_of
from mockserver.wire.openai_reply import FINGERPRINT, SERVICE_TIER, server_error, usage
from mockserver.wire.request import ParsedRequest

DONE = b"data: [DONE]\n\n"

# Stands where the text of a content event comes in: no model's name holds a control character.
_HERE = "\x00"


def stream(reply: Generate, parsed: ParsedRequest, moment: Moment) -> Stream:
    """A completion in chunks: the role, one delta a token, the reason of its end, the usage if asked for.

    With several choices each of these comes once a choice: they are written side by side.
    """
    head: dict[str, Any] = {
        "id": f"chatcmpl-{moment.request_id}",
        "object": "chat.completion.chunk",
        "created": moment.unix_s,
        "model": parsed.model,
        "service_tier": SERVICE_TIER,
        "system_fingerprint": FINGERPRINT,
    }
    # With the usage asked for, every chunk has the key, and only the last one its numbers.
    tail: dict[str, Any] = {"usage": None} if parsed.stream_usage else {}

    def chunk(index: int, delta: dict[str, str], finish_reason: str | None = None) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return _event(head | {"choices": [choice]} | tail)

    frames: list[tuple[bytes, bytes]] = []
    for index in range(reply.choices):
        before, _, after = chunk(index, {"content": _HERE}).partition(msgspec.json.encode(_HERE))
        frames.append((before, after))

    def content(start: int, end: int) -> bytes:
        if len(frames) == 1:
            before, after = frames[0]
            return events_of(before, token_documents(0, start, end), after)
        copies = [token_documents(index, start, end) for index in range(reply.choices)]
        return b"".join(
            [
                before + document + after
                for documents in zip(*copies, strict=True)
                for (before, after), document in zip(frames, documents, strict=True)
            ]
        )

    opening = b"".join(chunk(index, {"role": "assistant", "content": ""}) for index in range(reply.choices))
    closing = b"".join(chunk(index, {}, reply.finish_reason) for index in range(reply.choices))
    if parsed.stream_usage:
        closing += _event(head | {"choices": [], "usage": usage(reply, parsed)})
    return Stream(opening, content, reply.tokens, closing + DONE)


def error_event(_moment: Moment) -> bytes:
    """A failure on the provider's side in the middle of a stream; nothing follows it."""
    return b"data: " + server_error() + b"\n\n"


def _event(document: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(document) + b"\n\n"
