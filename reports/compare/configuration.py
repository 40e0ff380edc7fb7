"""What the runs were: first what they do not share, then all of each."""

from __future__ import annotations

from collections.abc import Sequence

from reports.compare.result import Compared
from reports.drawing import page
from reports.drawing.page import Html
from reports.reading.run import Run
from reports.summary.configuration import parts
from reports.telling.words import NOTHING


def configuration(compared: Sequence[Compared]) -> Html:
    """The settings in which the runs differ as a table, and each run's own, folded."""
    rows = differences([settings(c.run) for c in compared])
    heading = ["setting", *(c.label for c in compared)]
    differing = page.card(page.table("What differs", heading, rows, settings=True))
    same = page.element("p", "The runs have the same settings.", cls="said")
    return page.join((differing or same, *(_whole(c) for c in compared)))


def settings(run: Run) -> dict[str, str]:
    """All that was set, by dotted names, but for the curve of the schedule and what one worker was given."""
    manifest = run.manifest
    named = {
        "policy": {"name": manifest.policy.name, **manifest.policy.values},
        "seed": manifest.seed,
        "workers": manifest.workers,
        "schedule": {k: v for k, v in run.document["schedule"].items() if k != "curve"},
        "architecture": manifest.architecture,
        "queue": run.document.get("queue") or {},
        "target": manifest.target,
        "budget": run.document.get("budget") or {},
        "generator": manifest.generator,
        "options": manifest.options,
        "versions": manifest.versions,
        "machine": manifest.machine,
    }
    return dict(page.flatten(named))


def differences(each: Sequence[dict[str, str]]) -> list[list[str]]:
    """A row for every name that does not have one value in all of them."""
    names = dict.fromkeys(name for one in each for name in one)
    rows = [[name, *(one.get(name, NOTHING) for one in each)] for name in names]
    return [row for row in rows if len(set(row[1:])) > 1]


def _whole(one: Compared) -> Html:
    every = (
        page.join((page.element("h3", title), page.definitions(page.flatten(values))))
        for title, values in parts(one.run)
    )
    return page.folded(f"All of {one.label}", *every)
