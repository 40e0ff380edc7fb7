"""Tokens as the providers count them."""

from __future__ import annotations

from typing import Any

import msgspec

from harness.model import Usage

#: Tokens as a column of a run holds them.
MAX_TOKENS = 2**31 - 1


class Counts(msgspec.Struct):
    """`usage` of a chat completion (the first two), or of a message; any type, for it may not cost a reply.

    What Anthropic's prompt cache took in is counted apart from the input.
    """

    prompt_tokens: Any = None
    completion_tokens: Any = None
    input_tokens: Any = None
    output_tokens: Any = None
    cache_creation_input_tokens: Any = None
    cache_read_input_tokens: Any = None

    def updated(self, later: Told) -> Counts:
        """With the counts that a later event of the stream tells; they are cumulative."""
        if not isinstance(later, Counts):
            return self
        return Counts(
            *(
                old if new is None else new
                for old, new in zip(
                    msgspec.structs.astuple(self), msgspec.structs.astuple(later), strict=True
                )
            )
        )


#: Whatever stands under `usage`: a struct with a member of this type is decoded whatever it is.
Told = Counts | list[Any] | str | float | bool | None


def usage_of(told: Told) -> Usage | None:
    """Either provider's counts; None unless both input and output are told, and in range. Never raises."""
    if not isinstance(told, Counts):
        return None
    prompt, completion = told.prompt_tokens, told.completion_tokens
    if prompt is None or completion is None:
        prompt, completion = _input(told), told.output_tokens
    # Written out, for it is asked of every reply; a bool is an int to isinstance.
    if (
        type(prompt) is int
        and type(completion) is int
        and MAX_TOKENS >= prompt >= 0 <= completion <= MAX_TOKENS
    ):
        return Usage(prompt, completion)
    return None


def _input(told: Counts) -> int | None:
    parts = (told.input_tokens, told.cache_creation_input_tokens or 0, told.cache_read_input_tokens or 0)
    return sum(parts) if all(type(part) is int and part >= 0 for part in parts) else None
