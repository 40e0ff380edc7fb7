"""What a dialect reads out of a request body: all the provider's decisions need."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ParsedRequest:
    """A valid request for a generation."""

    model: str
    prompt_tokens: int
    max_tokens: int | None
