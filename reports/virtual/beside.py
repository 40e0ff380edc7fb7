"""Two settings in virtual and in real time, side by side: whether what virtual time promised is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reports.summary.result import save
from reports.telling import text_table, words
from reports.telling.progress import say
from reports.virtual.cell import Figures, figures_of
from reports.virtual.measures import Measure, as_json, figure_text
from reports.virtual.policy_toml import policy_toml
from reports.virtual.real import replay
from reports.virtual.stage import Stage, overlaid


@dataclass(frozen=True, slots=True)
class Beside:
    """One setting's figures on one seed, virtual and real."""

    name: str
    virtual: Figures
    real: Figures
    degraded: tuple[str, ...]


def replay_all(stage: Stage, played: Sequence[tuple[str, Figures]], out: Path) -> list[Beside]:
    """Play in real time what was played in virtual time, one after the other; runs go to `out`/real."""
    folder = out / "real"
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for name, virtual in played:
        say(f"in real time: {name}, {words.duration(stage.load.length_s)}")
        file = save(folder / f"{name}.toml", policy_toml(overlaid(stage.table, virtual["settings"])).encode())
        run = replay(stage, file, virtual["seed"], folder)
        degraded = () if run.ending is None else tuple(run.ending.degraded)
        found.append(Beside(name, virtual, figures_of(stage, run), degraded))
    return found


def heading(pairs: Sequence[Beside]) -> list[str]:
    """A column of virtual and of real time for each."""
    return ["measure", *(f"{pair.name}, {kind}" for pair in pairs for kind in ("virtual", "real"))]


def lines(pairs: Sequence[Beside], measures: Sequence[Measure]) -> list[list[str]]:
    """A line a measure."""
    return [
        [of.name, *(figure_text(of.of(f), of) for pair in pairs for f in (pair.virtual, pair.real))]
        for of in measures
    ]


def text(pairs: Sequence[Beside], measures: Sequence[Measure]) -> str:
    """The table, and what was wrong with the real runs."""
    warned = [f"DEGRADED, {pair.name}: {words.clean(reason)}" for pair in pairs for reason in pair.degraded]
    return "\n".join([text_table.table(heading(pairs), lines(pairs, measures)), *warned])


def document(pairs: Sequence[Beside], measures: Sequence[Measure]) -> list[dict[str, Any]]:
    """The same for machines."""
    return [
        {
            "name": pair.name,
            "seed": pair.virtual["seed"],
            "degraded": list(pair.degraded),
            **{
                of.name: {"virtual": as_json(of.of(pair.virtual)), "real": as_json(of.of(pair.real))}
                for of in measures
            },
        }
        for pair in pairs
    ]
