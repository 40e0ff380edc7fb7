"""Server-sent events, held against a line-by-line reading of the standard and recorded streams."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.wire.sse import MAX_EVENT_BYTES, SseEvent, SseOverflow, SseParser
from tests.harness.wire.streams import ANTHROPIC_STREAM, OPENAI_STREAM


def _reference(stream: bytes) -> list[SseEvent]:
    """The standard's "interpreting an event stream", word by word, on the whole stream."""
    stream = stream[3:] if stream[:3] == b"\xef\xbb\xbf" else stream
    *lines, _unfinished = re.split(rb"\r\n|\n|\r", stream)
    events, name, data = [], b"", b""
    for line in lines:
        if line == b"":
            if data != b"":
                events.append(SseEvent(name.decode("utf-8", "replace"), data[:-1]))
            name, data = b"", b""
            continue
        if line[0:1] == b":":
            continue
        colon = line.find(b":")
        field = line if colon < 0 else line[:colon]
        value = b"" if colon < 0 else line[colon + 1 :]
        if value[0:1] == b" ":
            value = value[1:]
        if field == b"event":
            name = value
        elif field == b"data":
            data += value + b"\n"
    return events


def _cut(stream: bytes, cuts: list[int]) -> list[SseEvent]:
    parser, events, before = SseParser(), [], 0
    for cut in [*sorted(cuts), len(stream)]:
        events += parser.feed(stream[before:cut])
        before = cut
    return events


def _whole(stream: bytes) -> list[SseEvent]:
    return SseParser().feed(stream)


RECORDED = [
    stream.replace(b"\n", end)
    for stream in (OPENAI_STREAM, ANTHROPIC_STREAM, b"\xef\xbb\xbf" + OPENAI_STREAM)
    for end in (b"\n", b"\r\n", b"\r")
]

# Every byte that matters to the format, whole fields, and halves of Thai characters.
PIECES = st.one_of(
    st.sampled_from(
        [b"\r", b"\n", b"\r\n", b"\n\n", b":", b" ", b"\xef", b"\xbb", b"\xbf", b"\x00", b"\x0b"]
    ),
    st.sampled_from([b"data", b"data:", b"data: ", b"event: ", b"id: 7", b"retry: 5", b"x", b"[DONE]"]),
    st.sampled_from(["ก".encode(), "ก".encode()[:2]]),
)


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"", []),
        (b"data: a\n\n", [("", b"a")]),
        (b"data:a\n\n", [("", b"a")]),
        (b"data:  a\n\n", [("", b" a")]),
        (b"data\n\n", [("", b"")]),
        (b"data:\n\n", [("", b"")]),
        (b"data\ndata\n\n", [("", b"\n")]),
        (b"data: a\ndata:\ndata: b\n\n", [("", b"a\n\nb")]),
        (b"event: ping\ndata: {}\n\n", [("ping", b"{}")]),
        (b"event:ping\ndata: {}\n\n", [("ping", b"{}")]),
        (b"event: a\nevent: b\ndata: 1\n\n", [("b", b"1")]),
        (b"event: a\nevent\ndata: 1\n\n", [("", b"1")]),
        (b"event: lost\n\ndata: 1\n\n", [("", b"1")]),
        (b": comment\n\n:\n\ndata: 1\n\n", [("", b"1")]),
        (b"id: 1\nretry: 3\nfoo: bar\nfoo\ndata : no\nDATA: no\n\n", []),
        (b"data: 1\n", []),
        (b"data: 1\n\ndata: 2", [("", b"1")]),
        (b"data: 1\r\rdata: 2\r\n\r\ndata: 3\n\n", [("", b"1"), ("", b"2"), ("", b"3")]),
        (b"data: 1\r\n\rdata: 2\n\r", [("", b"1"), ("", b"2")]),
        (b"\xef\xbb\xbfdata: 1\n\n", [("", b"1")]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: 1\n\n", []),
        (b"data: a:b: c\n\n", [("", b"a:b: c")]),
        (b"data: \xff\xfe\n\n", [("", b"\xff\xfe")]),
        (b"event: \xff\ndata: 1\n\n", [("�", b"1")]),
        # The examples of the standard.
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", [("", b"YHOO\n+2\n10")]),
        (
            b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n",
            [("", b"first event"), ("", b"second event")],
        ),
        (b"data\n\ndata\ndata\n\ndata:", [("", b""), ("", b"\n")]),
    ],
)
def test_events_as_the_standard_reads_them(stream: bytes, events: list[tuple[str, bytes]]) -> None:
    assert [(event.name, event.data) for event in _whole(stream)] == events
    assert [(event.name, event.data) for event in _reference(stream)] == events


@given(pieces=st.lists(PIECES, max_size=40), data=st.data())
@settings(deadline=None)
def test_no_cutting_changes_the_events(pieces: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(pieces)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=8))
    assert _cut(stream, cuts) == _whole(stream) == _reference(stream)


@given(stream=st.binary(max_size=60))
@settings(deadline=None)
def test_any_bytes_are_read_as_the_standard_says(stream: bytes) -> None:
    assert _cut(stream, list(range(len(stream)))) == _whole(stream) == _reference(stream)


@pytest.mark.parametrize("stream", RECORDED)
def test_a_recorded_stream_cut_anywhere(stream: bytes) -> None:
    expected = _reference(stream)
    assert len(expected) >= 6
    for cut in range(len(stream) + 1):
        assert _cut(stream, [cut]) == expected, cut


@pytest.mark.parametrize("stream", RECORDED)
def test_a_recorded_stream_byte_by_byte(stream: bytes) -> None:
    assert _cut(stream, list(range(len(stream)))) == _reference(stream)


def test_a_thai_character_split_over_chunks_is_whole_again() -> None:
    parser = SseParser()
    letter = "ก".encode()
    assert parser.feed(b"data: " + letter[:1]) == []
    assert parser.feed(letter[1:2]) == []
    (event,) = parser.feed(letter[2:] + b"\n\n")
    assert event.data.decode() == "ก"


def test_an_event_is_given_out_with_the_byte_that_ends_it() -> None:
    parser = SseParser()
    assert parser.feed(b"data: 1\r\n") == []
    assert parser.feed(b"\r") == [SseEvent("", b"1")]
    assert parser.feed(b"\n") == []


def test_recorded_streams_hold_what_was_sent() -> None:
    texts = [
        json.loads(event.data)["choices"][0]["delta"].get("content", "")
        for event in _whole(OPENAI_STREAM)
        if event.data != b"[DONE]" and json.loads(event.data)["choices"]
    ]
    assert "".join(texts) == "กาแฟหอม ๆ ☕"
    assert [event.name for event in _whole(ANTHROPIC_STREAM)] == [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_the_longest_line_is_taken() -> None:
    value = b"x" * (MAX_EVENT_BYTES - len("data: "))
    assert _whole(b"data: " + value + b"\n\n") == [SseEvent("", value)]


@pytest.mark.parametrize(
    "stream",
    [
        b"data: " + b"x" * MAX_EVENT_BYTES + b"\n\n",
        b"data: " + b"x" * MAX_EVENT_BYTES,
        b":" + b"x" * MAX_EVENT_BYTES + b"\n",
        b"data: " + b"x" * 1000 + b"\n" + (b"data: " + b"y" * 100_000 + b"\n") * 11,
        b"data\n" * (MAX_EVENT_BYTES + 1),
    ],
    ids=["line", "unfinished", "comment", "lines", "empty-lines"],
)
@pytest.mark.parametrize("size", [2**24, 65_536, 999])
def test_more_than_is_buffered_overflows(stream: bytes, size: int) -> None:
    parser = SseParser()

    def feed_all() -> None:
        for start in range(0, len(stream), size):
            assert parser.feed(stream[start : start + size]) == []

    with pytest.raises(SseOverflow, match="longer than 1048576 bytes"):
        feed_all()
    with pytest.raises(SseOverflow):
        parser.feed(b"data: 1\n\n")


def test_what_was_complete_before_an_overflow_is_given_out() -> None:
    parser = SseParser()
    assert parser.feed(b"data: 1\n\ndata: " + b"x" * MAX_EVENT_BYTES) == [SseEvent("", b"1")]
    with pytest.raises(SseOverflow):
        parser.feed(b"")


def test_many_short_events_are_no_overflow() -> None:
    stream = b"data: 0123456789\n\n" * 200_000
    assert len(_whole(stream)) == 200_000


class _Counting(SseParser):
    """Counts the bytes that are ever put together to lines."""

    put = 0

    def _whole_lines(self, chunk: bytes) -> bytes:
        whole = super()._whole_lines(chunk)
        self.put += len(whole)
        return whole


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_every_byte_is_put_together_once(size: int) -> None:
    stream = b"data: " + b"x" * 500_000 + b"\n\n" + b"data: y\n\n" * 1000
    parser = _Counting()
    for start in range(0, len(stream), size):
        parser.feed(stream[start : start + size])
    assert parser.put == len(stream)
