from pathlib import Path
from typing import Any

import pytest

from harness.model import CallFinished, Outcome, StoppedBy
from reports.figures.objectives import DEFAULT
from reports.reading.load import read_run
from reports.summary import page as run_page
from reports.summary.panels import concurrency_limit
from reports.summary.result import summarise
from tests.reports import runs
from tests.reports.html_check import Page


def render(folder: Path) -> str:
    run = read_run(folder)
    return run_page.render(run, DEFAULT, summarise(run, DEFAULT))


@pytest.fixture(scope="module")
def article(evenings: dict[str, Path]) -> str:
    return render(evenings["article"])


def test_the_page_loads_and_runs_nothing(article: str) -> None:
    page = Page(article)
    assert page.wrong == []
    assert "url(http" not in article
    assert "@import" not in article


def test_the_ids_of_its_pictures_do_not_meet(article: str) -> None:
    ids = Page(article).ids
    assert ids
    assert len(ids) == len(set(ids))


def test_every_reference_inside_a_picture_has_its_target(article: str) -> None:
    ids = set(Page(article).ids)
    wanted = {part.split(")")[0] for part in article.split("url(#")[1:]}
    assert wanted <= ids


def test_it_shows_the_evening_in_its_own_hours(article: str) -> None:
    text = Page(article).text
    assert "ICT" in text
    assert "20:00" in text
    assert "NumPy linear" in text
    assert "concurrency.limit" in text


def test_it_shows_streams_and_the_generator_itself(article: str) -> None:
    text = Page(article).text
    assert "ttft, to first token" in text
    assert "The generator itself" in text
    assert "the CPU of its busiest worker" in text
    assert "generator" in article
    assert "transport" in text


def test_a_run_that_recorded_no_cpu_has_no_panel_of_it(paper: Path) -> None:
    text = Page(render(paper)).text
    assert "The generator itself" in text
    assert "CPU of its busiest worker" not in text
    assert "ttft, to first token" not in text


def test_a_sound_run_has_no_banner(article: str) -> None:
    assert 'role="alert"' not in article


def test_a_run_that_was_cut_off_says_so(tmp_path: Path) -> None:
    folder = runs.paper_run(tmp_path / "run")
    (folder / "ending.json").unlink()
    html = render(folder)
    assert 'role="alert"' in html
    assert "no ending was written: the run was cut off" in html


def test_text_from_a_run_is_escaped(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    evil = "<script>alert('x')</script>\"&"
    runs.manifest(folder, policy=evil, schedule={"scenario": evil, "window": evil, "note": evil})
    failed = runs.call(0, 0, 5, Outcome.FATAL, attempts=0, kind=evil, detail=evil, stopped_by=StoppedBy.FATAL)
    runs.record(folder, 0, [CallFinished(failed)])
    runs.ending(folder, {"0": 1}, degraded=[evil])
    html = render(folder)
    page = Page(html)
    assert page.wrong == []
    assert "<script" not in html
    assert page.text.count("alert('x')") >= 5


@pytest.mark.parametrize(
    "events",
    [[], [CallFinished(runs.call(0, 0, 0, Outcome.REJECTED, attempts=0))]],
    ids=["no call", "one rejected"],
)
def test_a_run_of_nothing_still_has_a_page(tmp_path: Path, events: list[Any]) -> None:
    runs.manifest(tmp_path, limit=None)
    runs.record(tmp_path, 0, events)
    assert Page(render(tmp_path)).wrong == []


@pytest.mark.parametrize(("limit", "expected"), [(40, 40.0), (None, None)])
def test_the_limit_is_of_the_whole_run(tmp_path: Path, limit: int | None, expected: float | None) -> None:
    runs.manifest(tmp_path, limit=limit)
    assert concurrency_limit(read_run(tmp_path)) == expected


def test_what_a_run_has_not_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    runs.manifest(folder)
    runs.record(folder, 0, [CallFinished(runs.call(0, 0, 5))])
    runs.ending(folder, {"0": 1})
    values = read_run(folder).document["policy"]["values"]
    policy = {"name": "tuned", "values": {**values, "breaker": {"kind": "off"}}, "per_worker": {}}
    runs.rewrite_manifest(folder, policy=policy, generator={"virtual": True})
    text = Page(render(folder)).text
    for absent in (
        "Breakers",
        "The generator's own lag",
        "What stopped failed calls",
        "said last",
    ):
        assert absent not in text
    assert "Calls by outcome" in text


def test_pictures_say_what_they_show(article: str) -> None:
    assert 'aria-label="How the calls ended. Of 2,683 calls: ok 80.1 %' in article
    assert 'aria-label="Breakers. Open for 14.4 % of the workers&#x27; time."' in article
