"""What an exact gate plays, as its file has it: a sweep's spec without a grid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.policy.parse import values
from mockserver.errors import ProfileError
from mockserver.profile_document import as_document
from mockserver.tables import Table
from reports.errors import ReportError, SpecError
from reports.gate.record import flat
from reports.virtual.stage import Stage, read_seeds, read_stage, read_toml

_OF_OTHERS = {"grid": "sweep", "range": "tune"}


@dataclass(frozen=True, slots=True)
class ExactSpec:
    """`written` is what the spec itself decides: it differs where somebody rewrote it or a file it names.

    `effective` is what code makes of it: the values of its preset and of a bundled profile. That they differ
    is a change of behaviour. Both are flat, by dotted names.
    """

    name: str
    stage: Stage
    seeds: tuple[int, ...]
    written: dict[str, Any]
    effective: dict[str, Any]


def read_exact(path: Path) -> ExactSpec:
    """The spec in a TOML file. Raises SpecError with one line that names the key, its value, and what was
    expected.
    """
    document = read_toml(path)
    try:
        spec = Table("", document)
        for key, command in _OF_OTHERS.items():
            if spec.has(key):
                raise SpecError(f"[{key}] belongs to `reports {command}`: a gate plays one setting")
        spec.optional_text("title")
        stage = read_stage(spec, path.parent)
        seeds = read_seeds(spec, "seeds", [1])
        spec.finish()
        stage.load.offer(seeds[0])
    except (ProfileError, HarnessError, ReportError) as error:
        raise SpecError(f"{path}: {error}") from error
    return ExactSpec(path.stem, stage, seeds, _written(stage, seeds, document), _effective(stage))


def _written(stage: Stage, seeds: tuple[int, ...], document: dict[str, Any]) -> dict[str, Any]:
    found = stage.document()
    # By default it follows from the profile's faults, which are not the spec's.
    del found["cleared_s"]
    load = document.get("steady", document.get("evening", {}))
    return flat(
        {
            **found,
            "cleared": load.get("cleared"),
            "seeds": list(seeds),
            "policy": stage.table,
            "profile": {
                "name": stage.profile.name,
                **(_profile(stage) if _is_file(stage) else {}),
            },
        }
    )


def _effective(stage: Stage) -> dict[str, Any]:
    policy = values(stage.policy({}))
    del policy["name"]
    bundled = {} if _is_file(stage) else _profile(stage)
    return flat({"policy": policy, "profile": bundled, "cleared_s": stage.cleared_s})


def _is_file(stage: Stage) -> bool:
    return stage.profile_source.endswith(".toml")


def _profile(stage: Stage) -> dict[str, Any]:
    return {key: value for key, value in as_document(stage.profile).items() if key != "name"}
