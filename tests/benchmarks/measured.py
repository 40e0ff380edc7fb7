"""One way of summing up a run, in a process of its own: its wall time, and the most memory it held.

python -m tests.benchmarks.measured summarise|html|polars RUN

The process says what it held itself, of VmHWM in /proc/self/status: the memory of this program alone. What
`getrusage` says of a child may be its parent's, from before it began this program.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BYTES_PER_KB = 1024

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Measured:
    """Seconds from starting the process to its end, bytes, and what it found."""

    wall_s: float
    most_bytes: int
    found: dict[str, Any]


class WayFailedError(Exception):
    """A process ended badly, or found something else than the others: its figures would mean nothing."""


def measure(way: str, run: Path) -> Measured:
    """Start it and wait for its end. Raises WayFailedError."""
    command = [sys.executable, "-m", "tests.benchmarks.measured", way, str(run)]
    start = time.perf_counter()
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    wall_s = time.perf_counter() - start
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"ended with {done.returncode}"]
        raise WayFailedError(f"{way}: {said[-1]}")
    document = json.loads(done.stdout)
    return Measured(wall_s, document["most_bytes"], document["found"])


def _reports(command: str) -> Callable[[Path], dict[str, Any]]:
    def run(folder: Path) -> dict[str, Any]:
        from reports.__main__ import main  # noqa: PLC0415 - one way's modules are not the other's memory

        with redirect_stdout(sys.stderr):
            code = main([command, str(folder)])
        if code != 0:
            raise SystemExit(code)
        written = folder / ("summary.json" if command == "summarise" else "report.html")
        return (
            json.loads(written.read_text()) if command == "summarise" else {"bytes": written.stat().st_size}
        )

    return run


def _polars(folder: Path) -> dict[str, Any]:
    from tests.benchmarks import polars_summary  # noqa: PLC0415

    return polars_summary.summary(folder)


WAYS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "summarise": _reports("summarise"),
    "html": _reports("html"),
    "polars": _polars,
}


def _most_bytes() -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(kilobytes) * BYTES_PER_KB


def main() -> None:
    """The command."""
    way, run = sys.argv[1:]
    found = WAYS[way](Path(run))
    sys.stdout.write(json.dumps({"most_bytes": _most_bytes(), "found": found}) + "\n")


if __name__ == "__main__":
    main()
