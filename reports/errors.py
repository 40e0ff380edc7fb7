"""Every error `reports` raises. The command line prints one line of it and exits with 2,
but where another code is named.

ReportError
├── RunError        a run folder cannot be read: names the file and what is wrong with it
├── UsageError      an argument makes no sense: names it, its value and what was expected
├── SpecError       a spec of virtual runs cannot be read or makes no sense
├── CellError       a virtual run could not be played to its end
├── BaselineError   the baseline of a gate is missing, damaged, or of another kind or version
├── UnlikeError     runs cannot be compared; names the difference (exit code 3)
├── ScarceError     too little was recorded to tell: says what is needed (exit code 3)
└── OutputError     a result cannot be written
"""

from __future__ import annotations


class ReportError(Exception):
    """Base of every error raised by `reports`."""


class RunError(ReportError):
    """A run folder, or a file in it, is missing, foreign, damaged or of another schema version."""


class UsageError(ReportError):
    """An argument of the command line is wrong."""


class SpecError(ReportError):
    """A spec of a sweep or a study is unreadable, or one of its values is not what was expected."""


class CellError(ReportError):
    """A virtual run could not be played to its end, or its process died."""


class BaselineError(ReportError):
    """The baseline of a gate is missing, damaged, or of another kind or version."""


class UnlikeError(ReportError):
    """Runs cannot be compared, or not be relied on: the message names the difference, or what is wrong."""


class ScarceError(ReportError):
    """Too little was recorded to tell what was asked: the message says what is there and what is needed."""


class OutputError(ReportError):
    """A summary or page cannot be written where it was asked for."""
