"""What a fit says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.model import Attempt, AttemptFinished, CallFinished, Fault, Levels, Outcome
from reports.fit.beside import laws
from reports.fit.fit import fit
from reports.fit.notes import notes
from reports.reading.load import read_run
from tests.reports import runs
from tests.reports.fit import made
from tests.reports.fit.test_line import played


def _streams(
    n: int, *, later_ms: float = 0.0, every_ms: float = 100.0, prompt: float = 0.0
) -> Iterator[Attempt]:
    """Streams of ten tokens; the first comes so much later for each other that is under way."""
    rng = np.random.default_rng(1)
    ends: list[float] = []
    at = 0.0
    for i in range(n):
        at += every_ms * float(rng.exponential()) * (1 + np.sin(i / 50))
        ahead = sum(end > at for end in ends[-200:])
        asked = int(rng.integers(50, 4000))
        first = (
            at + float(400 * np.exp(0.2 * rng.standard_normal())) + later_ms * ahead + prompt * asked / 1000
        )
        output = [first + 20 * k for k in range(10)]
        ends.append(output[-1] + 20)
        yield made.attempt(i, at, ends[-1], output_ms=output, tokens=(asked, 10), reason="stop", status=200)


def _said(*folders: Path) -> str:
    found = fit([read_run(folder) for folder in folders])
    return "\n".join(notes(found, laws(found)))


def test_a_first_token_that_comes_later_under_load_is_told(tmp_path: Path) -> None:
    said = _said(made.run(tmp_path / "run", _streams(1500, later_ms=30)))
    assert "later where most others were there, and no line explains it" in said


def test_one_that_does_not_is_not(tmp_path: Path) -> None:
    said = _said(made.run(tmp_path / "run", _streams(1500)))
    assert "later where most others were there" not in said
    assert "no share of the prompt shows in the time to first token: prompts had 5" in said
    assert "1,500 times to first token: p99 is known to" in said
    assert "1,500 lengths of replies that ended by themselves: p99 is known to" in said
    assert "the p99 seen" not in said


def test_a_share_of_the_prompt_is_found_where_prompts_differ(tmp_path: Path) -> None:
    folder = made.run(tmp_path / "run", _streams(2000, prompt=90))
    assert fit([read_run(folder)]).latency.per_1k_prompt_ms == pytest.approx(90, rel=0.1)
    assert "no share of the prompt" not in _said(folder)


def test_runs_that_are_not_whole_or_alike_are_told(tmp_path: Path) -> None:
    folders = [made.run(tmp_path / name, _streams(300)) for name in ("a", "b")]
    (folders[0] / "ending.json").unlink()
    runs.rewrite_manifest(folders[1], schedule={"arrivals": "poisson", "duration_s": 77.0})
    said = _said(*folders)
    assert "1 of the runs are not whole: what was recorded is fitted (without an ending)" in said
    assert "the runs differ in length or hours" in said
    assert "runs of one seed meet the same draws of the bundled server" in said


def test_what_the_client_gave_up_on_or_could_not_reach_is_told(tmp_path: Path) -> None:
    lost = [
        made.attempt(900, 1, 2, Outcome.TRANSIENT, fault=Fault.CONNECT),
        made.attempt(901, 1, 2, Outcome.TIMEOUT, fault=Fault.CONNECT_TIMEOUT),
        made.attempt(902, 1, 2, Outcome.FATAL, fault=Fault.QUOTA, status=429),
        made.attempt(903, 1, 2, route=1),
    ]
    said = _said(made.run(tmp_path / "run", [*_streams(300), *lost]))
    assert "1 connections were refused" in said
    assert "1 connections timed out" in said
    assert "1 requests were refused for want of credit" in said
    assert "1 attempts went to the fallback: they are left out" in said


@pytest.mark.parametrize(
    ("told", "buckets"),
    [
        (made.levels(None, (1_000_000, 180_000)), "the bucket of tokens was"),
        (made.levels((600, 400), (1_000_000, 180_000)), "the bucket of requests and that of tokens was"),
    ],
)
def test_a_bucket_that_was_never_full_is_named(tmp_path: Path, told: Levels, buckets: str) -> None:
    one = made.attempt(900, 1, 2, tokens=(50, 10), told=told)
    said = _said(made.run(tmp_path / "run", [*_streams(300), one]))
    assert f"{buckets} never seen full: limits.window_s is a minute's worth" in said


def _overloaded(*at_ms: float) -> Iterator[Attempt]:
    for i, at in enumerate(at_ms):
        yield made.attempt(
            90_000 + i, at, at + 1, Outcome.OVERLOADED, fault=Fault.STATUS, status=503, retry_after_s=2.0
        )


def test_overloads_that_no_queue_explains_are_told_and_none_is_said_to_be_never_full(tmp_path: Path) -> None:
    # At any load, whether hardly anybody is there or many are.
    said = _said(made.run(tmp_path / "run", [*_streams(400), *_overloaded(*range(0, 30_000, 1000))]))
    assert (
        "30 overload refusals (503 with Retry-After 2 s) were seen; no one queue length explains them" in said
    )
    assert "a rule that does not depend on load" in said
    assert "never seen full" not in said
    assert "no request waited for another" not in said


def test_a_line_with_overloads_at_any_load_has_a_queue_of_unknown_length(tmp_path: Path) -> None:
    line = played(12, 10_000, rate_s=19, n=2000)
    assert "the queue was never seen full" in _said(made.run(tmp_path / "never", line))
    said = _said(made.run(tmp_path / "some", [*line, *_overloaded(*range(0, 60_000, 1000))]))
    assert "60 overload refusals (503 with Retry-After 2 s)" in said
    assert "capacity.queue = 1,000 stands for one whose length is not known" in said
    assert "never seen full" not in said


def test_a_table_that_is_cut_short_is_told_with_what_it_lacks(tmp_path: Path) -> None:
    folder = made.run(tmp_path / "run", [])
    attempts = list(_streams(400))
    calls = [runs.call(one.call_id, 0, 1) for one in attempts]
    events = [*map(AttemptFinished, attempts), *map(CallFinished, calls)]
    for file in folder.glob("*.arrow"):
        file.unlink()
    runs.record(folder, 0, events, flush_every=300)
    (path,) = folder.glob("attempts-*.arrow")
    path.write_bytes(path.read_bytes()[:-1000])  # within the second of its two batches: 300 and 100
    lacking = f"{path.name} is cut short; 100 attempts fewer than the calls say"
    assert f"not whole: what was recorded is fitted ({lacking})" in _said(folder)


@pytest.mark.parametrize(("times", "told"), [(0.8, True), (0.96, False), (1.04, False), (1.2, True)])
def test_a_tail_that_is_not_the_model_s_is_told(tmp_path: Path, times: float, *, told: bool) -> None:
    found = fit([read_run(made.run(tmp_path / "run", _streams(300)))])
    beside = laws(found)
    p99 = beside.ttft.goodness.fitted["p99"]
    close = replace(beside.ttft.goodness, observed=beside.ttft.goodness.observed | {"p99": times * p99})
    # 4 % are outside of this interval, too, but nothing to speak of.
    interval = beside.ttft.interval | {"p99": (0.99 * p99, 1.01 * p99)}
    said = notes(found, replace(beside, ttft=replace(beside.ttft, goodness=close, interval=interval)))
    sentence = f"the p99 seen of the time to first token, {times * p99:,.4g} ms, lies outside"
    assert any(note.startswith(sentence) for note in said) == told


def test_windows_that_explain_what_was_left_as_well_are_told(tmp_path: Path) -> None:
    # A request may have asked for some 4,000 tokens: 10 s of 60,000 are 10,000; 12 s are 12,000.
    one = made.attempt(900, 1, 2, tokens=(50, 10), told=made.levels(None, (60_000, 9_000)))
    said = _said(made.run(tmp_path / "run", [*_streams(300), one]))
    assert "limits.window_s = 10 is the smallest that explains what was left of tokens; so would 12" in said
    assert "never seen full" not in said
