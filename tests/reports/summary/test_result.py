import json
from pathlib import Path

import pytest

from harness.model import AttemptFinished, CallFinished, Fault, Outcome
from reports.errors import OutputError
from reports.figures.objectives import DEFAULT, parse
from reports.reading.load import read_run
from reports.summary.result import save, summarise, to_json, write
from reports.summary.text import render
from tests.reports import runs

REQUIRED = {  # the design's list
    "calls",
    "attempts",
    "outcomes",
    "in_flight_at_end",
    "degraded",
    "duration_s",
    "request_throughput",
    "request_goodput",
    "amplification",
    "call_latency_ms",
    "call_latency_all_ms",
    "schedule_lag_ms",
    "ttft_ms",
    "itl_ms",
    "tpot_ms",
    "generator",
    "tokens",
    "breaker_open_fraction",
    "policy",
    "seed",
}


def test_the_paper_run(paper: Path) -> None:
    s = summarise(read_run(paper), DEFAULT)
    assert set(s) >= REQUIRED
    assert (s["calls"], s["attempts"], s["good_calls"]) == (12, 15, 6)
    assert s["outcomes"] == {
        **{str(o): 0 for o in Outcome},
        "ok": 7,
        "transient": 1,
        "rejected": 2,
        "timeout": 1,
        "deadline": 1,
    }
    assert s["attempt_outcomes"]["ok"] == 8
    assert s["attempt_faults"] == {
        "ok": 8,
        "transient.connect": 3,
        "throttled.status": 2,
        "overloaded.status": 1,
        "timeout.attempt_timeout": 1,
    }
    assert s["stopped_by"] == {"attempts": 2, "breaker": 2, "deadline": 1}
    assert s["duration_s"] == 12.0
    assert s["drain_s"] == 4.0
    assert s["offered_rate"] == 1.0
    assert s["request_throughput"] == pytest.approx(7 / 12)
    assert s["request_goodput"] == 0.5
    assert s["amplification"] == 1.25
    assert s["shed_rate"] == pytest.approx(1 / 6)
    assert s["breaker_open_fraction"] == 0.25  # open from 5 s to 8 s of 12 s
    assert s["tokens"] == {"prompt": 730, "completion": 370, "wasted": 50}
    assert s["call_latency_ms"] == {
        **dict.fromkeys(("p50", "p90", "p95", "p99", "p99.9")),
        "mean": pytest.approx(32_000 / 7),
        "max": 20_000.0,
        "n": 7,
    }
    assert s["call_latency_all_ms"]["mean"] == "inf"
    assert s["e2el_ms"]["mean"] == 4000.0
    assert s["schedule_lag_ms"]["max"] == 20.0
    assert (s["ttft_ms"], s["itl_ms"], s["tpot_ms"]) == (None, None, None)
    assert (s["policy"]["name"], s["policy"]["values"]["deadline_s"], s["seed"]) == ("tuned", 60.0, 7)
    assert s["degraded"] == []
    assert s["kinds"]["line_broadcast"]["ok"] == 2
    assert s["failure_details"][0] == {"outcome": "rejected", "detail": "breaker open", "calls": 2}


def test_failed_calls_may_count_by_how_long_they_took(paper: Path) -> None:
    run = read_run(paper)
    took = summarise(run, DEFAULT, failures="took")
    # 32,000 ms of ok calls; 3,000 of call 5, nothing of 6 and 7, 30,020 of 8, 1,000 of 9: over twelve calls.
    assert took["call_latency_all_ms"]["mean"] == pytest.approx((32_000 + 3000 + 30_020 + 1000) / 12)
    assert took["call_latency_all_ms"]["max"] == 30_020.0
    assert (took["failures"], summarise(run, DEFAULT)["failures"]) == ("took", "infinite")
    assert took["good_calls"] == 6  # what is good does not depend on it
    assert "failed ones by how long they took" in " ".join(render(took).split())


def test_the_spoken_runs_streams(spoken: Path) -> None:
    s = summarise(read_run(spoken), parse(["ttft:400", "itl:60"]))
    few = dict.fromkeys(("p50", "p90", "p95", "p99", "p99.9"))
    assert s["ttft_ms"] == {**few, "mean": 300.0, "max": 500.0, "n": 4}
    assert s["itl_ms"] == {**few, "mean": 60.0, "max": 100.0, "n": 6}
    assert s["tpot_ms"] == {**few, "mean": 32.5, "max": 55.0, "n": 2}
    assert s["goodput_objectives_ms"] == {"ttft": 400.0, "itl": 60.0}
    assert s["good_calls"] == 2  # calls 2 and 4


def test_streams_that_all_failed_are_no_missing_streams(tmp_path: Path) -> None:
    runs.manifest(tmp_path)
    broken = runs.attempt(0, 1, 0, 9, Outcome.PARTIAL, fault=Fault.READ, output_ms=(5, 7))
    failed = runs.call(0, 0, 9, Outcome.PARTIAL)
    runs.record(tmp_path, 0, [AttemptFinished(broken), CallFinished(failed)])
    s = summarise(read_run(tmp_path), parse(["ttft:400"]))
    assert (s["ttft_ms"]["n"], s["itl_ms"]["n"], s["tpot_ms"]["n"]) == (0, 0, 0)
    assert "no streams" not in render(s)


def test_the_toil_runs_generator(toil: Path) -> None:
    g = summarise(read_run(toil), DEFAULT)["generator"]
    assert g["cpu"] == pytest.approx({"mean": 0.535, "max": 0.8})
    assert g["gc_pauses"] == {"n": 3, "total_ms": 4.6, "max_ms": 3.0}
    assert [w["worker"] for w in g["workers"]] == [0, 1]
    assert g["workers"][1]["cpu"] == pytest.approx({"mean": 0.15, "max": 0.2})
    assert g["workers"][0]["gc_pauses"] == {"n": 2, "total_ms": 1.6, "max_ms": 1.2}
    assert [w["loop_lag_ms"]["max"] for w in g["workers"]] == [4.0, 9.0]
    assert [w["loop_lag_ms"]["n"] for w in g["workers"]] == [2, 1]


def test_lag_is_told_apart_by_worker(tmp_path: Path) -> None:
    runs.manifest(tmp_path, workers=2)
    for worker, late_ms in enumerate((3, 8)):
        call = runs.call(worker, 0, 99, start_ms=late_ms, attempts=0)
        runs.record(tmp_path, worker, [CallFinished(call)])
    g = summarise(read_run(tmp_path), DEFAULT)["generator"]
    assert [w["schedule_lag_ms"]["max"] for w in g["workers"]] == [3.0, 8.0]
    assert (g["cpu"], g["gc_pauses"]["n"]) == (None, 0)


def test_text_has_rows_of_streams_and_of_the_generator_only_where_they_are(
    paper: Path, spoken: Path, toil: Path
) -> None:
    silent, streamed, busy = (render(summarise(read_run(f), DEFAULT)) for f in (paper, spoken, toil))
    for label in ("ttft, to first token", "itl, between events", "tpot, per token"):
        assert label in streamed
        assert label not in silent
    assert "generator" not in silent
    rows = dict(line.split("  ", 1) for line in busy.splitlines() if line.startswith("generator"))
    assert rows["generator cpu"].split()[:2] == ["53.5", "%"]
    assert rows["generator cpu"].endswith("80.0 % in its busiest second")
    assert rows["generator gc pauses"].split() == ["3", "longest", "3.0", "ms,", "4.6", "ms", "in", "all"]


def test_an_objective_of_streams_on_a_run_without_any_is_plainly_not_met(paper: Path) -> None:
    s = summarise(read_run(paper), parse(["ttft:100000"]))
    assert s["request_goodput"] == 0
    assert "ttft not met: no streams" in render(s)


def test_objectives_are_named_in_the_summary(paper: Path) -> None:
    s = summarise(read_run(paper), parse(["call_latency:2000", "e2el:1500"]))
    assert s["goodput_objectives_ms"] == {"call_latency": 2000.0, "e2el": 1500.0}
    assert s["good_calls"] == 3  # calls 0, 10 and 11


def test_an_empty_run_has_counts_but_no_rates(tmp_path: Path) -> None:
    runs.manifest(tmp_path)
    runs.ending(tmp_path, {"0": 0}, arrivals_end_s=0.0)
    s = summarise(read_run(tmp_path), DEFAULT)
    assert (s["calls"], s["request_goodput"], s["amplification"], s["shed_rate"]) == (0, None, None, None)
    assert "–" in render(s)


def test_the_document_is_strict_json(paper: Path, tmp_path: Path) -> None:
    s = summarise(read_run(paper), DEFAULT)
    path = write(s, tmp_path)
    assert path == tmp_path / "summary.json"

    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} is not JSON")

    assert json.loads(path.read_text(), parse_constant=refuse) == json.loads(to_json(s))
    assert [p.name for p in tmp_path.iterdir()] == ["summary.json"]


def test_an_unwritable_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="nowhere"):
        save(tmp_path / "nowhere" / "x.json", b"{}")


def test_an_evening_is_the_same_in_text_and_fits_the_terminal(evenings: dict[str, Path]) -> None:
    s = summarise(read_run(evenings["article"]), DEFAULT)
    text = render(s)
    assert max(len(line) for line in text.splitlines()) <= 100
    assert "NumPy linear" in text
    assert f"{s['calls']:,} calls" in text
    assert "∞" in text  # its failures reach into the percentiles


def test_text_from_a_run_cannot_steer_the_terminal(tmp_path: Path) -> None:
    folder = runs.paper_run(tmp_path / "run", policy="tuned\x1b[31m\nDEGRADED")
    text = render(summarise(read_run(folder), DEFAULT))
    assert "\x1b" not in text
    assert "\nDEGRADED" not in text
