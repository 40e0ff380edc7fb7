import io
import struct
from pathlib import Path

import pytest

from harness.prices import Price, Prices
from reports.compare import page as compare_page
from reports.compare import result as compare
from reports.figures.objectives import DEFAULT, parse
from reports.reading.load import read_run
from reports.reading.run import Run
from tests.reports import runs
from tests.reports.html_check import Page


@pytest.fixture(scope="module")
def compared(evenings: dict[str, Path]) -> list[compare.Compared]:
    return compare.collect([read_run(evenings[p]) for p in ("article", "tuned")], DEFAULT)


def paper_runs(base: Path, *manifests: dict[str, object]) -> list[Run]:
    return [read_run(runs.paper_run(base / str(n), **m)) for n, m in enumerate(manifests)]


def test_runs_are_called_by_their_policies(compared: list[compare.Compared]) -> None:
    assert [c.label for c in compared] == ["article", "tuned"]


def test_equal_policies_are_told_apart_by_seed_or_number(tmp_path: Path) -> None:
    by_seed = paper_runs(tmp_path / "a", {"seed": 1}, {"seed": 2}, {"policy": "naive"})
    assert compare.labels(by_seed) == ["tuned seed 1", "tuned seed 2", "naive"]
    by_number = paper_runs(tmp_path / "b", {"seed": 1}, {"seed": 1}, {"seed": 2})
    assert compare.labels(by_number) == ["tuned #1", "tuned #2", "tuned #3"]


def test_runs_of_the_same_evening_raise_no_warning(compared: list[compare.Compared]) -> None:
    assert compare.warnings([c.run for c in compared]) == []


def test_unlike_runs_are_named_in_one_line(tmp_path: Path) -> None:
    other = {"scenario": "primetime", "arrivals": "constant", "peak_rps": 30.0, "count": 12}
    unlike = paper_runs(tmp_path, {"seed": 1}, {"seed": 2, "schedule": other, "profile": "calm"})
    (warning,) = compare.warnings(unlike)
    assert "seed (1 / 2)" in warning
    assert "schedule.peak_rps (1.0 / 30.0)" in warning
    assert "target.profile (primetime / calm)" in warning
    assert "schedule.arrivals" not in warning
    assert "\n" not in warning


def test_the_warning_stands_above_the_table(compared: list[compare.Compared]) -> None:
    lines = compare.render(compared, ["the runs differ in more than policy: seed (1 / 2)"]).splitlines()
    assert lines[0] == "warning: the runs differ in more than policy: seed (1 / 2)"


def test_the_table_has_a_row_a_metric_and_a_column_a_run(compared: list[compare.Compared]) -> None:
    found, _, table = compare.render(compared, []).partition("\n\n")
    assert found.startswith("+ tuned served ")
    lines = table.splitlines()
    assert lines[0].split() == ["article", "tuned"]
    goodput = next(line for line in lines if line.startswith("goodput"))
    assert goodput.split()[2:] == [f"{c.summary['request_goodput']:.2f}" for c in compared]
    assert "NumPy linear" in lines[-3]  # above what neither has a price for


def test_rows_of_streams_and_cpu_stand_where_any_run_has_them(
    compared: list[compare.Compared], tmp_path: Path, spoken: Path
) -> None:
    expected = {"ttft p50, ok", "ttft p95, ok", "itl p50, ok", "itl p99, ok", "tpot p50, ok"}
    assert {r.name for r in compare.rows(compared)} >= {*expected, "generator cpu"}
    silent, streamed = paper_runs(tmp_path, {})[0], read_run(spoken)
    assert not any(r.name in expected for r in compare.rows(compare.collect([silent, silent], DEFAULT)))
    mixed = compare.rows(compare.collect([silent, streamed], DEFAULT))
    assert {r.name for r in mixed} >= expected
    assert next(r for r in mixed if r.name == "ttft p50, ok").cells == ("–", "–")  # none, and too few


def test_a_run_without_streams_is_said_not_to_meet_their_objectives(tmp_path: Path, spoken: Path) -> None:
    runs_of = [read_run(spoken), *paper_runs(tmp_path, {"policy": "naive"})]
    both = compare.collect(runs_of, parse(["ttft:400"]))
    assert "naive: ttft not met: no streams." in compare.render(both, []).splitlines()
    assert "naive: ttft not met: no streams." in Page(compare_page.render(both, [])).text


def test_runs_of_unlike_generators_are_no_fair_comparison(tmp_path: Path) -> None:
    folders = [runs.paper_run(tmp_path / name) for name in ("a", "b")]
    for folder, transport in zip(folders, ("fast", "httpx"), strict=True):
        runs.rewrite_manifest(folder, generator={"transport": transport, "stream": True})
    (warning,) = compare.warnings([read_run(f) for f in folders])
    assert warning.endswith(": generator.transport (fast / httpx)")


def test_the_better_run_is_marked_where_one_is_better(compared: list[compare.Compared]) -> None:
    best = {row.name: row.best for row in compare.rows(compared)}
    assert best["goodput /s"] == 1
    assert best["call latency p95, all"] == 1  # article's reaches into its failures
    assert best["calls"] is None


def test_a_degraded_run_is_marked_and_its_reasons_follow(tmp_path: Path) -> None:
    folder = runs.paper_run(tmp_path / "a")
    runs.ending(folder, {"0": 14})
    both = [read_run(folder), *paper_runs(tmp_path / "b", {"policy": "naive"})]
    text = compare.render(compare.collect(both, DEFAULT), [])
    assert text.splitlines()[0].split() == ["tuned*", "naive"]
    assert "* tuned is degraded: 2 calls were scheduled but not recorded" in text


def test_the_page_loads_nothing_and_warns(compared: list[compare.Compared]) -> None:
    page = Page(compare_page.render(compared, ["the runs differ in <b>seed</b>"]))
    assert page.wrong == []
    assert len(page.ids) == len(set(page.ids))
    assert "the runs differ in <b>seed</b>" in page.text


def test_the_picture_is_a_png_of_1400_by_900(compared: list[compare.Compared]) -> None:
    png = compare_page.picture(compared)
    assert png.startswith(b"\x89PNG")
    assert struct.unpack(">II", io.BytesIO(png[16:24]).read()) == (1400, 900)


def test_names_of_any_script_and_sign_can_be_drawn(tmp_path: Path) -> None:
    odd = compare.collect(paper_runs(tmp_path, {"policy": "จูน$^"}, {"policy": "<b>&"}), DEFAULT)
    assert Page(compare_page.render(odd, [])).wrong == []
    assert compare_page.picture(odd).startswith(b"\x89PNG")


def test_equal_runs_are_neither_better(tmp_path: Path) -> None:
    equal = compare.collect(paper_runs(tmp_path, {"policy": "a"}, {"policy": "b"}), DEFAULT)
    assert [row.best for row in compare.rows(equal)] == [None] * len(compare.rows(equal))


def test_who_fails_fast_wins_nothing(compared: list[compare.Compared]) -> None:
    runs_of = [c.run for c in compared]
    took = compare.collect(runs_of, DEFAULT, failures="took")
    name = "call latency p95, all"
    (infinite,), (by_time,) = ([r for r in compare.rows(c) if r.name == name] for c in (compared, took))
    assert "∞" in infinite.cells
    assert "∞" not in by_time.cells
    assert by_time.best is None
    assert "failed ones by how long they took" in " ".join(compare.render(took, []).split())
    assert "failed ones by how long they took" in compare_page.render(took, [])


def test_a_model_without_a_price_is_named(tmp_path: Path) -> None:
    both = compare.collect(paper_runs(tmp_path, {"policy": "a"}, {"policy": "b"}), DEFAULT)
    assert "a: no price for mock." in compare.render(both, [])
    assert "b: no price for mock." in compare_page.render(both, [])


def test_a_cheaper_good_call_is_better(tmp_path: Path) -> None:
    runs_of = paper_runs(tmp_path, {"policy": "a"}, {"policy": "b"})
    prices = Prices("x", {"mock": Price(1_000_000, 10_000_000)})
    # 730 prompt and 370 completion tokens: 4,430 millionths of a dollar, over six good calls.
    both = compare.collect(runs_of, DEFAULT, prices)
    (row,) = (r for r in compare.rows(both) if r.name == "cost of a good call")
    assert (row.cells, row.best) == (("$0.000738", "$0.000738"), None)
    dear = compare.collect(runs_of[:1], parse(["call_latency:500"]), prices)  # only call 10 is good
    (row,) = (r for r in compare.rows([dear[0], both[1]]) if r.name == "cost of a good call")
    assert (row.cells, row.best) == (("$0.00443", "$0.000738"), 1)
