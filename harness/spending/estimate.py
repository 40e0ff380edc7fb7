"""What an offer will cost, before anything of it is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.prices import Price
from harness.spending.amount import NOTHING, Amount

#: The rule of thumb for a prompt: four bytes a token, as the client's own limiter has it.
BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Sample:
    """One of the requests to be made: bytes of its body, the most tokens of its reply, those it is meant to
    have, if that is known, and the most it can cost.
    """

    body_bytes: int
    most_reply_tokens: int
    planned_reply_tokens: int | None
    most: Amount


@dataclass(frozen=True, slots=True)
class Estimate:
    """Of a call, each sent once: tokens of prompt and reply. Of the run: `calls`, None where nobody knows.

    `most_call` is the most a request can cost, of those looked at.
    """

    calls: int | None
    prompt_tokens: int
    reply_tokens: int
    most_call: Amount

    @property
    def tokens(self) -> int | None:
        """Of all calls."""
        return None if self.calls is None else self.calls * (self.prompt_tokens + self.reply_tokens)

    def picodollars(self, price: Price) -> int | None:
        """Of all calls."""
        if self.calls is None:
            return None
        return self.calls * (self.prompt_tokens * price.prompt + self.reply_tokens * price.completion)


def estimate(calls: int | None, samples: Sequence[Sample]) -> Estimate:
    """From some of the requests. A reply whose length nobody knows is taken to be as long as it may be."""
    replies = [
        s.most_reply_tokens if s.planned_reply_tokens is None else s.planned_reply_tokens for s in samples
    ]
    most = NOTHING
    for sample in samples:
        most = most.most(sample.most)
    return Estimate(
        calls,
        prompt_tokens=_mean([-(-s.body_bytes // BYTES_PER_TOKEN) for s in samples]),
        reply_tokens=_mean(replies),
        most_call=most,
    )


def _mean(values: Sequence[int]) -> int:
    return -(-sum(values) // len(values)) if values else 0
