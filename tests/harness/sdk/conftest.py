"""One mock server for all tests of the SDKs, and no API keys of the person who runs them."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.sdk.asking import Said
from tests.harness.sdk.rig import TOKENS
from tests.mockserver.server.running import Mock, start


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mock]:
    log: Path = tmp_path_factory.mktemp("mock") / "requests.jsonl"
    with start("--profile", "instant", "--seed", "1", log=log) as mock:
        yield mock


@pytest.fixture(scope="session")
def right(shared: Mock) -> Said:
    """What every undisturbed call is answered, as a plain HTTP client of the standard library reads it."""
    shared.play()
    _, _, reply = shared.chat({"x-primetime-tokens": str(TOKENS)})
    return Said(reply["choices"][0]["message"]["content"], 12, TOKENS)


@pytest.fixture
def mock(shared: Mock) -> Mock:
    shared.play()
    return shared


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for provider in ("OPENAI", "ANTHROPIC"):
        for name in ("API_KEY", "BASE_URL", "LOG"):
            monkeypatch.delenv(f"{provider}_{name}", raising=False)
    monkeypatch.delenv("ANTHROPIC_AUTH_TOKEN", raising=False)


@pytest.fixture(autouse=True)
def _no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here speaks TLS, and reading all certificates takes 40 ms a client."""
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    monkeypatch.setattr(ssl, "create_default_context", lambda *_, **__: bare)
