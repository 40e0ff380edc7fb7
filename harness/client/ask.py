"""What a caller asks of one call, beside its request."""

from __future__ import annotations

import msgspec

from harness.errors import RequestError

MAX_KEY = 255


class Ask(msgspec.Struct, frozen=True, gc=False):
    """`priority`: where calls wait, higher ones go first. `deadline_s`: less than the policy's, if it is.
    `idempotency_key`: sent with every attempt, so that an API that knows it does the work once.
    """

    priority: int = 0
    deadline_s: float | None = None
    idempotency_key: str | None = None


PLAIN = Ask()


def check(ask: Ask) -> None:
    """Raise RequestError for what cannot be asked for."""
    if type(ask.priority) is not int:
        raise RequestError(f"priority = {ask.priority!r}: expected a whole number; higher ones go first")
    if ask.deadline_s is not None and not _is_time(ask.deadline_s):
        raise RequestError(f"deadline_s = {ask.deadline_s!r}: expected seconds, more than 0")
    if ask.idempotency_key is not None and not is_key(ask.idempotency_key):
        what = f"1 to {MAX_KEY} characters of printable ASCII, none of them a space"
        raise RequestError(f"idempotency_key = {ask.idempotency_key!r:.100}: expected {what}")


def is_key(key: object) -> bool:
    """Whether a key can stand in a header."""
    if not isinstance(key, str) or not 1 <= len(key) <= MAX_KEY:
        return False
    return key.isascii() and key.isprintable() and " " not in key


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0
