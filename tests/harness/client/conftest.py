"""What every test of the client has: an API that respx plays, and no API keys of the person who runs it."""

from collections.abc import Iterator

import pytest
import respx

from tests.harness.client.rig import URL


@pytest.fixture
def api() -> Iterator[respx.Route]:
    """The chat completions endpoint; any other request is an error."""
    with respx.mock(assert_all_called=False) as router:
        yield router.post(URL)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for provider in ("OPENAI", "ANTHROPIC"):
        monkeypatch.delenv(f"{provider}_API_KEY", raising=False)
        monkeypatch.delenv(f"{provider}_BASE_URL", raising=False)
