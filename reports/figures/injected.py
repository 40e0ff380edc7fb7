"""Faults that somebody injected by hand while the run played, from the rows of that name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from reports.reading.run import NS_PER_S, Events


@dataclass(frozen=True, slots=True)
class Injected:
    """A fault by its name, in force from `from_s` to `to_s` of the run."""

    name: str
    from_s: float
    to_s: float


def injected(events: Events) -> list[Injected]:
    """Each until its time was over, or all were cleared: a row without a name."""
    found: list[Injected] = []
    rows = events.named("fault")
    for at_ns, name, seconds in sorted(_rows(rows)):
        at_s = at_ns / NS_PER_S
        if name:
            found.append(Injected(name, at_s, at_s + seconds))
        else:
            found = [replace(one, to_s=min(one.to_s, at_s)) for one in found]
    return found


def _rows(rows: Events) -> Iterable[tuple[int, str, float]]:
    return zip(rows.at_ns.tolist(), rows.text.tolist(), rows.value.tolist(), strict=True)
