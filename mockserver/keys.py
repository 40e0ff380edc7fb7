"""API keys, as they are remembered: a digest that stands for the key without holding it."""

import re
from hashlib import blake2b

# Of the admin interface's secret. Not on the command line, which every user of the machine can read.
TOKEN_VARIABLE = "MOCKSERVER_ADMIN_TOKEN"  # noqa: S105 - its name, not itself

_DIGEST = re.compile(r"digest:([0-9a-f]{16})")


def digest(key: str) -> str:
    """16 hexadecimal digits that stand for a key."""
    return blake2b(key.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


def read_key(text: str) -> str:
    """The digest of a key in a profile, given as the key itself or as it was written by `written_key`."""
    match = _DIGEST.fullmatch(text)
    return match[1] if match else digest(text)


def written_key(key_digest: str) -> str:
    return f"digest:{key_digest}"
