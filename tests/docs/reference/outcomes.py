"""Outcomes, faults, what is raised for them, and the events of a client."""

from __future__ import annotations

from typing import get_args

from harness.client.ends import ERRORS
from harness.model import Event, Outcome, StoppedBy
from harness.policy.checks import OCCURRING
from harness.policy.config import FAILURES, RETRYABLE
from tests.docs.reference.markdown import code, prose, table

TITLE = "Outcomes, errors and events"

HEAD = """
Every attempt and every call ends as exactly one outcome; a call as its last attempt did, or as `rejected`
when none was let through. Policies name outcomes, or an outcome with a fault, as `"transient.connect"`.
"""

#: When an outcome comes for which nothing of ours is raised.
UNRAISED = {Outcome.OK: "A usable reply.", Outcome.CANCELLED: "The caller gave it up."}

EVENTS = """\
What `listeners` of a client are told ([an example](../../harness/README.md#what-happened)). The fields of
each are in [`harness/model.py`](../../harness/model.py).
"""


def page() -> str:
    """A table of outcomes, the words of `stopped_by`, and the events."""
    head = ["outcome", "raised", "when", "faults", "retried", "a failure to the breaker"]
    events = [[code(kind.__name__), _first(kind)] for kind in get_args(Event)]
    return "\n".join(
        [
            HEAD,
            "## Outcomes\n",
            table(head, map(_row, Outcome)),
            "*Retried* and *a failure to the breaker*: unless a policy chooses otherwise.\n",
            "## Why a call went no further\n",
            f"`stopped_by` of a call, an error and a row: {', '.join(map(code, StoppedBy))}.\n",
            "## Events\n",
            EVENTS,
            table(["event", "when"], events),
        ]
    )


def _row(outcome: Outcome) -> list[str]:
    error = ERRORS.get(outcome)
    faults = ", ".join(map(code, OCCURRING.get(outcome, ())))
    said = UNRAISED.get(outcome, "") if error is None else _first(error)
    named = "" if error is None else code(error.__name__)
    return [code(outcome), named, said, faults, _yes(outcome in RETRYABLE), _yes(outcome in FAILURES)]


def _first(documented: object) -> str:
    return prose(documented).partition("\n\n")[0]


def _yes(told: bool) -> str:  # noqa: FBT001 - a cell
    return "yes" if told else ""
