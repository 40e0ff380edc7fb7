"""Writing streams as OpenAI does: every byte of a short one, written by hand."""

import json

from mockserver.core.decisions import Generate
from mockserver.core.limits import Levels
from mockserver.text import thai_copy
from mockserver.wire import openai_stream
from mockserver.wire.answer import Moment, Stream
from mockserver.wire.request import ParsedRequest

MOMENT = Moment("abc", 1_700_000_000_250_000)
HEAD = (
    'data: {"id":"chatcmpl-abc","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4.1",'
    '"service_tier":"default","system_fingerprint":"fp_mock",'
)


def _stream(tokens: int, *, usage: bool = False, model: str = "gpt-4.1") -> Stream:
    reply = Generate(0, tokens, "stop", Levels(), None)
    return openai_stream.stream(reply, ParsedRequest(model, 12, None, True, usage), MOMENT)


def _bytes(stream: Stream) -> bytes:
    return stream.opening + stream.content(0, stream.events) + stream.closing


def _choice(delta: str, reason: str = "null") -> str:
    return '"choices":[{"index":0,"delta":' + delta + ',"logprobs":null,"finish_reason":' + reason + "}]"


ROLE = _choice('{"role":"assistant","content":""}')
FIRST = _choice('{"content":"กา"}')
SECOND = _choice('{"content":"แฟ"}')
LAST = _choice("{}", '"stop"')
DONE = "data: [DONE]\n\n"


def test_a_stream_without_usage() -> None:
    chunks = [HEAD + choice + "}\n\n" for choice in (ROLE, FIRST, SECOND, LAST)]
    assert _bytes(_stream(2)).decode() == "".join(chunks) + DONE


def test_with_usage_every_chunk_has_the_key_and_the_last_its_numbers() -> None:
    chunks = [HEAD + choice + ',"usage":null}\n\n' for choice in (ROLE, FIRST, LAST)]
    usage = (
        '"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":1,"total_tokens":13,'
        '"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":'
        '{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,'
        '"rejected_prediction_tokens":0}}}\n\n'
    )
    assert _bytes(_stream(1, usage=True)).decode() == "".join(chunks) + HEAD + usage + DONE


def test_the_deltas_are_the_text_of_the_whole_reply() -> None:
    stream = _stream(300)
    events = [
        json.loads(stream.content(index, index + 1).removeprefix(b"data: ")) for index in range(stream.events)
    ]
    text = "".join(event["choices"][0]["delta"]["content"] for event in events)
    assert (len(text), text[:6], stream.events) == (600, "กาแฟคั", 300)


def test_a_model_with_quotes_in_its_name_comes_back_as_it_was() -> None:
    stream = _stream(1, model='a"b\\c')
    assert json.loads(stream.content(0, 1).removeprefix(b"data: "))["model"] == 'a"b\\c'


def test_an_error_in_the_stream_is_the_envelope_of_a_500() -> None:
    assert openai_stream.error_event(MOMENT) == (
        b'data: {"error":{"message":"The server had an error while processing your request. '
        b'Sorry about that!","type":"server_error","param":null,"code":null}}\n\n'
    )


def test_choices_are_written_side_by_side_each_with_a_copy_of_its_own() -> None:
    stream = openai_stream.stream(
        Generate(0, 4, "stop", Levels(), None, choices=3), ParsedRequest("m", 12, None, choices=3), MOMENT
    )
    texts = ["", "", ""]
    for place in range(4):
        events = stream.content(place, place + 1).removeprefix(b"data: ").split(b"\n\ndata: ")
        choices = [json.loads(event)["choices"][0] for event in events]
        assert [choice["index"] for choice in choices] == [0, 1, 2]
        texts = [text + choice["delta"]["content"] for text, choice in zip(texts, choices, strict=True)]
    assert texts == [thai_copy(4, variant) for variant in range(3)]
    assert len(set(texts)) == 3
