"""What was played, in a line."""

from __future__ import annotations

from reports.telling import words
from reports.virtual.stage import Stage


def about(stage: Stage, seeds: int, against: str = "") -> str:
    """The policy, the provider (`against`, where there are several), the load and what counts as good."""
    load = stage.load
    played = f"{load.window}" if load.window else f"{load.rps:g} calls/s"
    peak = f", peak {load.rps:g} calls/s" if load.window else ""
    length = words.duration(load.length_s)
    limits = words.objectives({o.metric: o.limit_ms for o in stage.objectives})
    return (
        f"policy {stage.policy_name} against {against or stage.profile.name}: {played} in {length}{peak},"
        f" {seeds} paired seeds; good: ok with {limits}"
    )
