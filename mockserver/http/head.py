"""The head of a reply as bytes."""

from collections.abc import Mapping
from email.utils import formatdate
from functools import cache, lru_cache
from http import HTTPStatus

from mockserver.units import US_PER_S

_OWN_PHRASES = {529: "Site is overloaded"}


def reply_head(status: int, headers: Mapping[str, str], framing: bytes, unix_us: int) -> bytes:
    """Status line, date, `headers`, and the lines of `framing`, each of which ends in CRLF."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    return b"%b%b%b%b\r\n" % (
        _status_line(status),
        _date_line(unix_us // US_PER_S),
        lines.encode("latin-1", "replace"),
        framing,
    )


@cache
def _status_line(status: int) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = _OWN_PHRASES.get(status, "Unknown")
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


@lru_cache(maxsize=2)
def _date_line(unix_s: int) -> bytes:
    return f"date: {formatdate(unix_s, usegmt=True)}\r\n".encode()
