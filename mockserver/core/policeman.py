"""Callers who come back before they were told to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Early:
    """By how many microseconds a request comes too early; 0 when it does not."""

    of_call_us: int = 0
    of_account_us: int = 0
