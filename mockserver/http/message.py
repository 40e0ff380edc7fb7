"""A request that was read to its end."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

Headers = dict[str, str]


@dataclass(slots=True)
class HttpRequest:
    """Header names are in lower case; those given several times are joined with commas.

    `body` is None when it was larger than the server reads.
    """

    method: str
    target: str
    headers: Headers
    body: bytes | None
    keep_alive: bool
    http_1_1: bool

    @property
    def path(self) -> str:
        """The path of the target, without host (as a proxy is sent it) and percent signs."""
        path = self.target.partition("?")[0]
        if not path.startswith("/"):
            path = _without_host(path)
        return unquote(path) if "%" in path else path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))


def _without_host(url: str) -> str:
    """The path of a whole URL; what is none is its own path, which nobody knows."""
    try:
        return urlsplit(url).path
    except ValueError:
        return url
