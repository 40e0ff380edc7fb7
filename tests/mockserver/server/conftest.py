"""One server for the tests that can share it: each begins with an instant profile and nothing counted."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mockserver.server.running import Mock, start


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mock]:
    log: Path = tmp_path_factory.mktemp("mock") / "requests.jsonl"
    with start("--profile", "instant", "--seed", "1", log=log) as mock:
        yield mock


@pytest.fixture
def mock(shared: Mock) -> Mock:
    shared.play()
    return shared
