"""Reading requests as Anthropic does."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.errors import WireError
from mockserver.wire.anthropic_request import parse_count, parse_messages

HELLO = [{"role": "user", "content": "สวัสดี"}]
MISSING = object()


def _body(**fields: Any) -> bytes:
    document = {"model": "claude-x", "max_tokens": 300, "messages": HELLO} | fields
    return json.dumps({name: value for name, value in document.items() if value is not MISSING}).encode()


def _refusal(body: bytes) -> str:
    with pytest.raises(WireError) as caught:
        parse_messages(body)
    assert caught.value.status == 400
    return caught.value.message


def test_a_request_is_its_model_its_prompt_and_its_maximum() -> None:
    parsed = parse_messages(_body(temperature=0.7))
    assert (parsed.model, parsed.prompt_tokens, parsed.max_tokens, parsed.stream) == (
        "claude-x",
        3,
        300,
        False,
    )
    assert parse_messages(_body(stream=True)).stream is True


def test_all_text_counts_the_system_prompt_too() -> None:
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "ab"}, {"type": "image", "source": {}}]},
        {"role": "assistant", "content": "c"},
    ]
    assert parse_messages(_body(messages=messages)).prompt_tokens == 2
    assert parse_messages(_body(messages=messages, system="def")).prompt_tokens == 3
    blocks = [{"type": "text", "text": "de"}, {"type": "text", "text": "fgh"}]
    assert parse_messages(_body(messages=messages, system=blocks)).prompt_tokens == 4


def test_a_count_needs_no_maximum() -> None:
    assert parse_count(_body(max_tokens=MISSING)).prompt_tokens == 3


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model": MISSING}, "model: Field required"),
        ({"model": 3}, "model: Input should be a valid string"),
        ({"model": ""}, "model: String should have at least 1 character"),
        ({"model": "a\u0007"}, "model: String should be printable"),
        ({"max_tokens": MISSING}, "max_tokens: Field required"),
        ({"max_tokens": "9"}, "max_tokens: Input should be a valid integer"),
        ({"max_tokens": True}, "max_tokens: Input should be a valid integer"),
        ({"max_tokens": 0}, "max_tokens: Input should be greater than or equal to 1"),
        (
            {"max_tokens": 999_999},
            "max_tokens: 999999 > 128000, which is the maximum allowed number of output tokens for claude-x",
        ),
        ({"messages": MISSING}, "messages: Field required"),
        ({"messages": "hi"}, "messages: Input should be a valid list"),
        ({"messages": []}, "messages: at least one message is required"),
        ({"messages": ["hi"]}, "messages.0: Input should be an object"),
        ({"messages": [{"content": "x"}]}, "messages.0.role: Field required"),
        (
            {"messages": [{"role": "boss", "content": "x"}]},
            "messages.0.role: Input should be 'user' or 'assistant'",
        ),
        ({"messages": [*HELLO, {"role": "user"}]}, "messages.1.content: Field required"),
        (
            {"messages": [{"role": "user", "content": 3}]},
            "messages.0.content: Input should be a valid string or a list of content blocks",
        ),
        ({"messages": [{"role": "user", "content": [3]}]}, "messages.0.content.0: Input should be an object"),
        (
            {"messages": [{"role": "user", "content": [{"text": "x"}]}]},
            "messages.0.content.0.type: Field required",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "messages.0.content.0.text.text: Field required",
        ),
        ({"system": 3}, "system: Input should be a valid string or a list of text blocks"),
        ({"system": [{"type": "image"}]}, "system.0.type: Input should be 'text'"),
        ({"stream": 1}, "stream: Input should be a valid boolean"),
        ({"thinking": {"type": "enabled"}}, "thinking: only {'type': 'disabled'} is supported"),
        ({"temperature": 1.01}, "temperature: range: 0..1"),
        ({"top_p": "1"}, "top_p: Input should be a valid number"),
        ({"top_k": 0.5}, "top_k: Input should be a valid integer"),
        (
            {"output_config": {"format": {"type": "json_schema"}}},
            "output_config.format: this server",
        ),
        ({"stop_sequences": ["กาแฟ"]}, "stop_sequences.0: this server does write that"),
        ({"stop_sequences": "x"}, "stop_sequences: Input should be a valid list"),
        ({"temprature": 1}, "temprature: Extra inputs are not permitted"),
        (
            {"messages": [{"role": "user", "content": ""}]},
            "messages.0: all messages must have",
        ),
        ({"tool_choice": {"type": "any"}}, "tool_choice: this server calls no tools"),
        ({"tool_choice": "auto"}, "tool_choice: this server calls no tools"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], message: str) -> None:
    assert _refusal(_body(**fields)).startswith(message)


def test_a_system_message_is_told_where_it_belongs() -> None:
    assert 'Unexpected role "system"' in _refusal(_body(messages=[{"role": "system", "content": "x"}]))


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_not_json_is_told_so(body: bytes) -> None:
    assert _refusal(body) == "The request body is not valid JSON."


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
_NAMES = st.sampled_from(["model", "messages", "max_tokens", "stream", "system", "thinking"])
_MESSAGES = st.lists(
    st.dictionaries(st.sampled_from(["role", "content"]), _VALUES | st.just("user"), max_size=2), max_size=2
)


@given(
    st.dictionaries(_NAMES, _VALUES | _MESSAGES | st.just("m")).map(json.dumps).map(str.encode) | st.binary()
)
def test_every_body_is_a_request_or_a_400(body: bytes) -> None:
    try:
        parsed = parse_messages(body)
    except WireError as error:
        assert error.status == 400  # noqa: PT017 - both endings are allowed, nothing else is
    else:
        assert parsed.prompt_tokens >= 0
