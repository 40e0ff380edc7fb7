"""What a gate says: a verdict for each thing it looked at, and one exit code for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from reports import exits


class Verdict(StrEnum):
    """How one check ended."""

    PASS = "pass"  # noqa: S105 - no password
    IMPROVED = "improved"
    REGRESSION = "regression"
    INCONCLUSIVE = "inconclusive"
    NOT_JUDGED = "not judged"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    `cells` are the words of its row in a table, by column; `reason` says why it ended so, where that is not
    plain from them; `lines` are further particulars; `data` is the same for machines; `run` is the one that
    was looked at, of several.
    """

    name: str
    verdict: Verdict
    reason: str = ""
    cells: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    run: str = ""

    @property
    def label(self) -> str:
        """Its name, and the run it is of where there are several."""
        return f"{self.name} ({self.run})" if self.run else self.name


@dataclass(frozen=True, slots=True)
class Outcome:
    """A gate's checks under a heading; `columns` orders their cells, `notes` hold for all of them."""

    title: str
    checks: tuple[Check, ...]
    columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def code(self) -> int:
        """The exit code: 1 for any regression, else 3 if anything is inconclusive or nothing was judged."""
        return exit_code([check.verdict for check in self.checks])

    @property
    def verdict(self) -> Verdict:
        """All verdicts as one."""
        if self.code == exits.REGRESSION:
            return Verdict.REGRESSION
        if self.code == exits.INCONCLUSIVE:
            return Verdict.INCONCLUSIVE
        improved = any(check.verdict is Verdict.IMPROVED for check in self.checks)
        return Verdict.IMPROVED if improved else Verdict.PASS


def exit_code(verdicts: Sequence[Verdict]) -> int:
    """The exit code of several verdicts."""
    if Verdict.REGRESSION in verdicts:
        return exits.REGRESSION
    judged = any(verdict is not Verdict.NOT_JUDGED for verdict in verdicts)
    return exits.OK if judged and Verdict.INCONCLUSIVE not in verdicts else exits.INCONCLUSIVE


def joined(outcomes: Sequence[Outcome]) -> Outcome:
    """Several as one, in order; the columns are all of theirs."""
    columns = dict.fromkeys(column for outcome in outcomes for column in outcome.columns)
    notes = dict.fromkeys(note for outcome in outcomes for note in outcome.notes)
    return Outcome(
        title="; ".join(outcome.title for outcome in outcomes),
        checks=tuple(check for outcome in outcomes for check in outcome.checks),
        columns=tuple(columns),
        notes=tuple(notes),
    )
