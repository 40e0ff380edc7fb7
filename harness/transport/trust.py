"""Whose certificates are trusted: the same ones on every transport."""

from __future__ import annotations

import os
import ssl

import httpx

from harness.errors import ConfigError

#: As OpenSSL, curl and httpx itself read them: they replace the authorities that ship with certifi.
VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def tls_context() -> ssl.SSLContext:
    """A client's context. Raises ConfigError where a variable names what cannot be read."""
    try:
        return httpx.create_ssl_context()
    except OSError as error:  # which an SSLError is
        name = next((name for name in VARIABLES if os.environ.get(name)), VARIABLES[0])
        raise ConfigError(f"{name} = {os.environ.get(name)!r}: expected certificates: {error}") from error
