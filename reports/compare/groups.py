"""Runs that belong together, and which of two groups are pairs: the same seed under the same conditions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from reports.compare.result import Compared, conditions
from reports.reading.architecture import side
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
    """By policy and queue, that is by name and all settings, in the order of their first runs.

    Of one policy only, the first run of every seed is a group, the second another, and so on.
    """
    runs = [c.run for c in compared]
    keys = [side(run, runs) for run in runs]
    if len(set(keys)) == 1:
        seeds = [c.run.manifest.seed for c in compared]
        keys = [(keys[0][0], str(Counter(seeds[:i])[seed])) for i, seed in enumerate(seeds)]
    members: dict[tuple[str, str], list[Compared]] = {}
    for key, one in zip(keys, compared, strict=True):
        members.setdefault(key, []).append(one)
    names = [name for name, _ in members]
    return [
        Group(name if names.count(name) == 1 else f"{name} #{Counter(names[: i + 1])[name]}", tuple(of))
        for i, (name, of) in enumerate(zip(names, members.values(), strict=True))
    ]


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
