"""What is left of an answer that is spoiled on its way."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.rules import RequestAction, RequestRule
from mockserver.wire.answer import BrokenAnswer, Stream, WrongChunk
from mockserver.wire.spoil import spoil_stream, spoil_whole

BODY = b'{"text":"12345678"}'  # 19 bytes: half is 9
EVENTS = [b'data: {"n":%d}\n\n' % index for index in range(3)]
STREAM = Stream(
    b"open", lambda start, end: b"".join(EVENTS[start:end]), 3, b'data: {"end":1}\n\ndata: [DONE]\n\n'
)
ERROR = b"data: error\n\n"


def _rule(action: RequestAction, after_events: int = 1) -> RequestRule:
    return RequestRule("x", action, after_events=after_events)


def _bytes(stream: Stream) -> bytes:
    return stream.opening + stream.content(0, stream.events) + stream.closing


@pytest.mark.parametrize(
    ("action", "left"),
    [
        ("hang_after_headers", BrokenAnswer(b"", 19, "hang")),
        ("reset_in_headers", BrokenAnswer(b"", 19, "reset", half_head=True)),
        ("reset_after_headers", BrokenAnswer(b"", 19, "reset")),
        ("slow_drip", BrokenAnswer(BODY, 19, "complete", bytes_per_s=100.0)),
        ("wrong_length", BrokenAnswer(BODY, 35, "hang")),
        ("stall", BrokenAnswer(b'{"text":"', 19, "hang")),
        ("reset_mid", BrokenAnswer(b'{"text":"', 19, "reset")),
        ("truncate", BrokenAnswer(b'{"text":"', 19, "close")),
        ("half_json", BrokenAnswer(b'{"text":"', 9, "complete")),
        ("malformed_sse", BrokenAnswer(b'{"text":"', 9, "complete")),
    ],
)
def test_a_whole_answer(action: RequestAction, left: BrokenAnswer) -> None:
    assert spoil_whole(_rule(action), BODY) == left


@given(st.text(alphabet="กข๙a", min_size=1))
def test_half_a_document_is_text_and_no_json(text: str) -> None:
    half = spoil_whole(_rule("half_json"), json.dumps({"text": text}, ensure_ascii=False).encode()).body
    half.decode()
    with pytest.raises(json.JSONDecodeError):
        json.loads(half)


@pytest.mark.parametrize(
    ("action", "ending"), [("stall", "hang"), ("reset_mid", "reset"), ("truncate", "close")]
)
def test_a_stream_that_breaks_off(action: RequestAction, ending: str) -> None:
    for kept in (0, 2, 3):
        spoiled = spoil_stream(_rule(action, kept), STREAM, ERROR)
        assert _bytes(spoiled) == b"open" + b"".join(EVENTS[:kept])
        assert spoiled.ending == ending
    assert spoil_stream(_rule(action, 99), STREAM, ERROR).events == 3


def test_a_stream_of_headers_only() -> None:
    spoiled = spoil_stream(_rule("hang_after_headers"), STREAM, ERROR)
    assert (_bytes(spoiled), spoiled.ending) == (b"", "hang")


def test_a_stream_with_an_error() -> None:
    spoiled = spoil_stream(_rule("stream_error", 2), STREAM, ERROR)
    assert (_bytes(spoiled), spoiled.ending) == (b"open" + EVENTS[0] + EVENTS[1] + ERROR, "complete")


@pytest.mark.parametrize("action", ["malformed_sse", "half_json"])
def test_a_malformed_event_and_the_rest_as_ever(action: RequestAction) -> None:
    spoiled = spoil_stream(_rule(action, 1), STREAM, ERROR)
    assert _bytes(spoiled) == b"open" + EVENTS[0] + b'data: {"n\n\n' + EVENTS[2] + STREAM.closing
    assert spoiled.ending == "complete"


def test_after_the_last_content_event_the_closing_is_malformed() -> None:
    spoiled = spoil_stream(_rule("malformed_sse", 3), STREAM, ERROR)
    assert _bytes(spoiled) == b"open" + b"".join(EVENTS) + b'data: {"en\n\ndata: [DONE]\n\n'


def test_the_name_of_a_malformed_event_stays() -> None:
    stream = Stream(b"", lambda start, end: b'event: delta\ndata: {"text":1}\n\n' * (end - start), 1, b"")
    spoiled = spoil_stream(_rule("malformed_sse", 0), stream, ERROR)
    assert _bytes(spoiled) == b'event: delta\ndata: {"tex\n\n'


@pytest.mark.parametrize(("off", "left"), [(-4, (15, "close")), (-99, (0, "close")), (1, (20, "hang"))])
def test_a_length_may_be_too_small_or_too_large(off: int, left: tuple[int, str]) -> None:
    broken = spoil_whole(RequestRule("x", "wrong_length", length_off=off), BODY)
    assert broken.body == BODY
    assert (broken.length, broken.ending) == left


def test_a_stream_whose_chunk_lies_is_whole_otherwise() -> None:
    for kept, event in ((0, 0), (2, 2), (99, 2)):
        spoiled = spoil_stream(_rule("wrong_length", kept), STREAM, ERROR)
        assert spoiled == replace(STREAM, wrong_chunk=WrongChunk(event, 16))


def test_a_stream_may_drip() -> None:
    rule = RequestRule("x", "slow_drip", bytes_per_s=7.0)
    assert spoil_stream(rule, STREAM, ERROR) == replace(STREAM, bytes_per_s=7.0)


@pytest.mark.parametrize(("action", "half"), [("reset_in_headers", True), ("reset_after_headers", False)])
def test_a_stream_may_be_reset_before_its_first_byte(action: RequestAction, half: bool) -> None:  # noqa: FBT001
    spoiled = spoil_stream(_rule(action), STREAM, ERROR)
    assert (_bytes(spoiled), spoiled.half_head, spoiled.ending) == (b"", half, "reset")
