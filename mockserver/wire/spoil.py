"""Faults of an answer on its way to the caller: what is sent of it, and how it ends."""

from collections.abc import Callable
from dataclasses import replace

from mockserver.rules import RequestRule
from mockserver.wire.answer import BrokenAnswer, Ending, Stream, WrongChunk

# A service of another kind on the port: neither a status line nor a header.
GARBAGE = b"\x16\x03\x01\x02\x00 220 ready\r\n\x00\xff\xfe garbage\r\n\r\n"

# The two highest bits of every byte of a UTF-8 character but its first.
_CONTINUATION = 0b1000_0000

_ENDINGS: dict[str, Ending] = {
    "reset_in_headers": "reset",
    "reset_after_headers": "reset",
    "hang_after_headers": "hang",
    "stall": "hang",
    "reset_mid": "reset",
    "truncate": "close",
}


def spoil_whole(rule: RequestRule, body: bytes) -> BrokenAnswer:
    """What is left of a whole answer.

    Half a JSON document is complete as HTTP sees it; whatever else breaks off has promised the whole length.
    A body that is longer than promised is sent all the same, and the connection closed behind it: the rest
    would be read as the next reply. For one that is shorter the caller waits on.
    """
    half = _half(body)
    match rule.action:
        case "half_json" | "malformed_sse":
            return BrokenAnswer(half, len(half), "complete")
        case "slow_drip":
            return BrokenAnswer(body, len(body), "complete", bytes_per_s=rule.bytes_per_s)
        case "wrong_length":
            promised = max(0, len(body) + rule.length_off)
            return BrokenAnswer(body, promised, "hang" if promised > len(body) else "close")
        case "reset_in_headers" | "reset_after_headers" | "hang_after_headers" as action:
            return BrokenAnswer(b"", len(body), _ENDINGS[action], half_head=action == "reset_in_headers")
        case action:
            return BrokenAnswer(half, len(body), _ENDINGS[action])


def spoil_stream(rule: RequestRule, stream: Stream, error_event: bytes) -> Stream:
    """The stream that is sent instead: spoiled after `after_events` content events, or after its last one."""
    kept = min(rule.after_events, stream.events)
    match rule.action:
        case "half_json" | "malformed_sse":
            return _malformed(stream, kept)
        case "stream_error":
            return Stream(stream.opening, stream.content, kept, error_event)
        case "slow_drip":
            return replace(stream, bytes_per_s=rule.bytes_per_s)
        case "wrong_length":
            return replace(stream, wrong_chunk=WrongChunk(min(kept, stream.events - 1), rule.length_off))
        case "reset_in_headers" | "reset_after_headers" | "hang_after_headers" as action:
            half_head = action == "reset_in_headers"
            return Stream(b"", stream.content, 0, b"", _ENDINGS[action], half_head=half_head)
        case action:
            return Stream(stream.opening, stream.content, kept, b"", _ENDINGS[action])


def _half(text: bytes) -> bytes:
    """The first half of a UTF-8 text, not ending inside a character."""
    end = len(text) // 2
    while end > 0 and text[end] & 0b1100_0000 == _CONTINUATION:
        end -= 1
    return text[:end]


def _malformed(stream: Stream, kept: int) -> Stream:
    """The event after the kept ones has half its data; the rest of the stream follows as ever."""
    if kept == stream.events:
        return Stream(stream.opening, stream.content, kept, _halved(stream.closing))
    return Stream(stream.opening, _with_half(stream.content, kept), stream.events, stream.closing)


def _with_half(content: Callable[[int, int], bytes], spoiled: int) -> Callable[[int, int], bytes]:
    def events(start: int, end: int) -> bytes:
        if not start <= spoiled < end:
            return content(start, end)
        return content(start, spoiled) + _halved(content(spoiled, end))

    return events


def _halved(events: bytes) -> bytes:
    """Server-sent events, the first of which has only half of its JSON document."""
    event, blank, rest = events.partition(b"\n\n")
    head, data, document = event.partition(b"data: ")
    return head + data + _half(document) + blank + rest
