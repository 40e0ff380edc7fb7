"""Addresses of HTTP servers."""

from urllib.parse import urlsplit

#: Hosts that are this machine.
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def is_loopback(url: str) -> bool:
    """Whether an HTTP address is this machine."""
    return urlsplit(url).hostname in LOOPBACK


def is_http_address(url: str) -> bool:
    """Whether a URL names an HTTP scheme, a host and, if any, a port that is one."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none, half an IPv6 address
        return False
