"""The command: what it leaves, and what it refuses."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from harness.model import Attempt, Fault, Outcome
from mockserver.profile_document import as_document
from mockserver.profile_file import load_profile
from reports import __main__ as cli
from tests.reports import runs
from tests.reports.fit import made


def _replies(n: int, seed: int = 1) -> Iterator[Attempt]:
    """Streams that come one after the other: 500 ms to the first of ten tokens, 20 ms between two."""
    rng = np.random.default_rng(seed)
    for i, first in enumerate(made.lognormal(rng, n, 500, 0.3).tolist()):
        at = 4000.0 * i
        steps = np.concatenate(([0.0], np.cumsum(made.lognormal(rng, 9, 20, 0.2))))
        output = (at + first + steps).tolist()
        tokens = (50, 10) if i % 3 else (50, 12)
        yield made.attempt(i, at, output[-1] + 20, output_ms=output, tokens=tokens, reason="stop")


def _fit(*arguments: object) -> int:
    return cli.main(["fit", *map(str, arguments)])


def test_a_profile_a_picture_and_figures_are_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = made.run(tmp_path / "run", _replies(300))
    out = tmp_path / "my-api.toml"
    assert _fit(folder, "-o", out) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.splitlines()[-3:] == [f"wrote {out.with_suffix(s)}" for s in (".toml", ".png", ".json")]
    assert out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    figures = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    profile = load_profile(str(out))
    assert profile.name == "my-api"
    assert profile.ttft.median_ms == pytest.approx(500, rel=0.05)
    assert tomllib.loads(out.read_text(encoding="utf-8")) == figures["profile"]
    document = as_document(profile)
    assert document["ttft"] == document["ttft"] | figures["profile"]["ttft"]


def test_json_is_all_that_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = made.run(tmp_path / "run", _replies(300))
    out = tmp_path / "my-api.toml"
    assert _fit(folder, "-o", out, "--json") == 0
    assert capsys.readouterr().out == out.with_suffix(".json").read_text(encoding="utf-8")


def test_the_same_runs_leave_the_same_bytes(tmp_path: Path) -> None:
    folder = made.run(tmp_path / "run", _replies(300))
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        assert _fit(folder, "-o", tmp_path / name / "api.toml") == 0
    for suffix in (".toml", ".json", ".png"):
        pair = [(tmp_path / name / "api.toml").with_suffix(suffix).read_bytes() for name in ("a", "b")]
        assert pair[0] == pair[1], suffix


def test_several_runs_count_together(tmp_path: Path) -> None:
    folders = [made.run(tmp_path / str(seed), _replies(150, seed)) for seed in (1, 2)]
    out = tmp_path / "my-api.toml"
    assert _fit(*folders, "-o", out) == 0
    figures = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    assert figures["laws"]["ttft"]["n"] == 300
    assert figures["capacity"] is None


def test_too_little_is_refused_with_what_is_needed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = made.run(tmp_path / "run", _replies(57))
    out = tmp_path / "my-api.toml"
    assert _fit(folder, "-o", out) == 3
    assert capsys.readouterr().err == (
        "reports: no fit: 57 replies that tell of latency, 57 attempts in 1 run: expected 200 replies or more"
        " (of --stream, best)\n"
    )
    assert not out.exists()


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"model": "gpt-4.1"}, "several models were asked: mock ({a}), gpt-4.1 ({b}): expected runs of one"),
        (
            {"target": {"host": "https://api.org", "bundled": False}},
            "{b} asked https://api.org, {a} the bundled mock server as primetime: expected runs of one API",
        ),
    ],
)
def test_runs_of_several_apis_are_refused_by_their_folders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], other: dict[str, object], said: str
) -> None:
    # Of one name: only their folders tell them apart.
    a = made.run(tmp_path / "a" / "evening", _replies(200))
    b = made.run(tmp_path / "b" / "evening", _replies(200), **other)  # type: ignore[arg-type]
    assert _fit(a, b, "-o", tmp_path / "x.toml") == 3
    assert capsys.readouterr().err == f"reports: no fit: {said.format(a=a, b=b)}\n"


def test_a_name_that_is_no_profile_s_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = made.run(tmp_path / "run", _replies(5))
    assert _fit(folder, "-o", tmp_path / "my-api.json") == 2
    assert "expected a name that ends in .toml" in capsys.readouterr().err


def test_a_run_given_twice_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = made.run(tmp_path / "run", _replies(5))
    assert _fit(folder, folder, "-o", tmp_path / "x.toml") == 2
    assert "given twice" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = made.run(tmp_path / "run", _replies(300))
    assert _fit(folder, "-o", tmp_path / "gone" / "x.toml") == 2
    assert f"{tmp_path / 'gone' / 'x.toml'}: cannot be written" in capsys.readouterr().err


def test_names_from_outside_cannot_break_the_file(tmp_path: Path) -> None:
    evil = 'x"\n[capacity]\nslots = 1\n# \x1b[31m'
    folder = made.run(tmp_path / "run", _replies(300), model=evil)
    runs.rewrite_manifest(folder, run=evil)
    out = tmp_path / "my-api.toml"
    assert _fit(folder, "-o", out) == 0
    text = out.read_text(encoding="utf-8")
    assert "\x1b" not in text
    assert "capacity" not in tomllib.loads(text)


def test_a_run_of_failures_alone_is_too_little(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failed = [
        made.attempt(i, i, i + 1, Outcome.TRANSIENT, fault=Fault.STATUS, status=500) for i in range(500)
    ]
    assert _fit(made.run(tmp_path / "run", failed), "-o", tmp_path / "x.toml") == 3
    assert "0 replies that tell of latency, 500 attempts" in capsys.readouterr().err
