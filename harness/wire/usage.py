"""Tokens as the providers count them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from harness.model import Usage

#: Tokens as a column of a run holds them.
MAX_TOKENS = 2**31 - 1

Tokens = Annotated[int, msgspec.Meta(ge=0, le=MAX_TOKENS)]


class OpenAIUsage(msgspec.Struct):
    """`usage` of a chat completion."""

    prompt_tokens: Tokens
    completion_tokens: Tokens

    def total(self) -> Usage:
        """As the model has it."""
        return Usage(self.prompt_tokens, self.completion_tokens)


class AnthropicUsage(msgspec.Struct):
    """`usage` of a message; what the prompt cache took in is counted apart from the input."""

    input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    cache_creation_input_tokens: Tokens | None = None
    cache_read_input_tokens: Tokens | None = None

    def total(self) -> Usage | None:
        """As the model has it; None while input or output is not told, or the sum is out of range."""
        if self.input_tokens is None or self.output_tokens is None:
            return None
        cached = (self.cache_creation_input_tokens or 0) + (self.cache_read_input_tokens or 0)
        prompt = self.input_tokens + cached
        return Usage(prompt, self.output_tokens) if prompt <= MAX_TOKENS else None

    def updated(self, later: AnthropicUsage) -> AnthropicUsage:
        """With the counts that a later event of the stream tells; they are cumulative."""
        return AnthropicUsage(
            *(
                old if new is None else new
                for old, new in zip(
                    msgspec.structs.astuple(self), msgspec.structs.astuple(later), strict=True
                )
            )
        )


_FORMS: tuple[type[OpenAIUsage | AnthropicUsage], ...] = (OpenAIUsage, AnthropicUsage)


def usage_of(usage: Any) -> Usage | None:
    """Either provider's form of a parsed `usage`; None for anything else. Never raises."""
    if not isinstance(usage, dict):
        return None
    for form in _FORMS:
        try:
            total = msgspec.convert(usage, form).total()
        except msgspec.ValidationError:
            continue
        if total is not None:
            return total
    return None
