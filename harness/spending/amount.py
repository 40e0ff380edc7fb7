"""Requests, tokens and money together: whole numbers, so that no order of adding shows."""

from __future__ import annotations

from typing import Any, Self

import msgspec

from harness.prices import PICODOLLARS

#: Of what has no limit: more than any run can use, and it fits into a message's 64 bits.
UNLIMITED = 1 << 62


class Amount(msgspec.Struct, frozen=True, gc=False):
    """So much of each."""

    requests: int = 0
    tokens: int = 0
    picodollars: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(
            self.requests + other.requests,
            self.tokens + other.tokens,
            self.picodollars + other.picodollars,
        )

    def __sub__(self, other: Amount) -> Amount:
        return Amount(
            self.requests - other.requests,
            self.tokens - other.tokens,
            self.picodollars - other.picodollars,
        )

    def __floordiv__(self, parts: int) -> Amount:
        return Amount(self.requests // parts, self.tokens // parts, self.picodollars // parts)

    def fits(self, room: Amount) -> bool:
        """Whether it is no more than `room`, in each."""
        return (
            self.requests <= room.requests
            and self.tokens <= room.tokens
            and self.picodollars <= room.picodollars
        )

    def above(self, other: Amount) -> Amount:
        """What it has more than another, in each; 0 where it has less."""
        rest = self - other
        return Amount(max(0, rest.requests), max(0, rest.tokens), max(0, rest.picodollars))

    def most(self, other: Amount) -> Amount:
        """The larger of the two, in each."""
        return self + other.above(self)

    def message(self) -> list[int]:
        """As it travels between processes."""
        return [self.requests, self.tokens, self.picodollars]

    @classmethod
    def of(cls, message: list[int]) -> Self:
        """The amount in a message."""
        return cls(*message)

    @property
    def usd(self) -> float:
        """The money, in dollars."""
        return self.picodollars / PICODOLLARS

    def document(self) -> dict[str, Any]:
        """As a run folder has it; null for what has no limit."""
        return {
            "requests": _limited(self.requests),
            "tokens": _limited(self.tokens),
            "usd": None if self.picodollars >= UNLIMITED else self.usd,
        }


NOTHING = Amount()

#: A request, and nothing that is billed for it.
ONE_REQUEST = Amount(requests=1)


def limit(requests: int | None = None, tokens: int | None = None, picodollars: int | None = None) -> Amount:
    """A budget; None sets no limit."""
    return Amount(*(UNLIMITED if most is None else most for most in (requests, tokens, picodollars)))


def _limited(value: int) -> int | None:
    return None if value >= UNLIMITED else value
