"""What a run was: everything that its manifest says of it."""

from __future__ import annotations

from typing import Any

from reports.drawing import page
from reports.drawing.page import Html
from reports.reading.run import Run


def configuration(run: Run) -> Html:
    """The configuration of a run, folded part by part."""
    return page.join(
        page.folded(title, page.definitions(page.flatten(values))) for title, values in parts(run)
    )


def parts(run: Run) -> list[tuple[str, dict[str, Any]]]:
    """Titles and settings, without those that are empty; a curve is drawn, not listed."""
    manifest = run.manifest
    schedule = {k: v for k, v in run.document["schedule"].items() if k != "curve"}
    every: list[tuple[str, dict[str, Any]]] = [
        (f"Policy {manifest.policy.name}, of the whole run", manifest.policy.values),
        ("Policy of each worker", manifest.policy.per_worker),
        ("Schedule", schedule),
        ("Target", manifest.target),
        ("Generator", manifest.generator),
        ("Options", manifest.options),
        ("Versions and machine", {**manifest.versions, **manifest.machine}),
    ]
    return [(title, values) for title, values in every if values]
