"""The public API as a strict type checker sees it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
MYPY = Path(sys.executable).parent / "mypy"

WRONG = """
from harness import Policy, ResilientClient, SyncClient

async def misuse(client: ResilientClient, sync: SyncClient) -> None:
    await client.generate_copy(5)
    await client.chat("a prompt")
    client.map([1, 2])
    for text in client.stream("a"):
        pass
    sync.generate_copy("a", temprature=0.5)
    ResilientClient(wire="openapi")
    ResilientClient(policy={"retry": 3})
    Policy(deadline=5)
"""


def mypy(path: Path) -> subprocess.CompletedProcess[str]:
    command = [MYPY, "--strict", "--config-file", ROOT / "pyproject.toml", path]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_public_api_has_the_types_it_is_pinned_to() -> None:
    done = mypy(Path(__file__).parent / "typing_pins.py")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_type_checker_finds_misuse(tmp_path: Path) -> None:
    path = tmp_path / "misuse.py"
    path.write_text(WRONG)
    done = mypy(path)
    lines = [line for line in done.stdout.splitlines() if "misuse.py" in line and ": error: " in line]
    found = {int(line.split(":")[1]) for line in lines}
    assert found == {5, 6, 7, 8, 10, 11, 12, 13}, done.stdout + done.stderr
