"""The public names, and what importing them may cost."""

import subprocess
import sys

import mockserver


def test_the_public_names_are_these() -> None:
    assert mockserver.__all__ == [
        "TICK_US",
        "AdminError",
        "Arrival",
        "Core",
        "Decision",
        "Exhausted",
        "Fault",
        "Gate",
        "Generate",
        "MockServerError",
        "Overload",
        "Profile",
        "ProfileError",
        "Start",
        "StartError",
        "Throttle",
        "as_document",
        "bundled_names",
        "count_tokens",
        "load_profile",
        "parse_profile",
    ]
    assert all(hasattr(mockserver, name) for name in mockserver.__all__)


def test_importing_the_package_brings_no_server_and_no_other_room() -> None:
    code = "import sys, mockserver; print(sorted({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for absent in ("aiohttp", "uvloop", "asyncio", "harness", "reports", "scenarios"):
        assert f"'{absent}'" not in done.stdout
