"""The official SDKs behind one face: a client, a whole reply, a stream."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol

import anthropic
import openai
import pytest

KEY = "sk-primetime-4711-very-secret"
MESSAGES: Any = [{"role": "user", "content": "เขียนแคปชั่นให้ร้านกาแฟ"}]  # 23 characters, 12 tokens


@dataclass(frozen=True)
class Said:
    """A reply: its text, and the tokens that were counted."""

    text: str
    prompt_tokens: int
    completion_tokens: int


class Sdk(Protocol):
    """One provider's SDK. `errors` is its module, where both have errors of the same names."""

    name: str
    path: str
    errors: Any

    def client(self, port: int, **options: Any) -> Any:
        """A client of the server on that port; its own retries are off unless `options` say otherwise."""

    async def whole(self, client: Any, **fields: Any) -> Said:
        """One call, read whole."""

    async def begin(self, client: Any, **fields: Any) -> Any:
        """One call, as a stream of events."""

    def piece(self, event: Any) -> tuple[str, int | None, int | None]:
        """The text of an event, and the prompt and completion tokens it counts."""


class OpenAI:
    """Chat completions."""

    name = "openai"
    path = "/v1/chat/completions"
    errors: Any = openai

    def client(self, port: int, **options: Any) -> openai.AsyncOpenAI:
        settings: dict[str, Any] = {"api_key": KEY, "max_retries": 0, "timeout": 8.0} | options
        return openai.AsyncOpenAI(base_url=f"http://127.0.0.1:{port}/v1", **settings)

    async def whole(self, client: openai.AsyncOpenAI, **fields: Any) -> Said:
        reply = await client.chat.completions.create(**_asked(fields))
        return Said(
            reply.choices[0].message.content or "", reply.usage.prompt_tokens, reply.usage.completion_tokens
        )

    async def begin(self, client: openai.AsyncOpenAI, **fields: Any) -> Any:
        options: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
        return await client.chat.completions.create(**_asked(fields), **options)

    def piece(self, event: Any) -> tuple[str, int | None, int | None]:
        text = "".join(choice.delta.content or "" for choice in event.choices)
        used = event.usage
        return (text, used.prompt_tokens, used.completion_tokens) if used else (text, None, None)


class Anthropic:
    """Messages."""

    name = "anthropic"
    path = "/v1/messages"
    errors: Any = anthropic

    def client(self, port: int, **options: Any) -> anthropic.AsyncAnthropic:
        settings: dict[str, Any] = {"api_key": KEY, "max_retries": 0, "timeout": 8.0} | options
        return anthropic.AsyncAnthropic(base_url=f"http://127.0.0.1:{port}", **settings)

    async def whole(self, client: anthropic.AsyncAnthropic, **fields: Any) -> Said:
        reply = await client.messages.create(**_asked(fields))
        return Said(reply.content[0].text, reply.usage.input_tokens, reply.usage.output_tokens)

    async def begin(self, client: anthropic.AsyncAnthropic, **fields: Any) -> Any:
        return await client.messages.create(**_asked(fields), stream=True)

    def piece(self, event: Any) -> tuple[str, int | None, int | None]:
        match event.type:
            case "message_start":
                return "", event.message.usage.input_tokens, None
            case "content_block_delta":
                return event.delta.text, None, None
            case "message_delta":
                return "", None, event.usage.output_tokens
        return "", None, None


OPENAI, ANTHROPIC = OpenAI(), Anthropic()
SDKS: tuple[Sdk, ...] = (OPENAI, ANTHROPIC)
EACH_SDK = pytest.mark.parametrize("sdk", SDKS, ids=lambda sdk: sdk.name)
EACH_WAY = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


async def ask(sdk: Sdk, client: Any, *, stream: bool, **fields: Any) -> Said:
    """One call read to its end, whichever way."""
    if not stream:
        return await sdk.whole(client, **fields)
    text, prompt, completion = "", 0, 0
    async with await sdk.begin(client, **fields) as events:
        async for more, asked, written in pieces(sdk, events):
            text, prompt, completion = text + more, asked or prompt, written or completion
    return Said(text, prompt, completion)


async def pieces(sdk: Sdk, events: Any) -> AsyncIterator[tuple[str, int | None, int | None]]:
    async for event in events:
        yield sdk.piece(event)


def _asked(fields: dict[str, Any]) -> dict[str, Any]:
    asked = {"model": "gpt-4.1", "messages": MESSAGES, "max_tokens": 50} | fields
    tokens = {"x-primetime-tokens": "30"}
    return asked | {"extra_headers": tokens | fields.get("extra_headers", {})}
