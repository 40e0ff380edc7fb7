"""Where requests go, and the key they carry."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from harness import errors
from harness.wire.address import has_user, is_http_address
from harness.wire.choose import wire_named

WireName = Literal["openai", "anthropic"]

#: Wire format -> default address, the variables that replace it and hold the key.
_ENVIRONMENT: dict[str, tuple[str, str, str]] = {
    "openai": ("https://api.openai.com/v1", "OPENAI_BASE_URL", "OPENAI_API_KEY"),
    "anthropic": ("https://api.anthropic.com/v1", "ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY"),
}

#: Asked where a caller names no model: the article's, and Anthropic's nearest in price.
DEFAULT_MODELS: dict[WireName, str] = {"openai": "gpt-4.1", "anthropic": "claude-haiku-4-5"}


@dataclass(frozen=True, slots=True, repr=False)
class Endpoint:
    """An API: its address up to and with the version, its key, its wire format.

    `base_url` and `api_key` default to the provider's environment variables (OPENAI_BASE_URL, OPENAI_API_KEY;
    ANTHROPIC_BASE_URL, ANTHROPIC_API_KEY). Raises ConfigError for an address or key that cannot work; no
    message and no repr shows a key.
    """

    base_url: str | None = None
    api_key: str | None = None
    wire: WireName = "openai"

    def __post_init__(self) -> None:
        if not isinstance(self.wire, str):
            raise errors.expected("wire", self.wire, "the name of a wire format")
        wire_named(self.wire)
        default, url_variable, key_variable = _ENVIRONMENT[self.wire]
        url = self.base_url
        if url is None:
            url = os.environ.get(url_variable) or default
            if self.wire == "anthropic":
                url = _with_version(url)
        object.__setattr__(self, "base_url", _checked_url(url))
        object.__setattr__(
            self, "api_key", _checked_key(self.api_key or os.environ.get(key_variable), key_variable)
        )

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        return self.base_url or ""

    @property
    def key(self) -> str:
        """The key."""
        return self.api_key or ""

    @property
    def shown(self) -> str:
        """The address as it may be shown: without a password."""
        return without_user(self.url)

    def __repr__(self) -> str:
        return f"Endpoint({self.shown!r}, wire={self.wire!r})"


def without_user(url: str) -> str:
    """An address less its user and password."""
    address = urlsplit(url)
    return address._replace(netloc=address.netloc.rpartition("@")[2]).geturl()


def _with_version(url: str) -> str:
    """ANTHROPIC_BASE_URL, as Anthropic's SDK reads it, has no version."""
    return url if urlsplit(url).path.rstrip("/").endswith("/v1") else url.rstrip("/") + "/v1"


def _checked_url(url: str) -> str:
    what = "an address such as https://api.openai.com/v1"
    if not isinstance(url, str):
        raise errors.expected("base_url", url, what)
    check_address("base_url", url, what)
    if urlsplit(url).query or urlsplit(url).fragment:
        raise errors.expected("base_url", without_password(url), f"{what}, without a query or fragment")
    return url.rstrip("/")


def check_address(name: str, url: str, what: str) -> None:
    """That a setting is an address of HTTP. Raises ConfigError, which shows no password.

    A user and password are refused: they would take the place of the key in the header that carries it.
    """
    if has_user(url):
        raise errors.expected(name, without_password(url), f"{what}, without a user and password")
    if not is_http_address(url):
        raise errors.expected(name, without_password(url), what)


def without_password(url: str) -> str:
    """The address, also one that is none, less what stands before its host."""
    _, at, rest = url.rpartition("@")
    return f"[...]@{rest}" if at else url


def _checked_key(key: str | None, variable: str) -> str:
    """The key, if it can stand in a header. A message never shows it."""
    if not key:
        raise errors.ConfigError(f"api_key: none given and {variable} is not set: expected an API key")
    if not isinstance(key, str) or not key.isascii() or not key.isprintable() or key != key.strip():
        raise errors.ConfigError("api_key: expected printable ASCII without line breaks or spaces around it")
    return key
