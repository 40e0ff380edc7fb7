"""Every error `reports` raises. The command line prints one line of it and exits with 2.

ReportError
├── RunError        a run folder cannot be read: names the file and what is wrong with it
├── UsageError      an argument makes no sense: names it, its value and what was expected
└── OutputError     a result cannot be written
"""

from __future__ import annotations


class ReportError(Exception):
    """Base of every error raised by `reports`."""


class RunError(ReportError):
    """A run folder, or a file in it, is missing, foreign, damaged or of another schema version."""


class UsageError(ReportError):
    """An argument of the command line is wrong."""


class OutputError(ReportError):
    """A summary or page cannot be written where it was asked for."""
