"""Groups of runs held against the first, on runs whose figures are set by hand."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.model import CallFinished, Outcome, StoppedBy
from reports.__main__ import main
from reports.compare import changes, changes_block, page
from reports.compare import result as compare
from reports.compare.changes import METRICS, decide
from reports.figures.objectives import DEFAULT
from reports.reading.load import read_run
from reports.statistics.paired import Change
from reports.summary.result import to_json
from tests.reports import runs
from tests.reports.html_check import Page

GOODPUT, OK_P50, ALL_P50 = (
    next(m for m in METRICS if m.key == key)
    for key in ("request_goodput", "call_latency.p50", "call_latency_all.p50")
)
CALLS = 400


def run_of(path: Path, policy: str, seed: int, factor: float = 1.0, failing: float = 0.0) -> Path:
    """400 calls, whose latencies are drawn from the seed and multiplied by `factor`; the first some fail."""
    path.mkdir(parents=True)
    runs.manifest(path, policy=policy, seed=seed)
    took = np.random.default_rng(seed).lognormal(6, 0.5, CALLS) * factor
    finished = []
    for n, took_ms in enumerate(took.tolist()):
        if n < failing * CALLS:
            finished.append(
                runs.call(n, 30 * n, 30 * n + 5, Outcome.FATAL, stopped_by=StoppedBy.FATAL, attempts=0)
            )
        else:
            finished.append(runs.call(n, 30 * n, 30 * n + took_ms))
    runs.record(path, 0, map(CallFinished, finished))
    runs.ending(path, {"0": CALLS})
    return path


def collected(paths: list[Path]) -> list[compare.Compared]:
    return compare.collect([read_run(p) for p in paths], DEFAULT)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    base = tmp_path_factory.mktemp("changes")
    return [
        *(run_of(base / f"old-{s}", "old", s) for s in range(1, 9)),
        *(run_of(base / f"new-{s}", "new", s, factor=1.25) for s in range(1, 9)),
    ]


@pytest.fixture(scope="module")
def eight(folders: list[Path]) -> changes.Decided:
    return decide(collected(folders))


def test_the_first_group_is_the_base(eight: changes.Decided) -> None:
    assert [g.label for g in eight.groups] == ["old", "new"]
    (against,) = eight.against
    assert against.group.label == "new"
    assert len(against.pairing.pairs) == 8
    of = dict(zip((m.key for m in METRICS), against.changes, strict=True))
    # Every latency is 1.25 times what it was, to the nanosecond that is recorded.
    for key in ("call_latency.p50", "call_latency.p95", "call_latency_all.p95"):
        assert of[key].pairs == 8
        assert math.exp(of[key].log_ratio) == pytest.approx(1.25, rel=1e-6)
        assert math.exp(of[key].low) == pytest.approx(1.25, rel=1e-6)
        assert math.exp(of[key].high) == pytest.approx(1.25, rel=1e-6)
    assert (of["request_goodput"].log_ratio, of["amplification"].pairs) == (0, 8)
    assert of["call_latency.p99"].pairs == 0  # 400 calls have none


def test_six_runs_or_more_have_intervals_over_them(eight: changes.Decided) -> None:
    old, new = eight.latencies
    assert old is not None
    assert new is not None
    p50 = old["call_latency_ms"]["p50"]
    pooled = np.concatenate([np.random.default_rng(s).lognormal(6, 0.5, CALLS) for s in range(1, 9)])
    assert p50.value == pytest.approx(np.quantile(pooled, 0.5), rel=1e-6)
    assert p50.low is not None
    assert p50.high is not None
    assert p50.low < math.exp(6) < p50.high
    assert new["call_latency_ms"]["p50"].value == pytest.approx(1.25 * p50.value, rel=1e-6)


def test_it_is_told_in_percent_with_its_rule(eight: changes.Decided) -> None:
    text = changes_block.lines(eight)
    first, *rest = text.splitlines()
    assert first.split() == ["Change", "against", "old", "new,", "8", "pairs"]
    row = next(line for line in rest if line.startswith("call latency p50, all"))
    assert row.split("  ")[-1].strip() == "+25.0 % (+25.0 % to +25.0 %), worse"
    assert next(line for line in rest if line.startswith("goodput")).split("  ")[-1].strip() == "the same"
    assert "call latency p99, ok" not in text
    assert "over pairs" in text
    assert "by test inversion" in text
    assert re.search(r"old, ok calls +\d+ ms \(\d+ ms – \d+ ms\)", text)


def test_the_document_has_all_of_it_as_strict_json(eight: changes.Decided) -> None:
    document = json.loads(to_json(changes.document(eight)))
    assert [g["label"] for g in document["groups"]] == ["old", "new"]
    assert len(document["groups"][0]["runs"]) == 8
    assert document["groups"][0]["call_latency_ms"]["p99"]["value"] is not None
    (change,) = document["changes"]
    assert (change["base"], change["group"], change["not_paired"]) == ("old", "new", [])
    assert change["pairs"][0] == ["old seed 1", "new seed 1"]
    p95 = change["ratios"]["call_latency.p95"]
    assert (p95["pairs"], p95["median"]) == (8, pytest.approx(1.25, rel=1e-6))
    assert change["ratios"]["call_latency.p99"] == {"pairs": 0, "median": None, "low": None, "high": None}


def test_one_pair_has_a_change_and_no_interval(folders: list[Path]) -> None:
    one = decide(collected([folders[0], folders[8]]))
    assert one.latencies == (None, None)
    text = changes_block.lines(one)
    assert text.splitlines()[0].split() == [
        "Change",
        "against",
        "old",
        "new,",
        "one",
        "pair:",
        "no",
        "interval",
    ]
    assert next(line for line in text.splitlines() if line.startswith("goodput")).split()[1:] == [
        "the",
        "same",
    ]
    assert "call latency p50, ok" in (p50 := next(line for line in text.splitlines() if "+25.0 %" in line))
    assert p50.endswith("+25.0 %")
    document = changes.document(one)
    assert document["groups"][0]["call_latency_ms"] is None
    assert document["changes"][0]["ratios"]["call_latency.p50"]["low"] is None


def test_groups_without_a_common_seed_are_not_paired_and_nothing_is_said(folders: list[Path]) -> None:
    apart = decide(collected([folders[0], folders[9]]))
    assert apart.against[0].pairing.pairs == ()
    assert changes_block.lines(apart) == ""
    assert changes_block.card(apart) == ""


def test_seeds_may_differ_only_where_every_run_has_its_pair(
    folders: list[Path], eight: changes.Decided
) -> None:
    assert changes.excused(eight) == ("seed", "schedule.count")
    assert changes.excused(decide(collected(folders[:2]))) == ()
    assert changes.excused(decide(collected([*folders[:2], folders[8]]))) == ()
    runs_of = [c.run for c in collected([folders[0], folders[1]])]
    assert compare.warnings(runs_of) == ["the runs differ in more than policy: seed (1 / 2)"]
    assert compare.warnings(runs_of, ("seed",)) == []


def test_what_is_not_paired_is_said(folders: list[Path], tmp_path: Path) -> None:
    other = run_of(tmp_path / "other", "new", 1)
    runs.rewrite_manifest(other, generator={"transport": "httpx"})
    text = changes_block.lines(decide(collected([folders[0], other])))
    assert text == "not paired: new, seed 1: they differ in generator.transport"


def test_failures_make_the_change_of_all_calls_infinite(tmp_path: Path) -> None:
    pair = [run_of(tmp_path / "old", "old", 1), run_of(tmp_path / "new", "new", 1, failing=0.6)]
    decided = decide(collected(pair))
    of = dict(zip((m.key for m in METRICS), decided.against[0].changes, strict=True))
    assert of["call_latency_all.p50"].log_ratio == math.inf
    assert math.exp(of["request_goodput"].log_ratio) == pytest.approx(0.4)
    assert "to ∞" in changes_block.lines(decided)
    ratios = json.loads(to_json(changes.document(decided)))["changes"][0]["ratios"]
    assert ratios["call_latency_all.p50"]["median"] == "inf"


@pytest.mark.parametrize(
    ("log_ratio", "told"),
    [
        (math.log(1.1234), "+12.3 %"),
        (math.log(0.9), "−10.0 %"),
        (math.log(1.0042), "+0.42 %"),
        (math.log(1.00001), "±0.00 %"),
        (0.0, "±0.00 %"),
        (math.log(12.34), "×12.3"),
        (math.inf, "to ∞"),
        (-math.inf, "from ∞"),
    ],
)
def test_ratios_are_told_as_changes(log_ratio: float, told: str) -> None:
    assert changes_block.percent(log_ratio, ALL_P50) == told


def test_what_is_no_latency_goes_from_and_to_nothing() -> None:
    assert changes_block.percent(math.inf, GOODPUT) == "from 0"
    assert changes_block.percent(-math.inf, GOODPUT) == "to 0"


def test_better_and_worse_are_said_only_where_the_interval_is_sure() -> None:
    more = Change(8, 0.2, 0.1, 0.3)
    assert changes_block.told(GOODPUT, more, more.pairs).endswith(", better")
    assert changes_block.told(ALL_P50, more, more.pairs).endswith(", worse")
    assert changes_block.told(ALL_P50, replace(more, low=-0.1), more.pairs).endswith(" %)")
    fewer = replace(more, pairs=3, low=math.nan, high=math.nan)
    assert changes_block.told(OK_P50, fewer, more.pairs).endswith(" %, 3 pairs: no interval")
    assert changes_block.told(OK_P50, more, more.pairs).endswith(" %)")  # few ok calls are fast ones
    assert changes_block.told(ALL_P50, more, more.pairs, took=True).endswith(" %)")  # so are quick failures


def test_the_command_prints_it_and_the_page_has_it(
    folders: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["compare", *map(str, folders), "-o", str(tmp_path)]
    assert main(arguments) == 0
    told = capsys.readouterr().out
    assert "new, 8 pairs" in told
    assert "warning" not in told  # seeds differ, and every run has its pair
    html = Page((tmp_path / "compare.html").read_text(encoding="utf-8"))
    assert html.wrong == []
    assert "+25.0 % (+25.0 % to +25.0 %), worse" in html.text
    assert "Of 16 runs old seed 1 and new seed 1 are drawn." in html.text
    assert main([*arguments, "--json"]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert len(document["runs"]) == 16
    assert document["changes"][0]["base"] == "old"


def test_many_runs_are_titled_by_their_groups(folders: list[Path]) -> None:
    compared = collected(folders)
    assert page.title(compared, decide(compared)) == "primetime: old (8 runs) and new (8 runs)"
    assert page.title(compared[:2]) == "primetime: old seed 1 and old seed 2"
