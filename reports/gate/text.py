"""A gate's outcome for people: a table for the terminal, and Markdown for a step summary."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from reports.errors import OutputError
from reports.gate.verdict import Check, Outcome
from reports.telling import words
from reports.telling.text_table import table

FIRST = "check"
LAST = "verdict"


def render(outcome: Outcome) -> str:
    """The table, what is to be said of single checks, and the verdict of all as the last line."""
    columns = _columns(outcome)
    rows = [_row(check, columns) for check in outcome.checks]
    parts = [words.clean(outcome.title), table([FIRST, *columns, LAST], rows)]
    said = [f"{', '.join(names)}: {verdict}: {reason}" for (verdict, reason), names in _said(outcome)]
    said += [line for check in outcome.checks for line in check.lines]
    parts += ["\n".join(map(words.clean, [*said, *outcome.notes]))] if said or outcome.notes else []
    return "\n\n".join([*parts, f"gate: {outcome.verdict} (exit code {outcome.code})"])


def markdown(outcome: Outcome) -> str:
    """The same as a section of Markdown."""
    columns = _columns(outcome)
    lines = [
        f"### Gate: {outcome.verdict}",
        "",
        _escaped(outcome.title),
        "",
        _line([FIRST, *columns, LAST]),
        _line(["---", *("---:" for _ in columns), "---"]),
        *(_line(_row(check, columns)) for check in outcome.checks),
        "",
    ]
    said = [
        f"**{_escaped(', '.join(names))}**, {verdict}: {_escaped(reason)}"
        for (verdict, reason), names in _said(outcome)
    ]
    said += [_escaped(line) for check in outcome.checks for line in check.lines]
    said += [_escaped(note) for note in outcome.notes]
    return "\n".join([*lines, *(f"- {line}" for line in said), ""]) + "\n"


def append(path: Path, text: str) -> Path:
    """Add a section to a file, as GITHUB_STEP_SUMMARY wants it. Raises OutputError."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
    return path


def _said(outcome: Outcome) -> Iterable[tuple[tuple[str, str], list[str]]]:
    """Why checks ended as they did, those that ended alike together."""
    found: dict[tuple[str, str], list[str]] = {}
    for check in outcome.checks:
        if check.reason:
            found.setdefault((str(check.verdict), check.reason), []).append(check.label)
    return found.items()


def _columns(outcome: Outcome) -> list[str]:
    """Those that any check has a word for."""
    return [name for name in outcome.columns if any(check.cells.get(name) for check in outcome.checks)]


def _row(check: Check, columns: list[str]) -> list[str]:
    cells = [words.clean(check.cells.get(name, "")) for name in columns]
    return [words.clean(check.label), *cells, str(check.verdict)]


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(_escaped(cell) for cell in cells)} |"


def _escaped(text: str) -> str:
    """Text that is text in Markdown, in a table, too."""
    text = words.clean(text).replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;")
    for sign in "|`*_[]":
        text = text.replace(sign, f"\\{sign}")
    return text
