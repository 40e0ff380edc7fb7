"""What callers may pass for messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.errors import RequestError
from harness.model import Message

#: The article's system prompt: "You are an expert in writing Thai content."
COPYWRITER = "คุณเป็นผู้เชี่ยวชาญด้านการเขียนคอนเทนต์ภาษาไทย"

NOTHING: Mapping[str, Any] = {}

AnyMessage = Message | Mapping[str, Any]


def copy_messages(prompt: str, system: str | None) -> tuple[Message, ...]:
    """One prompt, after the system's if there is one. Raises RequestError for a prompt that is no text."""
    if not isinstance(prompt, str):
        raise RequestError(f"prompt = {prompt!r}: expected text to send")
    asked = Message("user", prompt)
    return (asked,) if system is None else (Message("system", system), asked)


def as_extra(extra: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Further fields of a body. Raises RequestError for what are none."""
    if extra is None:
        return NOTHING
    if not isinstance(extra, Mapping):
        raise RequestError(f"extra = {extra!r:.100}: expected fields by name")
    return extra


def as_messages(messages: Sequence[AnyMessage]) -> tuple[Message, ...]:
    """Messages given as Message or as {"role": ..., "content": ...}. Raises RequestError for others."""
    if isinstance(messages, str | Mapping) or not isinstance(messages, Iterable):
        raise RequestError(f"messages = {messages!r:.100}: expected a list of messages")
    return tuple(_as_message(index, message) for index, message in enumerate(messages))


def _as_message(index: int, message: AnyMessage) -> Message:
    if isinstance(message, Message):
        return message
    what = 'expected a Message or {"role": ..., "content": ...} with text in both'
    if not isinstance(message, Mapping) or set(message) != {"role", "content"}:
        raise RequestError(f"messages[{index}] = {message!r:.100}: {what}")
    role, content = message["role"], message["content"]
    if not isinstance(role, str) or not isinstance(content, str):
        raise RequestError(f"messages[{index}] = {message!r:.100}: {what}")
    return Message(role, content)
