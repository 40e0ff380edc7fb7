"""Runs that belong together, and which of two groups are pairs: the same seed under the same conditions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.compare.result import Compared, conditions
from reports.reading.architecture import by_side
from reports.telling import words


@dataclass(frozen=True, slots=True)
class Group:
    """Runs under one policy."""

    label: str
    members: tuple[Compared, ...]


@dataclass(frozen=True, slots=True)
class Pairing:
    """The pairs of two groups, and why other runs are none: a line each."""

    pairs: tuple[tuple[Compared, Compared], ...]
    apart: tuple[str, ...]


def groups(compared: Sequence[Compared]) -> list[Group]:
    """By policy and queue, as `by_side` has them."""
    return [Group(label, tuple(compared[i] for i in of)) for label, of in by_side([c.run for c in compared])]


def paired(base: Group, new: Group) -> Pairing:
    """Runs of the same seed, the first with the first; apart are those that met another evening."""
    pairs, apart = [], []
    for seed in dict.fromkeys(c.run.manifest.seed for c in (*base.members, *new.members)):
        before, after = _of_seed(base, seed), _of_seed(new, seed)
        for one, other in zip(before, after, strict=False):
            if unlike := _unlike(one, other):
                apart.append(f"seed {seed}: {unlike}")
            else:
                pairs.append((one, other))
        if len(before) != len(after):
            more, fewer = (base, new) if len(before) > len(after) else (new, base)
            apart.append(
                f"seed {seed}: {abs(len(before) - len(after))} of {more.label} without {fewer.label}"
            )
    return Pairing(tuple(pairs), tuple(apart))


def _of_seed(group: Group, seed: int) -> list[Compared]:
    return [c for c in group.members if c.run.manifest.seed == seed]


def _unlike(one: Compared, other: Compared) -> str:
    """In what two runs of a seed differ but their policy; empty if in nothing."""
    differing = [name for name, (a, b) in conditions([one.run, other.run]).items() if a != b]
    return words.clean(f"they differ in {', '.join(differing)}") if differing else ""
