"""What a dialect reads out of a request body: all the provider's decisions need, and how to answer."""

import msgspec

# Anthropic's documented maximum of a request; OpenAI's contexts fit as well.
MAX_BODY_BYTES = 32 * 1024 * 1024


class ParsedRequest(msgspec.Struct, frozen=True):
    """A valid request for a generation of `choices` replies.

    `stream_usage`: the usage is to be in the stream.
    """

    model: str
    prompt_tokens: int
    max_tokens: int | None
    stream: bool = False
    stream_usage: bool = False
    choices: int = 1
