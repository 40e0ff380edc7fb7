"""Fixtures for tests of what calls an LLM API: a real server on a real port, new for every test.

In a `conftest.py`: `pytest_plugins = ["mockserver.pytest_plugin"]`. Then a test asks for `mock_llm`.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from mockserver.process import MockServerProcess

DEFAULT_PROFILE = "instant"


class MockLLM:
    """The server as a test sees it. Each test begins with the profile `instant`, no fault, nothing counted.

    `url` is the base of Anthropic's SDK, `openai_base_url` that of OpenAI's; any key will do.
    """

    def __init__(self, process: MockServerProcess) -> None:
        self._process = process
        self.url = process.url
        self.openai_base_url = f"{process.url}/v1"

    def play(self, profile: str | Mapping[str, Any] = DEFAULT_PROFILE, *, seed: int = 1) -> None:
        """Play a profile from its beginning: a bundled one by name, or a document with a file's keys.

        Counts, limits, slots and the evening's clock begin anew; what is under way is cut. Raises AdminError
        for a profile that makes no sense, and then changes nothing.
        """
        document = {"name": profile} if isinstance(profile, str) else profile
        self._process.ask("PUT", "/admin/profile", document)
        self._process.ask("POST", "/admin/reset", {"seed": seed})
        self._process.ask("POST", "/admin/clock", {})

    def fail(self, action: str, **keys: object) -> None:
        """Add a fault rule behind those there are: `fail("status", status=429, retry_after_s=1, first=2)`.

        The keys are those of `[[request_faults]]`. Raises AdminError for what is no rule.
        """
        self._change(lambda rules: [*rules, {"action": action, **keys}])

    def heal(self) -> None:
        """No fault any more, whoever asked for it: `fail`, or the profile."""
        self._change(lambda _rules: [])

    def requests(self) -> list[dict[str, Any]]:
        """The requests that have ended, a line of the log each: the last 1,000 at most."""
        return list(self._process.ask("GET", "/admin/requests?n=1000")["requests"])

    def stats(self) -> dict[str, Any]:
        """Counts, slots, connections and the clock."""
        return self._process.ask("GET", "/admin/stats")

    def _change(self, change: Callable[[list[Any]], list[Any]]) -> None:
        profile = self._process.ask("GET", "/admin/profile")
        rules = change(profile["request_faults"])
        self._process.ask("PUT", "/admin/profile", profile | {"request_faults": rules})


@pytest.fixture(scope="session")
def mock_llm_process() -> Iterator[MockServerProcess]:
    """The process behind `mock_llm`: one for a session, or for each worker of pytest-xdist."""
    with MockServerProcess("--profile", DEFAULT_PROFILE) as process:
        yield process


@pytest.fixture
def mock_llm(mock_llm_process: MockServerProcess) -> MockLLM:
    """An LLM API on this machine that does what the test tells it to."""
    llm = MockLLM(mock_llm_process)
    llm.play()
    return llm
