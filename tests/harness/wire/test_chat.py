"""What no format sends."""

import json
import re
from collections import deque
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import RequestError
from harness.model import Message, Request
from harness.wire.anthropic import ANTHROPIC
from harness.wire.base import Wire
from harness.wire.openai import OPENAI

USER = Message("user", "a")

pytestmark = pytest.mark.parametrize("wire", [OPENAI, ANTHROPIC], ids=lambda wire: wire.name)


def _refused(wire: Wire, request: Request, message: str) -> None:
    with pytest.raises(RequestError, match=f"^{re.escape(message)}$"):
        wire.encode(request)


def test_a_request_without_messages(wire: Wire) -> None:
    _refused(wire, Request((), "m", 1), "messages = (): expected at least one message")


@pytest.mark.parametrize("blank", ["", " ", "\n\t ", "\u00a0"])
def test_an_empty_prompt(wire: Wire, blank: str) -> None:
    message = "prompt is empty: expected text to send"
    _refused(wire, Request((Message("user", blank),), "m", 1), message)
    _refused(wire, Request((Message("system", "s"), Message("user", blank)), "m", 1), message)


def test_an_empty_turn_of_several_is_named(wire: Wire) -> None:
    turns = (USER, Message("assistant", "b"), Message("user", " "))
    _refused(wire, Request(turns, "m", 1), "messages[2].content = ' ': expected text to send")


def test_an_unknown_role(wire: Wire) -> None:
    turns = (USER, Message("tool", "b"))
    _refused(wire, Request(turns, "m", 1), "messages[1].role = 'tool': expected system, user or assistant")


def test_content_that_is_no_text(wire: Wire) -> None:
    broken: Any = None
    turns = (Message("user", broken),)
    _refused(wire, Request(turns, "m", 1), "messages[0].content = None: expected text")


@pytest.mark.parametrize("tokens", [0, -1, 1.5, True, "9"])
def test_fewer_than_one_token(wire: Wire, tokens: Any) -> None:
    _refused(wire, Request((USER,), "m", tokens), f"max_tokens = {tokens!r}: expected at least 1")


@pytest.mark.parametrize("heat", [-0.1, 2.01, float("nan"), float("inf"), float("-inf"), True, "0.5"])
def test_a_temperature_out_of_range(wire: Wire, heat: Any) -> None:
    most = {"openai": 2, "anthropic": 1}[wire.name]
    message = f"temperature = {heat!r}: expected a number from 0 to {most}"
    _refused(wire, Request((USER,), "m", 1, temperature=heat), message)


@pytest.mark.parametrize("model", ["", "  ", None])
def test_no_model(wire: Wire, model: Any) -> None:
    _refused(wire, Request((USER,), model, 1), f"model = {model!r}: expected the name of a model")


def test_a_long_value_is_shortened_in_the_message(wire: Wire) -> None:
    with pytest.raises(RequestError) as caught:
        wire.encode(Request((Message("x" * 10_000, "a"),), "m", 1))
    assert len(str(caught.value)) < 200


# Half a surrogate pair, as `errors="surrogateescape"` leaves in text read from a file.
@pytest.mark.parametrize(
    "request_",
    [
        Request((Message("user", "ขาย \ud800"),), "m", 1),
        Request((Message("system", "\udcff"), USER), "m", 1),
        Request((USER,), "m\ud800", 1),
    ],
)
def test_text_that_is_not_unicode(wire: Wire, request_: Request) -> None:
    _refused(wire, request_, "prompt is not text that can be sent: surrogates not allowed")


def test_further_fields_are_sent(wire: Wire) -> None:
    extra = {"top_p": 0.5, "metadata": {"shop": "กาแฟ", "ids": [1, 2]}, "stop": None, "pair": (1, 2)}
    plain = json.loads(wire.encode(Request((USER,), "m", 1)))
    sent = json.loads(wire.encode(Request((USER,), "m", 1, extra=extra)))
    assert sent == plain | extra | {"pair": [1, 2]}


@pytest.mark.parametrize("field", ["model", "messages", "max_tokens", "temperature", "stream"])
def test_a_further_field_may_not_be_one_of_ours(wire: Wire, field: str) -> None:
    message = f"extra[{field!r}]: expected a field that the request does not set itself"
    _refused(wire, Request((USER,), "m", 1, extra={field: 1}), message)


def test_a_further_field_needs_a_name(wire: Wire) -> None:
    broken: Any = {1: 2}
    message = "extra[1]: expected a field that the request does not set itself"
    _refused(wire, Request((USER,), "m", 1, extra=broken), message)


def _endless() -> list[Any]:
    circle: list[Any] = []
    circle.append(circle)
    return circle


def _deep() -> list[Any]:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    return nested


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {1, 2},
        b"bytes",
        datetime(2026, 1, 1, tzinfo=UTC),
        float("nan"),
        [float("inf")],
        {"a": {(1, 2): 3}},
        "\ud800",
        {"\ud800": 1},
        deque([1]),
        1j,
        _endless(),
        _deep(),
    ],
    ids=[
        "object",
        "set",
        "bytes",
        "date",
        "nan",
        "inf",
        "key",
        "surrogate",
        "surrogate-key",
        "deque",
        "complex",
        "endless",
        "deep",
    ],
)
def test_a_further_field_that_json_cannot_hold(wire: Wire, value: Any) -> None:
    kind = type(value).__name__
    message = f"extra['x'] is a {kind}: expected a value that JSON can hold"
    _refused(wire, Request((USER,), "m", 1, extra={"x": value}), message)


@given(prompt=st.text(min_size=1).filter(str.strip), reply=st.text(), system=st.none() | st.text())
@settings(deadline=None)
def test_any_text_survives_the_wire(wire: Wire, prompt: str, reply: str, system: str | None) -> None:
    turns = (Message("user", prompt), Message("assistant", reply), Message("user", prompt))
    head = () if system is None else (Message("system", system),)
    sent = json.loads(wire.encode(Request((*head, *turns), "m", 5)))
    assert [m["content"] for m in sent["messages"] if m["role"] != "system"] == [prompt, reply, prompt]


def test_what_is_not_asked_for_is_not_sent(wire: Wire) -> None:
    assert wire.encode(Request((Message("user", "สวัสดี"),), "m", 1)) == (
        '{"model":"m","messages":[{"role":"user","content":"สวัสดี"}],"max_tokens":1}'.encode()
    )


def test_temperature_zero_is_sent(wire: Wire) -> None:
    assert json.loads(wire.encode(Request((USER,), "m", 1, temperature=0.0)))["temperature"] == 0
