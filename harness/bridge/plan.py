"""What the master tells its workers before a run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from importlib import metadata
from typing import Any

from harness.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Plan:
    """One run, as every process of it has to know it. `workers` are Locust's client ids, in order; `live`
    says that somebody may look on while it plays.

    `policy` holds the values of the whole run's: a worker on another host need not have its file. `offer` is
    the digest of its arrivals. `terms` are those of its budget, if there is one, and `portions` what each
    worker has of it at first.
    """

    run: str
    folder: str
    started_unix_ns: int
    host: str
    workers: list[str]
    until_ns: int
    bundled: bool
    drain_s: float
    live: bool
    policy: dict[str, Any]
    offer: str
    terms: dict[str, Any] | None = None
    portions: dict[str, list[int]] = field(default_factory=dict)

    def message(self) -> dict[str, Any]:
        """As it travels with Locust's spawn message."""
        return {"release": _release(), **asdict(self)}


def plan_from(message: dict[str, Any]) -> Plan:
    """The plan in a message. Raises ConfigError for that of another release: it may mean something else."""
    theirs, ours = message.get("release"), _release()
    if theirs != ours:
        raise ConfigError(
            f"primetime {ours} is installed here and {theirs} on the master: expected the same on every host"
        )
    return Plan(**{f.name: message[f.name] for f in fields(Plan)})


def _release() -> str:
    """Of primetime, where it is installed as a package."""
    try:
        return metadata.version("primetime-harness")
    except metadata.PackageNotFoundError:
        return "not as a package"
