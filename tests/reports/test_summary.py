import json
from pathlib import Path

import pytest

from harness.model import Outcome
from reports.errors import OutputError
from reports.load import read_run
from reports.objectives import DEFAULT, parse
from reports.summary import save, summarise, to_json, write
from reports.summary_text import render
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
