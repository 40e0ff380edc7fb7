"""A gate's outcome for machines: JSON, and JUnit XML as CI servers read it."""

from __future__ import annotations

from collections import Counter
from typing import Any
from xml.etree import ElementTree as ET

from reports.gate.verdict import Check, Outcome, Verdict
from reports.telling import words

SUITE = "primetime gate"

_SKIPPED = (Verdict.INCONCLUSIVE, Verdict.NOT_JUDGED)


def document(outcome: Outcome) -> dict[str, Any]:
    """The document of `--json`."""
    return {
        "kind": "gate",
        "title": outcome.title,
        "verdict": str(outcome.verdict),
        "exit_code": outcome.code,
        "checks": [
            {
                "name": check.name,
                "verdict": str(check.verdict),
                "reason": check.reason,
                "lines": list(check.lines),
                **({"run": check.run} if check.run else {}),
                **check.data,
            }
            for check in outcome.checks
        ],
        "notes": list(outcome.notes),
    }


def junit(outcome: Outcome) -> bytes:
    """A testcase a check: a regression is a failure; what was not judged, or not to be, is skipped.

    The form is that of the Ant task, as Jenkins, GitLab and GitHub's test reporters read it.
    """
    found = Counter(check.verdict for check in outcome.checks)
    counted: dict[str, Any] = {
        "tests": str(len(outcome.checks)),
        "failures": str(found[Verdict.REGRESSION]),
        "errors": "0",
        "skipped": str(sum(found[verdict] for verdict in _SKIPPED)),
    }
    root = ET.Element("testsuites", name=SUITE, **counted)
    suite = ET.SubElement(root, "testsuite", name=words.clean(outcome.title), **counted)
    for check in outcome.checks:
        _case(suite, check)
    if outcome.notes:
        ET.SubElement(suite, "system-out").text = "\n".join(map(words.clean, outcome.notes))
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _case(suite: ET.Element, check: Check) -> None:
    case = ET.SubElement(suite, "testcase", classname="gate", name=words.clean(check.label))
    figures = ", ".join(f"{column} {cell}" for column, cell in check.cells.items() if cell)
    told = "\n".join(map(words.clean, filter(None, (check.reason, figures, *check.lines))))
    message = words.clean(check.reason or figures)
    if check.verdict is Verdict.REGRESSION:
        ET.SubElement(case, "failure", type=str(check.verdict), message=message).text = told
    elif check.verdict in _SKIPPED:
        ET.SubElement(case, "skipped", message=f"{check.verdict}: {message}")
    elif told:
        ET.SubElement(case, "system-out").text = told
