"""Stages, figures and spec files small enough for tests."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from reports.reading.run import Manifest, Policy, Schedule
from reports.virtual.cell import Figures
from reports.virtual.stage import Stage, stage_of

STEADY = {"rate": 5, "length": "20s"}

SWEEP = """\
mock_profile = "calm"
seeds = [1, 2]
[steady]
rate = 5
length = "20s"
[grid]
"concurrency.limit" = [2, 5]
"retry.attempts" = [1, 3]
"""

TUNE = """\
mock_profile = "calm"
seeds = [1, 2, 3]
held_out = [11, 12]
trials = 10
objectives = ["goodput", "tokens_per_good_call"]
[steady]
rate = 5
length = "20s"
[range]
"concurrency.limit" = { min = 2, max = 120 }
deadline_s = { min = 5.0, max = 60.0, log = true }
"""


def stage(folder: Path = Path(), **keys: Any) -> Stage:
    """A stage of some seconds, with these keys of a spec."""
    return stage_of({"mock_profile": "calm", "steady": STEADY, **keys}, folder)


def manifest(policy: str = "tuned", seed: int = 1) -> Manifest:
    """What the metrics ask of a manifest."""
    return Manifest(
        schema_version=0,
        run="",
        scenario="",
        seed=seed,
        workers=1,
        policy=Policy(policy),
        schedule=Schedule(),
        target={},
    )


def figures(goodput: float = 1.0, tokens: float = 100.0, *, seed: int = 1, **others: Any) -> Figures:
    """A cell's figures made up: `goodput` a second over 100 s, `tokens` billed for a good call."""
    good = round(goodput * 100)
    latency = {"p50": 1000.0, "p90": 2000.0, "p95": 2500.0, "p99": 3000.0, "p99.9": None}
    latencies = {
        f"{name}_ms": {**latency, "mean": 1500.0, "max": 4000.0, "n": 1000}
        for name in ("call_latency", "call_latency_all", "e2el", "permit_wait", "backoff")
    }
    streams = dict.fromkeys(("ttft_ms", "itl_ms", "tpot_ms"))
    return {
        "settings": {},
        "seed": seed,
        "duration_s": 100.0,
        "calls": 1000,
        "outcomes": {"ok": 900},
        "request_goodput": goodput,
        "request_throughput": 9.0,
        "good_calls": good,
        "amplification": 1.2,
        "shed_rate": 0.1,
        "breaker_open_fraction": 0.05,
        "tokens": {"prompt": 1, "completion": 2, "wasted": 3},
        "billed_tokens": 0 if math.isinf(tokens) else round(tokens * good),
        "time_to_recover_s": None,
        "course": {"bin_s": 5.0, "offered": [50] * 20, "good": [40] * 20},
        **latencies,
        **streams,
        **others,
    }


def spec_file(folder: Path, text: str, name: str = "small.toml") -> Path:
    """A spec on disk."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def command(*arguments: object) -> list[str]:
    """`python -m reports` with these."""
    return [sys.executable, "-m", "reports", *map(str, arguments)]


def begin(*arguments: object, **environment: str) -> subprocess.Popen[str]:
    """`python -m reports` in a session of its own, under way."""
    return subprocess.Popen(
        command(*arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, **environment},
    )


def run(*arguments: object, **environment: str) -> tuple[int, str, str]:
    """`python -m reports` to its end: its exit code and what it said."""
    process = begin(*arguments, **environment)
    out, err = process.communicate(timeout=100)
    return process.returncode, out, err


def wait_for(what: Callable[[], bool], within_s: float = 30.0) -> None:
    """Come back when it is so; fail if it is not in time."""
    end_s = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < end_s, "it did not come about in time"
        time.sleep(0.02)


def children(parent: int) -> list[psutil.Process]:
    """Every process below one."""
    return psutil.Process(parent).children(recursive=True)


def cells(out: Path) -> Mapping[str, bytes]:
    """The finished cells of a folder, by name."""
    return {path.name: path.read_bytes() for path in (out / "cells").glob("*.json")}
