"""Who is asking: the account of a request, and the ids of the call behind it."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

from mockserver.core.latency import MAX_OUTPUT_TOKENS
from mockserver.errors import WireError
from mockserver.tables import is_digits

CALL_HEADER = "x-primetime-call"
ATTEMPT_HEADER = "x-primetime-attempt"
TOKENS_HEADER = "x-primetime-tokens"

_NO_KEY = (
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer "
    "auth (i.e. Authorization: Bearer YOUR_KEY)."
)
_MAX_ID = 2**62


@dataclass(frozen=True, slots=True)
class Ids:
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


def account_of(headers: Mapping[str, str]) -> str:
    """A text that stands for the API key without holding it; raises WireError (401) without a key."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        raise WireError(401, _NO_KEY)
    return blake2b(key.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


def _whole(headers: Mapping[str, str], name: str, low: int, high: int) -> int | None:
    text = headers.get(name)
    if text is None:
        return None
    if not is_digits(text) or not low <= int(text) <= high:
        raise WireError(400, f"header {name}: {text[:40]!r} is not a whole number from {low} to {high}")
    return int(text)
