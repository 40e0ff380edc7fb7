"""Addresses of HTTP servers."""

import re
from ipaddress import IPv6Address
from urllib.parse import urlsplit

#: Hosts that are this machine.
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def is_loopback(url: str) -> bool:
    """Whether an HTTP address is this machine."""
    return urlsplit(url).hostname in LOOPBACK


#: Scheme, host and port of an address that every reader of it reads alike: no user, no backslash, no escape.
_ORIGIN = re.compile(r"https?://(?:[a-z0-9._-]+|\[(?P<ipv6>[^][]+)\])(?::[0-9]*)?(?![^/?#])", re.IGNORECASE)


def is_http_address(url: str) -> bool:
    """Whether a URL names an HTTP scheme, a host, no user and, if any, a port that is one."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return False
    origin = _ORIGIN.match(url)
    if origin is None:
        return False
    try:
        if origin["ipv6"]:
            IPv6Address(origin["ipv6"])
        return urlsplit(url).port != 0
    except ValueError:  # a port that is none, an IPv6 address that is none
        return False


def has_user(url: str) -> bool:
    """Whether something stands before an address's host; also for one that is no address."""
    return "@" in re.split("[/?#]", url.partition("://")[2], maxsplit=1)[0]
