"""What a run called and spent, in the summary, on the page and between runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reports.compare import page as compare_page
from reports.compare import result as compare
from reports.figures.objectives import DEFAULT
from reports.gate.record import conditions
from reports.reading.load import read_run
from reports.summary import page as run_page
from reports.summary.result import Summary, summarise
from reports.summary.text import render
from tests.reports import runs
from tests.reports.html_check import Page

REAL = {
    "host": "https://api.example",
    "bundled": False,
    "profile": None,
    "real": True,
    "wire": "anthropic",
    "model": "claude-haiku-4-5",
}
BUDGET = {"requests": 300, "tokens": None, "usd": 0.25, "prices": "prices.toml"}
SPENT: dict[str, Any] = {
    "requests": 12,
    "tokens": 1280,
    "usd": 0.00384,
    "forfeited": None,
    "trial": {"requests": 1, "tokens": 9, "usd": 0.000013},
    "exhausted": False,
}


def real_run(folder: Path, spent: dict[str, Any] | None = None) -> Path:
    runs.paper_run(folder)
    runs.rewrite_manifest(folder, target=REAL, budget=BUDGET)
    ending = folder / "ending.json"
    ending.write_text(json.dumps({**json.loads(ending.read_text()), "spent": spent or SPENT}))
    return folder


def summary(folder: Path) -> Summary:
    return summarise(read_run(folder), DEFAULT)


def test_a_real_api_is_said_first_with_what_was_spent(tmp_path: Path) -> None:
    s = summary(real_run(tmp_path / "run"))
    said = (
        "REAL API https://api.example, model claude-haiku-4-5, wire anthropic:"
        " $0.00384 of $0.250, 12 of 300 requests, 1,280 tokens spent"
    )

    assert s["target"]["real"] is True
    assert s["budget"] == {"limit": {"requests": 300, "tokens": None, "usd": 0.25}, "spent": SPENT}
    assert render(s).splitlines()[2] == said
    page = Page(run_page.render(read_run(tmp_path / "run"), DEFAULT, s))
    assert page.wrong == []
    assert said in page.text
    assert "budget: $0.00384 of $0.250" in page.text


def test_a_mock_server_is_not_called_real(tmp_path: Path) -> None:
    s = summary(runs.paper_run(tmp_path / "run"))
    assert (s["target"]["real"], s["target"]["profile"], s["budget"]) == (False, "primetime", None)
    assert "REAL" not in render(s)


def test_what_lost_workers_may_have_spent_is_said(tmp_path: Path) -> None:
    lost = {"requests": 20, "tokens": 4000, "usd": 0.05}
    s = summary(real_run(tmp_path / "run", {**SPENT, "forfeited": lost}))
    assert "of that, supposed of lost workers: $0.0500, 20 requests, 4,000 tokens" in render(s)


def test_a_budget_that_ended_the_run_is_said_to_have(tmp_path: Path) -> None:
    s = summary(real_run(tmp_path / "run", {**SPENT, "exhausted": True}))
    assert "1,280 tokens spent, which ended the run" in render(s)


def test_a_run_that_was_cut_off_says_no_sum(tmp_path: Path) -> None:
    (real_run(tmp_path / "run") / "ending.json").unlink()
    s = summary(tmp_path / "run")
    assert s["budget"]["spent"] is None
    assert render(s).splitlines()[2].endswith("wire anthropic")


@pytest.fixture
def two(tmp_path: Path) -> list[Any]:
    mock = runs.paper_run(tmp_path / "mock")
    return [read_run(mock), read_run(real_run(tmp_path / "real"))]


def test_a_real_run_and_a_mock_one_are_unlike(two: list[Any]) -> None:
    (warning,) = compare.warnings(two)
    assert "target.real (False / True)" in warning
    assert "target.model" in warning
    compared = compare.collect(two, DEFAULT)
    page = Page(compare_page.render(compared, [warning]))
    assert "target.real (False / True)" in page.text

    mock, real = (conditions(run, DEFAULT) for run in two)
    assert (mock.get("target.real"), real["target.real"]) == (None, True)
    assert mock != real
