"""A request that was read to its end."""

from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

Headers = dict[str, str]


class HttpRequest(msgspec.Struct):
    """`path` is without percent signs. Header names are in lower case; those given several times are joined
    with commas. `body` is None when it was larger than the server reads.
    """

    method: str
    path: str
    query_text: str
    headers: Headers
    body: bytes | None
    keep_alive: bool
    http_1_1: bool

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.query_text, keep_blank_values=True))


def split_target(target: str) -> tuple[str, str]:
    """The path and the query of a request's target, without the host (as a proxy is sent it)."""
    path, _, query = target.partition("?")
    if not path.startswith("/"):
        path = _without_host(path)
    return unquote(path) if "%" in path else path, query


def _without_host(url: str) -> str:
    """The path of a whole URL; what is none is its own path, which nobody knows."""
    try:
        return urlsplit(url).path
    except ValueError:
        return url
