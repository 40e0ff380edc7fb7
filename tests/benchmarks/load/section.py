"""What a section gives: a table for people, figures for machines, and its lines of acceptance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.benchmarks.table import Check


class SectionError(Exception):
    """A part of a section did not do what it should: its figures would mean nothing."""


@dataclass(frozen=True)
class Effort:
    """How much is measured: `rounds` of peers in turn, each `seconds` long; `quick` cuts long runs, too."""

    rounds: int
    seconds: float
    quick: bool


@dataclass(frozen=True)
class Result:
    """One section, measured."""

    title: str
    table: str
    checks: list[Check]
    figures: dict[str, Any]
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Section:
    """A section by its name on the command line. `measure(effort, say)` tells `say` what it is at.

    Raises SectionError.
    """

    name: str
    measure: Callable[[Effort, Callable[[str], None]], Result]
