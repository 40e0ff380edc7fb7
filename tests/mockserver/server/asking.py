"""Requests of both APIs, and their answers as they came: nothing an SDK could smooth over."""

import json
from dataclasses import dataclass
from typing import Any

from tests.mockserver.server.events import Event, read_events
from tests.mockserver.server.running import Mock

OPENAI_KEY = {"authorization": "Bearer sk-test"}
ANTHROPIC_KEY = {"x-api-key": "sk-ant-test", "anthropic-version": "2023-06-01"}
MESSAGES = [{"role": "user", "content": "Hello"}]
CHAT: dict[str, Any] = {"model": "gpt-4.1", "messages": MESSAGES, "max_tokens": 50}
MESSAGE: dict[str, Any] = {"model": "claude-sonnet-4-5", "messages": MESSAGES, "max_tokens": 50}


@dataclass(frozen=True)
class Answered:
    """An answer: its status, its headers by their name in lower case, and the bytes of its body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[Event]:
        return read_events(self.body.decode())


def chat(mock: Mock, headers: dict[str, str] | None = None, **fields: Any) -> Answered:
    """A chat completion of five tokens, unless the headers say otherwise."""
    sent = OPENAI_KEY | {"x-primetime-tokens": "5"} | (headers or {})
    return Answered(*mock.request("POST", "/v1/chat/completions", CHAT | fields, sent))


def message(mock: Mock, headers: dict[str, str] | None = None, **fields: Any) -> Answered:
    """A message of five tokens, unless the headers say otherwise."""
    sent = ANTHROPIC_KEY | {"x-primetime-tokens": "5"} | (headers or {})
    return Answered(*mock.request("POST", "/v1/messages", MESSAGE | fields, sent))


def count(mock: Mock) -> Answered:
    """The tokens of a message."""
    body = {"model": MESSAGE["model"], "messages": MESSAGES}
    return Answered(*mock.request("POST", "/v1/messages/count_tokens", body, ANTHROPIC_KEY))


def models(mock: Mock, key: dict[str, str], name: str = "") -> Answered:
    """The list of models, or one of them."""
    return Answered(*mock.request("GET", f"/v1/models/{name}".removesuffix("/"), None, key))
