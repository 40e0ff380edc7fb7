"""What the pictures of a comparison show, in words: the numbers of each run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reports.compare.result import Compared
from reports.summary import queue_block, said
from reports.summary.result import Summary
from reports.telling import words


def goodput(compared: Sequence[Compared]) -> str:
    """Goodput of each run, and what the first was offered."""
    first = f"{words.number(compared[0].summary['offered_rate'])} calls a second offered."
    return f"{first} {_each(compared, lambda s: words.number(s['request_goodput']) + ' ok in time.')}"


def latency(compared: Sequence[Compared]) -> str:
    """Percentiles of each run."""
    return _each(compared, said.latency)


def outcomes(compared: Sequence[Compared]) -> str:
    """Shares of each run's outcomes."""
    return _each(compared, said.outcomes)


def backlog(compared: Sequence[Compared]) -> str:
    """How deep each queue was."""
    return _each([c for c in compared if c.timeline.backlog is not None], queue_block.said)


def _each(compared: Sequence[Compared], tell: Callable[[Summary], str]) -> str:
    return " ".join(f"{c.label}: {tell(c.summary)}" for c in compared)
