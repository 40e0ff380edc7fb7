"""A gate over two sides that are played for it: policies, or the working tree against a commit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reports.gate.judge import COLUMNS, judge
from reports.gate.metrics import Metric
from reports.gate.pairs import BASE, NEW, Comparison, Side
from reports.gate.record import RunRecord
from reports.gate.verdict import Outcome
from reports.gate.worktree import checkout, commit_of
from reports.virtual.cell import code
from reports.virtual.policy_toml import policy_toml
from reports.virtual.real import Way
from reports.virtual.stage import Stage, stage_of


def stages(policies: tuple[str, str], load: Mapping[str, Any]) -> dict[str, Stage]:
    """Each side's stage; `load` holds a spec's keys but for its policy. Raises SpecError, ConfigError."""
    return {
        name: stage_of({**load, "policy": policy}, Path.cwd())
        for name, policy in zip((BASE, NEW), policies, strict=True)
    }


@contextmanager
def prepared(
    policies: tuple[str, str],
    staged: Mapping[str, Stage],
    *,
    commit: str | None,
    transport: str | None,
    pairs: int,
    seed: int,
) -> Iterator[Comparison]:
    """A comparison ready to be played; a commit's files are there for as long. Raises UsageError."""
    sha = None if commit is None else commit_of(commit)
    plan = {
        "load": staged[NEW].document(),
        "profile": staged[NEW].profile_source,
        "transport": transport,
        "seed": seed,
        "code": code(),
        "commit": sha,
        **{name: _told(policy, staged[name]) for name, policy in zip((BASE, NEW), policies, strict=True)},
    }

    def comparison(tree: Path | None) -> Comparison:
        sides = {
            BASE: Side(_argument(policies[0]), Way(transport, tree)),
            NEW: Side(_argument(policies[1]), Way(transport)),
        }
        return Comparison(staged[NEW], sides, pairs, seed, plan)

    if sha is None:
        yield comparison(None)
    else:
        with checkout(sha) as tree:
            yield comparison(tree)


def title(policies: tuple[str, str], commit: str | None, pairs: int) -> str:
    """What is compared, in words."""
    base = policies[0] if commit is None else f"{policies[0]} at {commit}"
    return f"{policies[1]} against {base}, {pairs} pairs in real time"


def outcome(
    said: str,
    base: Sequence[RunRecord],
    new: Sequence[RunRecord],
    metrics: Sequence[Metric],
    tolerance: float,
    *,
    asked: bool,
) -> Outcome:
    """What the runs come to."""
    return Outcome(said, tuple(judge(metrics, base, new, tolerance, asked=asked)), COLUMNS)


def _argument(policy: str) -> str:
    """How Locust is told of it, wherever it starts."""
    return str(Path(policy).resolve()) if policy.endswith(".toml") else policy


def _told(policy: str, stage: Stage) -> dict[str, Any]:
    """A policy as a plan has it: a file that was edited is another policy."""
    return {"policy": policy, "toml": policy_toml(stage.table)}
