"""Reading requests as OpenAI does."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.errors import WireError
from mockserver.wire.openai_request import parse_chat

HELLO = [{"role": "user", "content": "สวัสดี"}]


def _body(**fields: Any) -> bytes:
    return json.dumps({"model": "gpt-4.1", "messages": HELLO} | fields).encode()


def _refusal(body: bytes) -> WireError:
    with pytest.raises(WireError) as caught:
        parse_chat(body)
    assert caught.value.status == 400
    return caught.value


def test_a_request_is_its_model_its_prompt_and_its_maximum() -> None:
    parsed = parse_chat(_body(max_tokens=300, temperature=0.7))
    assert (parsed.model, parsed.prompt_tokens, parsed.max_tokens) == ("gpt-4.1", 3, 300)


def test_characters_of_all_messages_are_added_before_they_are_halved() -> None:
    messages = [
        {"role": "system", "content": "กขค"},
        {"role": "user", "content": [{"type": "text", "text": "ab"}, {"type": "image_url", "image_url": {}}]},
        {"role": "assistant", "content": None, "tool_calls": []},
    ]
    assert parse_chat(_body(messages=messages)).prompt_tokens == 3  # ceil(5 / 2)


def test_the_newer_name_of_the_maximum_is_taken() -> None:
    assert parse_chat(_body(max_completion_tokens=7)).max_tokens == 7
    assert parse_chat(_body(max_tokens=None)).max_tokens is None


@pytest.mark.parametrize(
    ("fields", "stream", "usage"),
    [
        ({}, False, False),
        ({"stream": None, "stream_options": None}, False, False),
        ({"stream": False}, False, False),
        ({"stream": True}, True, False),
        ({"stream": True, "stream_options": {}}, True, False),
        ({"stream": True, "stream_options": {"include_usage": True}}, True, True),
        ({"stream": True, "stream_options": {"include_obfuscation": False}}, True, False),
    ],
)
def test_a_stream_is_asked_for_with_or_without_its_usage(
    fields: dict[str, Any], stream: object, usage: object
) -> None:
    parsed = parse_chat(_body(**fields))
    assert (parsed.stream, parsed.stream_usage) == (stream, usage)


def test_no_model() -> None:
    assert _refusal(b'{"messages": []}').message == "you must provide a model parameter"


def test_no_messages() -> None:
    error = _refusal(b'{"model": "m"}')
    assert (error.message, error.param, error.code) == (
        "Missing required parameter: 'messages'.",
        "messages",
        "missing_required_parameter",
    )


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"model": 3}, "model", "expected a string, but got an integer"),
        ({"messages": "hi"}, "messages", "expected an array of objects, but got a string"),
        ({"messages": []}, "messages", "empty array"),
        ({"messages": ["hi"]}, "messages[0]", "expected an object, but got a string"),
        (
            {"messages": [{"content": "x"}]},
            "messages[0].role",
            "Missing required parameter: 'messages[0].role'",
        ),
        ({"messages": [{"role": "boss", "content": "x"}]}, "messages[0].role", 'Invalid value: "boss"'),
        (
            {"messages": [{"role": ["user"], "content": "x"}]},
            "messages[0].role",
            "Supported values are: 'system'",
        ),
        ({"messages": [{"role": "user", "content": 1.5}]}, "messages[0].content", "but got a decimal"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "but got null"),
        ({"messages": [{"role": "user", "content": [3]}]}, "messages[0].content[0]", "expected an object"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "messages[0].content[0].text",
            "expected a string, but got null",
        ),
        ({"max_tokens": "300"}, "max_tokens", "expected an integer, but got a string"),
        ({"max_tokens": True}, "max_tokens", "expected an integer, but got a boolean"),
        ({"max_tokens": 0}, "max_tokens", "Expected a value >= 1, but got 0"),
        ({"max_completion_tokens": 99_999}, "max_completion_tokens", "at most 32768 completion tokens"),
        ({"max_tokens": 1, "max_completion_tokens": 1}, None, "at the same time is not supported"),
        ({"stream": "yes"}, "stream", "expected a boolean"),
        (
            {"stream_options": {"include_usage": True}},
            "stream_options",
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
        ),
        ({"stream": True, "stream_options": 1}, "stream_options", "expected an object, but got an integer"),
        (
            {"stream": True, "stream_options": {"include_usage": 1}},
            "stream_options.include_usage",
            "expected a boolean, but got an integer",
        ),
        (
            {"stream": True, "stream_options": {"usage": True}},
            "stream_options.usage",
            "Unknown parameter: 'stream_options.usage'.",
        ),
        (
            {"stream": True, "stream_options": {"include_obfuscation": True}},
            "stream_options.include_obfuscation",
            "this server pads no events",
        ),
        ({"n": 0}, "n", "Invalid 'n': integer below minimum value. Expected a value >= 1, but got 0"),
        ({"n": 129}, "n", "Invalid 'n': integer above maximum value. Expected a value <= 128, but got 129"),
        ({"n": 1.5}, "n", "Invalid type for 'n': expected an integer"),
        ({"n": True}, "n", "Invalid type for 'n': expected an integer"),
        ({"temperature": 2.1}, "temperature", "decimal above maximum value. Expected a value <= 2, but got"),
        ({"top_p": -0.1}, "top_p", "decimal below minimum value. Expected a value >= 0, but got -0.1"),
        ({"presence_penalty": "1"}, "presence_penalty", "expected a decimal, but got a string"),
        ({"logprobs": True}, "logprobs", "this server has no probabilities to tell"),
        ({"function_call": {"name": "f"}}, "function_call", "this server calls no tools"),
        ({"stop": ["กาแฟ"]}, "stop", "this server does write that, and would not stop"),
        ({"stop": ["a"] * 5}, "stop", "Expected an array with maximum length 4, but got one of 5"),
        ({"stop": 5}, "stop", "expected a string or an array of strings, but got an integer"),
        ({"temprature": 1, "n_": 2}, None, "Unrecognized request arguments supplied: temprature, n_"),
        ({"tool_choice": "required"}, "tool_choice", "this server calls no tools"),
        ({"modalities": ["text", "audio"]}, "modalities", "this server writes text only"),
        ({"response_format": {"type": "json_object"}}, "response_format", "writes plain text only"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], param: str | None, words: str) -> None:
    error = _refusal(_body(**fields))
    assert error.param == param
    assert words in error.message


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'"x"', b"[" * 100_000, b'{"a": NaN}', b'{"model": "\xff"}'],
)
def test_what_is_not_a_json_object_is_told_so(body: bytes) -> None:
    assert "could not parse the JSON body" in _refusal(body).message


def test_a_model_that_could_not_be_written_back_is_refused() -> None:
    assert _refusal(b'{"model": "\\ud800", "messages": [{"role": "user", "content": "x"}]}')


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
_NAMES = st.sampled_from(["model", "messages", "max_tokens", "stream", "stream_options", "n"])
_MESSAGES = st.lists(
    st.dictionaries(st.sampled_from(["role", "content"]), _VALUES | st.just("user"), max_size=2), max_size=2
)


@given(
    st.dictionaries(_NAMES, _VALUES | _MESSAGES | st.just("m")).map(json.dumps).map(str.encode) | st.binary()
)
def test_every_body_is_a_request_or_a_400(body: bytes) -> None:
    try:
        parsed = parse_chat(body)
    except WireError as error:
        assert error.status == 400  # noqa: PT017 - both endings are allowed, nothing else is
    else:
        assert parsed.prompt_tokens >= 0
