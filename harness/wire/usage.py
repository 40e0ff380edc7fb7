"""Tokens as the providers count them: told or not, they never cost a reply."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec

from harness.model import Usage
from harness.wire.sse import BOM

#: Tokens as a column of a run holds them.
MAX_TOKENS = 2**31 - 1

Tokens = Annotated[int, msgspec.Meta(ge=0, le=MAX_TOKENS)]

Document = TypeVar("Document", bound=msgspec.Struct)


class Counts(msgspec.Struct):
    """`usage` of a chat completion (the first two), or of a message.

    What Anthropic's prompt cache took in is counted apart from the input.
    """

    prompt_tokens: Tokens | None = None
    completion_tokens: Tokens | None = None
    input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    cache_creation_input_tokens: Tokens | None = None
    cache_read_input_tokens: Tokens | None = None
    total_tokens: Tokens | None = None

    def total(self) -> Usage | None:
        """As the model has it; None while input or output is not told, or the sum is out of range."""
        if self.prompt_tokens is not None and self.completion_tokens is not None:
            # Some APIs leave the tokens of reasoning out of the completion's, and in the total.
            made = max(self.completion_tokens, (self.total_tokens or 0) - self.prompt_tokens)
            return Usage(self.prompt_tokens, made)
        if self.input_tokens is None or self.output_tokens is None:
            return None
        cached = (self.cache_creation_input_tokens or 0) + (self.cache_read_input_tokens or 0)
        prompt = self.input_tokens + cached
        return Usage(prompt, self.output_tokens) if prompt <= MAX_TOKENS else None

    def updated(self, later: Counts) -> Counts:
        """With the counts that a later event of the stream tells; they are cumulative."""
        return Counts(
            *(
                old if new is None else new
                for old, new in zip(
                    msgspec.structs.astuple(self), msgspec.structs.astuple(later), strict=True
                )
            )
        )


def usage_of(usage: Any) -> Usage | None:
    """Either provider's form of a parsed `usage`; None for anything else. Never raises."""
    try:
        return msgspec.convert(usage, Counts).total()
    except msgspec.ValidationError:
        return None


def decode(decoder: msgspec.json.Decoder[Document], data: bytes) -> Document:
    """A reply or an event, after a byte order mark if there is one; raises what the decoder raises.

    A `usage` that cannot be read, its own or its `message`'s, is left out. To decode first and look for it
    after a failure only keeps an ordinary reply as fast as without.
    """
    try:
        return decoder.decode(data)
    except msgspec.DecodeError as error:
        if data.startswith(BOM):
            return decode(decoder, data.removeprefix(BOM))
        if not isinstance(error, msgspec.ValidationError):
            raise
    document = msgspec.json.decode(data)
    if isinstance(document, dict):
        for holder in (document, document.get("message")):
            if isinstance(holder, dict):
                holder.pop("usage", None)
    return msgspec.convert(document, decoder.type)
