"""The ids of the call behind a request, and the length it wants."""

from collections.abc import Mapping

import msgspec

from mockserver.core.latency import MAX_OUTPUT_TOKENS
from mockserver.errors import WireError
from mockserver.tables import is_digits

CALL_HEADER = "x-primetime-call"
ATTEMPT_HEADER = "x-primetime-attempt"
TOKENS_HEADER = "x-primetime-tokens"

_MAX_ID = 2**62


class Ids(msgspec.Struct, frozen=True):
    """What the optional `x-primetime-*` headers say; None where they say nothing."""

    call: int | None
    attempt: int | None
    wanted_tokens: int | None


def read_ids(headers: Mapping[str, str]) -> Ids:
    """The ids of a request; raises WireError (400) for a header that is no whole number in its range."""
    return Ids(
        call=_whole(headers, CALL_HEADER, 0, _MAX_ID),
        attempt=_whole(headers, ATTEMPT_HEADER, 1, _MAX_ID),
        wanted_tokens=_whole(headers, TOKENS_HEADER, 1, MAX_OUTPUT_TOKENS),
    )


def _whole(headers: Mapping[str, str], name: str, low: int, high: int) -> int | None:
    text = headers.get(name)
    if text is None:
        return None
    if not is_digits(text) or not low <= int(text) <= high:
        raise WireError(400, f"header {name}: {text[:40]!r} is not a whole number from {low} to {high}")
    return int(text)
