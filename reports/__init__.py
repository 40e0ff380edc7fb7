"""Read recorded runs: summaries, and the pieces they are made of.

Drawing is not imported here: `reports.summary.page` and `reports.compare.page` bring the plotting library.
"""

from reports.errors import OutputError, ReportError, RunError, UsageError
from reports.figures.objectives import Objective
from reports.reading.load import read_run
from reports.reading.run import Run
from reports.summary.result import Summary, summarise
from reports.summary.timeline import Timeline

__all__ = [
    "Objective",
    "OutputError",
    "ReportError",
    "Run",
    "RunError",
    "Summary",
    "Timeline",
    "UsageError",
    "read_run",
    "summarise",
]
