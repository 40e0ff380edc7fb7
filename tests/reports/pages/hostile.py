"""A run whose every name is trouble: markup, quotes, words without an end, other scripts."""

from __future__ import annotations

from pathlib import Path

from harness.model import CallFinished, Outcome, StoppedBy
from reports.compare import changes, result
from reports.compare import page as compare_page
from reports.figures.objectives import DEFAULT
from reports.reading.load import read_run
from reports.summary import page as run_page
from reports.summary.result import summarise
from tests.reports import runs

MARKUP = "</style></svg><script>document.title='broken'</script><img src=x onerror=alert(1)>\"'&amp;"
ENDLESS = "w" * 400
SCRIPTS = "แคปชันเฟซบุ๊กยาวมากไม่มีวรรค 🛒🔥 ข้อความ مرحبا بالعالم"
TURNED = "\u202eright to left\u202c \u200d"

NAMES = (MARKUP, ENDLESS, SCRIPTS, TURNED)


def comparison(folder: Path) -> str:
    """The page of runs whose policies are called so."""
    folder.mkdir()
    read = [read_run(runs.paper_run(folder / str(i), policy=name)) for i, name in enumerate(NAMES)]
    compared = result.collect(read, DEFAULT)
    return compare_page.render(compared, result.warnings(read), changes.decide(compared))


def page(folder: Path) -> str:
    """The page of such a run: as policy, kinds, details, settings and reasons."""
    folder.mkdir()
    schedule = {
        "scenario": MARKUP,
        "arrivals": SCRIPTS,
        "peak_rps": 1.0,
        "window": TURNED,
        "duration_s": 12.0,
        "count": len(NAMES) * 30,
        "clock": None,
        "curve": None,
        ENDLESS: ENDLESS,
        MARKUP: NAMES,
    }
    runs.manifest(folder, policy=MARKUP + ENDLESS, schedule=schedule, profile=SCRIPTS)
    calls = [
        runs.call(
            i,
            i * 90,
            i * 90 + 400,
            Outcome.OK if i % 3 else Outcome.FATAL,
            kind=NAMES[i % len(NAMES)],
            detail="" if i % 3 else NAMES[i % len(NAMES)],
            stopped_by=None if i % 3 else StoppedBy.FATAL,
        )
        for i in range(len(NAMES) * 30)
    ]
    runs.record(folder, 0, [CallFinished(call) for call in calls])
    runs.ending(folder, {"0": len(calls)}, degraded=NAMES)
    run = read_run(folder)
    return run_page.render(run, DEFAULT, summarise(run, DEFAULT))
