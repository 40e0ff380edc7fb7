"""What a gate writes: a table, JSON, JUnit XML and Markdown, from the same checks."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from reports.errors import OutputError
from reports.gate.documents import document, junit
from reports.gate.text import append, markdown, render
from reports.gate.verdict import Check, Outcome, Verdict, joined
from tests.reports.gate import made

EVIL = "a|b `c` <d> & \x1b[31m\x00 *e* \ud800 _f_ [g](h)"

CHECKS = (
    Check("p50", Verdict.PASS, cells={"before": "1 s", "after": "1 s"}, data={"before": 1000.0}),
    Check("p95", Verdict.REGRESSION, "", {"before": "2 s", "after": "3 s"}, ("seed 1: it grew",)),
    Check("p99", Verdict.NOT_JUDGED, "too few"),
    Check("p99.9", Verdict.NOT_JUDGED, "too few"),
    Check("ttft", Verdict.INCONCLUSIVE, "too wide", {"after": "9 ms"}, run="run-1"),
    Check(EVIL, Verdict.REGRESSION, EVIL, {"after": EVIL}, (EVIL,), run=EVIL),
)
OUTCOME = Outcome("a title", CHECKS, ("before", "after", "never"), ("a note",))


def test_the_table_has_a_row_a_check_and_says_reasons_once() -> None:
    out = render(Outcome("a title", CHECKS[:5], ("before", "after", "never"), ("a note",)))

    assert out == (
        "a title\n"
        "\n"
        "check         before  after       verdict\n"
        "p50              1 s    1 s          pass\n"
        "p95              2 s    3 s    regression\n"
        "p99                            not judged\n"
        "p99.9                          not judged\n"
        "ttft (run-1)           9 ms  inconclusive\n"
        "\n"
        "p99, p99.9: not judged: too few\n"
        "ttft (run-1): inconclusive: too wide\n"
        "seed 1: it grew\n"
        "a note\n"
        "\n"
        "gate: regression (exit code 1)"
    )


def test_nothing_that_is_printed_steers_a_terminal() -> None:
    assert all(c.isprintable() or c == "\n" for c in render(OUTCOME))


def test_junit_is_well_formed_and_counts_what_it_holds() -> None:
    root = ET.fromstring(junit(OUTCOME))
    (suite,) = root
    cases = suite.findall("testcase")

    assert root.tag == "testsuites"
    for element in (root, suite):
        counted = {name: int(element.attrib[name]) for name in ("tests", "failures", "errors", "skipped")}
        assert counted == {"tests": 6, "failures": 2, "errors": 0, "skipped": 3}
    assert [case.attrib["name"] for case in cases[:5]] == ["p50", "p95", "p99", "p99.9", "ttft (run-1)"]
    assert [[child.tag for child in case] for case in cases] == [
        ["system-out"],
        ["failure"],
        ["skipped"],
        ["skipped"],
        ["skipped"],
        ["failure"],
    ]
    failure = cases[1].find("failure")
    assert failure is not None
    assert failure.attrib == {"type": "regression", "message": "before 2 s, after 3 s"}
    assert failure.text == "before 2 s, after 3 s\nseed 1: it grew"
    skipped = cases[4].find("skipped")
    assert skipped is not None
    assert skipped.attrib["message"] == "inconclusive: too wide"
    assert suite.findtext("system-out") == "a note"
    assert "a|b `c` <d> & " in cases[5].attrib["name"]


def test_markdown_is_a_section_whose_text_is_text() -> None:
    out = markdown(OUTCOME)
    rows = [line for line in out.splitlines() if line.startswith("|")]

    assert out.startswith("### Gate: regression\n\na title\n\n| check | before | after | verdict |\n")
    assert rows[2] == "| p50 | 1 s | 1 s | pass |"
    assert "- **p99, p99.9**, not judged: too few\n" in out
    # However evil its text, a row has four cells: every other pipe is escaped.
    assert all(row.replace("\\|", "").count("|") == 5 for row in rows)
    assert "a\\|b \\`c\\` &lt;d> &amp; " in rows[-1]
    assert "\\[g\\](h)" in rows[-1]


def test_markdown_is_appended(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    path.write_text("there\n")
    append(path, "more\n")
    assert path.read_text() == "there\nmore\n"
    with pytest.raises(OutputError, match="cannot be written"):
        append(tmp_path / "no" / "such.md", "")


def test_json_has_the_same_checks() -> None:
    found = json.loads(json.dumps(document(OUTCOME)))

    assert (found["kind"], found["verdict"], found["exit_code"]) == ("gate", "regression", 1)
    assert found["checks"][0] == {
        "name": "p50",
        "verdict": "pass",
        "reason": "",
        "lines": [],
        "before": 1000.0,
    }
    assert found["checks"][4]["run"] == "run-1"
    assert found["notes"] == ["a note"]


def test_the_verdict_of_all_is_the_worst_of_them() -> None:
    def of(*verdicts: Verdict) -> Verdict:
        return Outcome("", tuple(Check("x", verdict) for verdict in verdicts)).verdict

    assert of(Verdict.PASS, Verdict.IMPROVED) is Verdict.IMPROVED
    assert of(Verdict.PASS, Verdict.NOT_JUDGED) is Verdict.PASS
    assert of(Verdict.IMPROVED, Verdict.INCONCLUSIVE) is Verdict.INCONCLUSIVE
    assert of() is Verdict.INCONCLUSIVE


def test_outcomes_are_joined_in_order() -> None:
    both = joined(
        [Outcome("a", CHECKS[:1], ("x", "y"), ("n",)), Outcome("b", CHECKS[1:2], ("y", "z"), ("n",))]
    )

    assert (both.title, both.columns, both.notes) == ("a; b", ("x", "y", "z"), ("n",))
    assert [check.name for check in both.checks] == ["p50", "p95"]


def test_the_command_writes_what_it_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = made.noisy_run(tmp_path / "run", 1, calls=300)
    xml, summary = tmp_path / "gate.xml", tmp_path / "gate.md"
    given = ["--threshold", "call_latency p(50)<1s", "calls count>1", "--junit", xml, "--markdown", summary]
    assert made.gate(run, *given, "--json") == 1
    assert [c["verdict"] for c in json.loads(capsys.readouterr().out)["checks"]] == ["regression", "pass"]
    assert ET.fromstring(xml.read_bytes()).attrib["failures"] == "1"
    assert summary.read_text().startswith("### Gate: regression\n")
    assert made.gate(run, *given) == 1
    assert summary.read_text().count("### Gate") == 2
