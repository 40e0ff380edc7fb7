"""Findings as pages, terminals and documents have them."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

import reports
from reports.figures.objectives import DEFAULT
from reports.findings import say
from reports.findings.compared import RULES as COMPARED
from reports.findings.finding import Finding, recalled
from reports.findings.page import how_drawn, section
from reports.findings.rules import in_words
from reports.findings.swept import RULES as SWEPT
from reports.findings.text import in_lines
from reports.reading.load import read_run
from reports.summary.page import render
from reports.summary.result import summarise
from reports.virtual.folder import play_into
from reports.virtual.stage import stage_of
from tests.reports.findings import made
from tests.reports.html_check import Page

EVIL = "<script>alert('x')</script>\"&"
SOURCES = Path(reports.__file__).parent / "findings"


def finding(text: str, *evidence: str) -> Finding:
    return Finding("a_key", text, evidence, "problem")


def test_text_and_evidence_are_escaped() -> None:
    markup = section([finding(EVIL, EVIL), finding(EVIL)])
    assert "<script" not in markup
    assert Page(markup).text.count("alert('x')") == 3


def test_evidence_is_folded_under_its_sentence() -> None:
    markup = section([finding("It rained.", "wet", "cold")])
    assert '<li class="finding problem">' in markup
    assert re.search(r"<details><summary>It rained.</summary><ul class=\"evidence\"><li>wet</li>", markup)


def test_without_findings_there_is_no_section() -> None:
    assert section([]) == ""


def test_the_terminal_has_the_first_five_and_counts_the_rest() -> None:
    lines = in_lines([finding(f"sentence {n}.") for n in range(7)], "summary.json").splitlines()
    assert lines[0] == "! sentence 0."
    assert len(lines) == 6
    assert lines[-1] == "  (2 more, and the evidence of all, in summary.json)"


def test_a_long_sentence_is_wrapped_and_cannot_steer_the_terminal() -> None:
    text = in_lines([finding("word " * 60 + "\x1b[31m")], "x")
    assert all(len(line) <= 100 for line in text.splitlines())
    assert text.splitlines()[1].startswith("  word")
    assert "\x1b" not in text


def test_a_finding_is_recalled_as_it_was() -> None:
    found = [finding("It rained.", "wet"), Finding("b", "It shone.", (), "good")]
    assert recalled(json.loads(json.dumps([f.document() for f in found]))) == found


def test_every_key_that_can_be_found_has_its_rule_in_words() -> None:
    told = {key for keys, _ in (*in_words(), *COMPARED, *SWEPT) for key in keys.split(", ")}
    source = "".join(path.read_text(encoding="utf-8") for path in sorted(SOURCES.glob("*.py")))
    used = set(re.findall(r"(?:problem|note|make|Finding)\(\s*\"([a-z_]+)\"", source))
    assert len(used) > 25
    assert used <= told


def test_the_readme_has_every_rule_word_by_word() -> None:
    page = (SOURCES.parent / "README.md").read_text(encoding="utf-8")
    for keys, rule in (*in_words(), *COMPARED, *SWEPT):
        named = ", ".join(f"`{key}`" for key in keys.split(", "))
        assert f"| {named} | {rule} |\n" in page


def test_no_docstring_has_the_quotes_of_a_string_that_was_broken() -> None:
    for path in sorted(SOURCES.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                assert '"\n' not in (ast.get_docstring(node) or ""), f"{path.name}: {node}"


def test_the_rules_are_told_on_the_page() -> None:
    text = Page(how_drawn(in_words())).text
    assert "How findings are drawn" in text
    assert "limits_low" in text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0 %"),
        (0.0004, "<0.1 %"),
        (0.024, "2.4 %"),
        (0.0996, "10 %"),
        (0.38, "38 %"),
        (0.9949, "99 %"),
        (0.9981, "99.8 %"),
        (0.99999, "99.9 %"),
        (1.0, "100 %"),
        (1.5, "150 %"),
    ],
)
def test_a_share_is_as_short_as_it_can_be_and_never_rounded_to_none_or_all(value: float, shown: str) -> None:
    assert say.share(value) == shown


def test_the_summary_holds_them_and_its_page_tells_them_first(tmp_path: Path) -> None:
    folder = made.write(tmp_path, made.every(200))
    run = read_run(folder)
    text = Page(render(run, DEFAULT, summarise(run, DEFAULT))).text
    assert text.index("Nothing went wrong") < text.index("At a glance", text.index("Findings") + 200)


def test_the_readmes_example_is_what_an_evening_says(tmp_path: Path) -> None:
    page = (SOURCES.parent / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```\n(! .*?)\n```$", page, flags=re.MULTILINE | re.DOTALL)
    stage = stage_of({"policy": "article", "evening": {"length": "3m"}}, tmp_path)
    played = read_run(play_into(stage, stage.policy({}), 1, tmp_path))
    found = recalled(summarise(played, stage.objectives)["findings"])
    assert in_lines(found[:2], "") == example
