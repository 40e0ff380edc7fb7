"""Every transport trusts what SSL_CERT_FILE names, and nothing else."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.policy.config import ConnectionsConfig
from harness.transport.base import HttpRequest, TransportError
from harness.transport.trust import tls_context
from mockserver.server.tls import self_signed
from tests.harness.transport.backends import BACKENDS, make_transport
from tests.harness.transport.faults import answer, serving


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    return path, self_signed(path, "127.0.0.1")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_certificate_is_trusted_by_the_variable(
    monkeypatch: pytest.MonkeyPatch, certificate: tuple[Path, ssl.SSLContext], backend: str
) -> None:
    path, server = certificate

    async def status() -> int:
        transport = make_transport(backend, ConnectionsConfig(connect_timeout_s=5))
        async with serving(answer, server) as url:
            try:
                response = await transport.open(HttpRequest("POST", url, {}, b"{}"))
                async for _ in response.chunks():
                    pass
                await response.aclose()
                return response.status
            finally:
                await transport.aclose()

    with pytest.raises(TransportError):
        asyncio.run(status())
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    assert asyncio.run(status()) == 200


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_a_variable_that_names_none_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    path = tmp_path / "ca.pem"
    if text is not None:
        path.write_text(text)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with pytest.raises(ConfigError, match=r"SSL_CERT_FILE = .*ca\.pem"):
        tls_context()
