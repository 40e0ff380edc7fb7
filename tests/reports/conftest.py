"""Runs on disk that several tests read. Tests that change a run make their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reports import evening, runs


@pytest.fixture(scope="session")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runs.paper_run(tmp_path_factory.mktemp("runs") / "paper")


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runs.spoken_run(tmp_path_factory.mktemp("runs") / "spoken")


@pytest.fixture(scope="session")
def toil(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runs.toil_run(tmp_path_factory.mktemp("runs") / "toil")


@pytest.fixture(scope="session")
def queued(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runs.queued_run(tmp_path_factory.mktemp("runs") / "queued")


@pytest.fixture(scope="session")
def evenings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("evenings")
    return {policy: evening.evening(base / policy, policy) for policy in ("article", "tuned")}
