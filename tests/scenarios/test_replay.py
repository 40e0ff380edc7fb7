"""Real traces through the whole path: the offered rate follows, the tokens match the rows."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from tests.scenarios.running import ROOT, Played, play, read_json, table
from tests.scenarios.test_conservation import assert_conserved

AZURE = ROOT.parent / "shared" / "data" / "azure-llm-2023-conv.csv"

AZURE_ROWS = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:15:46.6805900,374,44
2023-11-16 18:15:46.9951690,396,109
2023-11-16 18:15:48.2000000,1,7
"""
BURST_GPT_ROWS = """Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type
5,ChatGPT,472,18,490,Conversation log
6,GPT-4,1087,230,1317,Conversation log
7,ChatGPT,9,0,9,API log
"""
MOONCAKE_ROWS = """{"timestamp": 0, "input_length": 675, "output_length": 52, "hash_ids": [1]}
{"timestamp": 1000, "input_length": 20, "output_length": 4, "hash_ids": [1, 2]}
"""


def assert_tokens_match(played: Played, rows: list[tuple[int, int]]) -> None:
    calls = sorted(table(played.folder, "calls"), key=lambda c: c["call_id"])
    assert {c["outcome"] for c in calls} == {"ok"}
    assert [(c["prompt_tokens"], c["completion_tokens"]) for c in calls] == rows[: len(calls)]


@pytest.mark.parametrize(
    ("name", "text", "rows"),
    [
        ("azure.csv", AZURE_ROWS, [(374, 44), (396, 109), (1, 7)]),
        ("burst.csv", BURST_GPT_ROWS, [(472, 18), (1087, 230), (9, 1)]),
        ("mooncake.jsonl", MOONCAKE_ROWS, [(675, 52), (20, 4)]),
    ],
)
def test_each_format_is_replayed_with_its_tokens(
    name: str, text: str, rows: list[tuple[int, int]], tmp_path: Path
) -> None:
    trace = tmp_path / name
    trace.write_text(text, encoding="utf-8")
    played = play("replay.py", "--trace", str(trace), run_dir=tmp_path / "runs")

    played.assert_whole()
    assert_conserved(played)
    assert len(table(played.folder, "calls")) == len(rows)
    assert_tokens_match(played, rows)


@pytest.mark.skipif(not AZURE.exists(), reason=f"{AZURE.name} is not beside the project")
def test_the_azure_trace_at_20_times_its_speed(tmp_path: Path) -> None:
    options = ("--trace", str(AZURE), "--speedup", "20", "-t", "10s")
    played = play("replay.py", *options, run_dir=tmp_path)

    played.assert_whole()
    assert_conserved(played)
    with AZURE.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert_tokens_match(played, [(int(r["ContextTokens"]), int(r["GeneratedTokens"])) for r in rows])
    # Second by second, what was begun is what the trace has in 20 of its seconds.
    times = np.array([float(r["TIMESTAMP"][17:]) + 60 * int(r["TIMESTAMP"][14:16]) for r in rows[:4000]])
    offered = np.histogram((times - times[0]) / 20, bins=10, range=(0, 10))[0]
    started = [c["start_ns"] / 1e9 for c in table(played.folder, "calls")]
    begun = np.histogram(started, bins=10, range=(0, 10))[0]
    assert np.abs(begun - offered).max() <= 0.05 * offered.mean()
    assert read_json(played.folder / "manifest.json")["schedule"]["speedup"] == 20
