"""What a run was: everything that its manifest says of it."""

from __future__ import annotations

from typing import Any

from reports.drawing import page
from reports.drawing.page import Html
from reports.reading.run import Manifest, Run


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
        ("Policy of each worker, where it is another", _own(manifest)),
        ("Schedule", schedule),
        ("Queue", run.document.get("queue") or {}),
        ("Target", manifest.target),
        ("Budget", run.document.get("budget") or {}),
        ("Generator", manifest.generator),
        ("Options", manifest.options),
        ("Versions and machine", {**manifest.versions, **manifest.machine}),
    ]
    return [(title, values) for title, values in every if values]


def _own(manifest: Manifest) -> dict[str, Any]:
    """What the policies of workers do not share with that of the whole run, as their part of a limit."""
    whole = dict(page.flatten(manifest.policy.values))
    own = page.flatten(manifest.policy.per_worker)
    return {name: value for name, value in own if whole.get(_key(name)) != value}


def _key(name: str) -> str:
    """The key of the policy that a name stands for: it may begin with a worker's number."""
    worker, _, key = name.partition(".")
    return key if worker.isdecimal() else name
