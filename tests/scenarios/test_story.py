"""The article's story by its numbers: one evening, three clients, in real time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scenarios.running import ROOT, finish, start, table
from tests.scenarios.test_conservation import assert_conserved

CLIENTS = ("naive", "article", "tuned")
EVENING_S = 400


def share_good(folder: Path, from_s: float, to_s: float) -> float:
    """Share of the calls due in a stretch that were ok within 15 s."""
    due = [c for c in table(folder, "calls") if from_s <= c["intended_ns"] / 1e9 < to_s]
    good = [c for c in due if c["outcome"] == "ok" and c["end_ns"] - c["intended_ns"] <= 15e9]
    return len(good) / len(due)


@pytest.mark.slow
@pytest.mark.timeout(EVENING_S + 100)
def test_naive_collapses_at_the_peak_article_shuts_itself_out_tuned_survives(tmp_path: Path) -> None:
    begun = {
        name: start("primetime.py", "--headless", "--policy", name, run_dir=tmp_path / name)
        for name in CLIENTS
    }
    played = {name: finish(process, tmp_path / name, EVENING_S) for name, process in begun.items()}
    for name, run in played.items():
        assert run.code == 0, f"{name}\n{run.out}\n{run.err}"
        assert_conserved(run)

    naive, article, tuned = (played[name] for name in CLIENTS)
    # The same evening: the same calls at the same instants.
    instants = [
        [(c["call_id"], c["intended_ns"]) for c in table(run.folder, "calls")] for run in played.values()
    ]
    assert len({tuple(sorted(i)) for i in instants}) == 1

    # Before the peak all is well; at it naive collapses, with connection timeouts; after it, it suffers.
    assert share_good(naive.folder, 0, 45) > 0.95
    assert share_good(naive.folder, 90, 110) < 0.5
    assert share_good(naive.folder, 120, 160) < 0.9
    faults = [a["fault"] for a in table(naive.folder, "attempts")]
    assert faults.count("connect_timeout") > 20

    # The article's breaker opens on 429s and shuts out calls that the API would have served.
    assert article.summary["breaker_open_fraction"] > 0.2
    assert article.summary["outcomes"]["rejected"] > 300

    # Ours has clearly more goodput than either, and its p95 over all calls is a number.
    for other in (naive, article):
        assert tuned.summary["request_goodput"] > 1.1 * other.summary["request_goodput"]
        assert other.summary["call_latency_all_ms"]["p95"] == "inf"
    assert float(tuned.summary["call_latency_all_ms"]["p95"]) < 30_000

    compared = subprocess.run(
        [
            sys.executable,
            "-m",
            "reports",
            "compare",
            "--json",
            "-o",
            tmp_path,
            *(r.folder for r in played.values()),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(compared.stdout)
    assert (tmp_path / "compare.html").exists()
    assert (tmp_path / "compare.png").exists()
