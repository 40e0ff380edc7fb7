"""Read recorded runs: summaries, and the pieces they are made of.

Drawing is not imported here: `reports.run_page` and `reports.compare_page` bring the plotting library.
"""

from reports.errors import OutputError, ReportError, RunError, UsageError
from reports.load import read_run
from reports.objectives import Objective
from reports.run import Run
from reports.summary import Summary, summarise
from reports.timeline import Timeline

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
