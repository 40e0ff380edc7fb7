"""One server of each kind for a session; a queue of its own for every test."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.harness.queue.rig import Rig
from tests.harness.queue.servers import Server, server_of

#: Debian's takes as long as ours: its half of the suite runs with the slow tests.
KINDS = ["valkey", pytest.param("redis", marks=pytest.mark.slow)]


@pytest.fixture(scope="session", params=KINDS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """For tests of what the server has to do with."""
    with server_of(request.param, tmp_path_factory.mktemp(request.param)) as running:
        yield running


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """For tests of what it has not."""
    with server_of("valkey", tmp_path_factory.mktemp("valkey")) as running:
        yield running


@pytest.fixture
def rig(server: Server) -> Rig:
    """A queue on each kind of server."""
    return Rig(server.url, uuid4().hex)


@pytest.fixture
def one(valkey: Server) -> Rig:
    """A queue on the embedded server."""
    return Rig(valkey.url, uuid4().hex)


@pytest.fixture(autouse=True)
def _no_url_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
