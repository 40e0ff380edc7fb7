"""What every format asks of a chat request before it is encoded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from harness.errors import RequestError
from harness.model import Message, Request

ROLES = ("system", "user", "assistant")

_WHOLE, _REAL = (int,), (int, float)

_encoder = msgspec.json.Encoder()


def check(request: Request, *, max_temperature: float) -> None:
    """Raises RequestError for what no server would take: names the field, the value and what was expected."""
    if not isinstance(request.model, str) or not request.model.strip():
        raise refusal("model", request.model, "the name of a model")
    if not request.messages:
        raise refusal("messages", request.messages, "at least one message")
    for index, message in enumerate(request.messages):
        _check_message(index, message)
    _check_prompts(request.messages)
    tokens = request.max_tokens
    if tokens is not None and (not _is_number(tokens, _WHOLE) or tokens < 1):
        raise refusal("max_tokens", tokens, "at least 1")
    heat = request.temperature
    if heat is not None and (not _is_number(heat, _REAL) or not 0 <= heat <= max_temperature):  # nor NaN
        raise refusal("temperature", heat, f"a number from 0 to {max_temperature:g}")


def encode(body: dict[str, Any], extra: Mapping[str, Any], reserved: frozenset[str]) -> bytes:
    """A body with the caller's further fields as JSON.

    `reserved` are the fields that are set from the request, now or for another one: `extra` may not.
    """
    for name, value in extra.items():
        _check_extra(name, value, reserved)
    try:
        return _encoder.encode(body | dict(extra) if extra else body)
    except UnicodeEncodeError as error:
        raise RequestError(f"prompt is not text that can be sent: {error.reason}") from error


def _is_number(value: object, kinds: tuple[type, ...]) -> bool:
    """A bool is none, though Python has it so."""
    return type(value) in kinds or (isinstance(value, kinds) and not isinstance(value, bool))


def _check_message(index: int, message: Message) -> None:
    if message.role not in ROLES:
        raise refusal(f"messages[{index}].role", message.role, "system, user or assistant")
    if not isinstance(message.content, str):
        raise refusal(f"messages[{index}].content", message.content, "text")


def _check_prompts(messages: tuple[Message, ...]) -> None:
    for index, message in enumerate(messages):
        if message.role == "user" and (not message.content or message.content.isspace()):
            if sum(other.role == "user" for other in messages) == 1:
                raise RequestError("prompt is empty: expected text to send")
            raise refusal(f"messages[{index}].content", message.content, "text to send")


def _check_extra(name: str, value: Any, reserved: frozenset[str]) -> None:
    if not isinstance(name, str) or name in reserved:
        raise RequestError(f"extra[{name!r}]: expected a field that the request does not set itself")
    try:
        json.dumps(value, allow_nan=False)  # stricter than msgspec, which would turn a set into a list
        _encoder.encode({name: value})
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        kind = type(value).__name__
        raise RequestError(f"extra[{name!r}] is a {kind}: expected a value that JSON can hold") from error


def refusal(field: str, value: Any, what: str) -> RequestError:
    """The error of a field whose value no server, or not this one, would take."""
    return RequestError(f"{field} = {value!r:.100}: expected {what}")
