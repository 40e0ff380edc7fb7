"""Writing streams as Anthropic does: every byte of a short one, written by hand."""

from mockserver.core.decisions import Generate
from mockserver.core.limits import Levels
from mockserver.wire import anthropic_stream
from mockserver.wire.answer import Moment
from mockserver.wire.request import ParsedRequest

MOMENT = Moment("abc", 1_700_000_000_250_000)


def test_a_stream_of_two_tokens() -> None:
    reply = Generate(0, 2, "length", Levels(), None)
    stream = anthropic_stream.stream(reply, ParsedRequest("claude-x", 12, 2, stream=True), MOMENT)
    assert stream.opening.decode() == (
        "event: message_start\n"
        'data: {"type":"message_start","message":{"id":"msg_abc","type":"message","role":"assistant",'
        '"model":"claude-x","content":[],"stop_reason":null,"stop_sequence":null,'
        '"usage":{"input_tokens":12,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,'
        '"output_tokens":1,"service_tier":"standard"}}}\n\n'
        "event: content_block_start\n"
        'data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
        "event: ping\n"
        'data: {"type":"ping"}\n\n'
    )
    assert stream.content(0, stream.events).decode() == (
        "event: content_block_delta\n"
        'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"กา"}}\n\n'
        "event: content_block_delta\n"
        'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"แฟ"}}\n\n'
    )
    assert stream.events == 2
    assert stream.closing.decode() == (
        "event: content_block_stop\n"
        'data: {"type":"content_block_stop","index":0}\n\n'
        "event: message_delta\n"
        'data: {"type":"message_delta","delta":{"stop_reason":"max_tokens","stop_sequence":null},'
        '"usage":{"output_tokens":2}}\n\n'
        "event: message_stop\n"
        'data: {"type":"message_stop"}\n\n'
    )


def test_an_error_in_the_stream_is_an_overload() -> None:
    assert anthropic_stream.error_event(MOMENT) == (
        b"event: error\n"
        b'data: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},'
        b'"request_id":"req_abc"}\n\n'
    )
