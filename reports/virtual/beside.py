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
from reports.virtual.measures import Measure, as_json, figure_text, number
from reports.virtual.policy_toml import policy_toml
from reports.virtual.real import replay
from reports.virtual.stage import Stage, overlaid

#: One of a document.
Told = dict[str, Any]

KINDS = ("virtual", "real")


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
        as_played = stage.with_queue(virtual["settings"])
        run = replay(as_played, file, virtual["seed"], folder)
        degraded = () if run.ending is None else tuple(run.ending.degraded)
        found.append(Beside(name, virtual, figures_of(as_played, run), degraded))
    return found


def document(pairs: Sequence[Beside], measures: Sequence[Measure]) -> list[Told]:
    """Both figures of every measure, as JSON holds them."""
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


def heading(told: Sequence[Told]) -> list[str]:
    """A column of virtual and of real time for each of a document."""
    return ["measure", *(f"{one['name']}, {kind}" for one in told for kind in KINDS)]


def lines(told: Sequence[Told], measures: Sequence[Measure]) -> list[list[str]]:
    """A line a measure; none where nothing was replayed."""
    if not told:
        return []
    return [
        [of.name, *(figure_text(number(one[of.name][kind]), of) for one in told for kind in KINDS)]
        for of in measures
    ]


def degraded(told: Sequence[Told]) -> list[str]:
    """What was wrong with the real runs."""
    return [f"{one['name']}: {words.clean(reason)}" for one in told for reason in one["degraded"]]


def text(told: Sequence[Told], measures: Sequence[Measure]) -> str:
    """The table, and what was wrong with the real runs."""
    warned = [f"DEGRADED, {reason}" for reason in degraded(told)]
    return "\n".join([text_table.table(heading(told), lines(told, measures)), *warned])
