"""The account behind a request: a text that stands for its API key without holding it."""

from collections.abc import Mapping

from mockserver.errors import WireError
from mockserver.keys import digest

_NO_OPENAI_KEY = (
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer "
    "auth (i.e. Authorization: Bearer YOUR_KEY)."
)
_NO_ANTHROPIC_KEY = "x-api-key header is required"
_NO_VERSION = "anthropic-version: header is required"

VERSION_HEADER = "anthropic-version"


def openai_account(headers: Mapping[str, str]) -> str:
    """From `authorization: Bearer ...`; raises WireError (401) without one."""
    key = bearer(headers)
    if not key:
        raise WireError(401, _NO_OPENAI_KEY)
    return digest(key)


def anthropic_account(headers: Mapping[str, str]) -> str:
    """From `x-api-key`, or else `authorization: Bearer ...`; raises WireError (401) without either, or (400)
    without the version of the API, which every request has to name.
    """
    key = headers.get("x-api-key", "").strip() or bearer(headers)
    if not key:
        raise WireError(401, _NO_ANTHROPIC_KEY)
    if not headers.get(VERSION_HEADER):
        raise WireError(400, _NO_VERSION)
    return digest(key)


def bearer(headers: Mapping[str, str]) -> str:
    """What stands behind `Bearer` in the header `authorization`; empty where it does not."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""
