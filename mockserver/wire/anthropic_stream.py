"""Writing Anthropic's streams: named server-sent events of one text block."""

from typing import Any

import msgspec

from mockserver.core.decisions import Generate
from mockserver.text import token_documents
from mockserver.wire.answer import Moment, Stream, events_of
from mockserver.wire.anthropic_reply import STOP_REASONS, message_head, overloaded_error, usage
from mockserver.wire.request import ParsedRequest

_DELTA_BEFORE = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":'
)
_DELTA_AFTER = b"}}\n\n"


def stream(reply: Generate, parsed: ParsedRequest, moment: Moment) -> Stream:
    """A message in events: its start, one delta a token, its end; the usage at the end is cumulative."""
    not_ended: dict[str, Any] = {"content": [], "stop_reason": None, "stop_sequence": None}
    head = message_head(parsed, moment) | not_ended | {"usage": usage(parsed, 1)}
    opening = (
        _event({"type": "message_start", "message": head})
        + _event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
        + _event({"type": "ping"})
    )
    ending = {"stop_reason": STOP_REASONS[reply.finish_reason], "stop_sequence": None}
    closing = (
        _event({"type": "content_block_stop", "index": 0})
        + _event({"type": "message_delta", "delta": ending, "usage": {"output_tokens": reply.tokens}})
        + _event({"type": "message_stop"})
    )
    return Stream(opening, _content, reply.tokens, closing)


def _content(start: int, end: int) -> bytes:
    return events_of(_DELTA_BEFORE, token_documents(0, start, end), _DELTA_AFTER)


def error_event(moment: Moment) -> bytes:
    """An overload in the middle of a stream; nothing follows it."""
    return b"event: error\ndata: " + overloaded_error(moment) + b"\n\n"


def _event(document: dict[str, Any]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (document["type"].encode(), msgspec.json.encode(document))
