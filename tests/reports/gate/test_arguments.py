"""Bad arguments: one line each, exit code 2, and nothing is ignored."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports import __main__ as cli
from tests.reports import runs

BAD = [
    (["gate"], "gate: expected RUN with --baseline FILE or --threshold T; or --ab; or --virtual"),
    (["gate", "{run}"], "expected RUN with --baseline FILE or --threshold T"),
    (["gate", "--baseline", "b.json"], "expected RUN with --baseline"),
    (["gate", "nowhere", "--threshold", "calls count>1"], "nowhere: no such folder"),
    (["gate", "{run}", "{run}/.", "--threshold", "calls count>1"], "given twice: expected different runs"),
    (["baseline", "{run}", "{run}", "-o", "b.json"], "given twice: expected different runs"),
    (["gate", "--ab", "tuned", "tuned", "--out", "{run}/manifest.json"], "manifest.json: cannot be made"),
    (["gate", "{run}", "--threshold", "x"], "--threshold 'x': expected METRIC AGGREGATE<VALUE"),
    (
        ["gate", "{run}", "--baseline", "b", "--tolerance", "-1"],
        "--tolerance -1: expected a percentage over 0%",
    ),
    (["gate", "{run}", "--baseline", "b", "--tolerance", "200%"], "--tolerance 200%: expected a percentage"),
    (["gate", "{run}", "--baseline", "b", "--tolerance", "0%"], "--tolerance 0%: expected a percentage"),
    (["gate", "{run}", "--baseline", "b", "--tolerance", "5"], "--tolerance 5: expected a percentage"),
    (
        ["gate", "{run}", "--baseline", "b", "--metric", "p95"],
        "--metric p95: expected one of call_latency.p50",
    ),
    (["gate", "{run}", "--baseline", "b", "--metric", "e2el.p96"], "did you mean 'e2el.p95'?"),
    (["gate", "{run}", "--baseline", "b", "--goodput", "e2el:5"], "--goodput: the baseline says it"),
    (
        ["gate", "{run}", "--threshold", "calls count>1", "--tolerance", "5%"],
        "--tolerance: expected --baseline with it",
    ),
    (
        ["gate", "{run}", "--threshold", "calls count>1", "--metric", "e2el.p95"],
        "--metric: expected --baseline with it",
    ),
    (["gate", "{run}", "--baseline", "b", "--pairs", "8"], "--pairs: expected --ab or --virtual with it"),
    (["gate", "{run}", "--baseline", "b", "--pairs", "0"], "--pairs: expected --ab or --virtual with it"),
    (["gate", "{run}", "--baseline", "b", "--stream"], "--stream: expected --ab or --virtual with it"),
    (["gate", "{run}", "--baseline", "b", "--jobs", "2"], "--jobs: expected --ab or --virtual with it"),
    (["gate", "--ab", "tuned"], "argument --ab: expected 2 arguments"),
    (["gate", "--ab", "tuned", "tunned"], "unknown policy preset 'tunned', did you mean 'tuned'?"),
    (["gate", "--ab", "tuned", "gone.toml"], "--ab = 'gone.toml': no such file"),
    (["gate", "--ab", "tuned", "tuned", "--pairs", "0"], "--pairs 0: expected 6 to 1000: fewer say nothing"),
    (["gate", "--ab", "tuned", "tuned", "--pairs", "3"], "--pairs 3: expected 6 to 1000"),
    (["gate", "--ab", "tuned", "tuned", "--pairs", "x"], "argument --pairs: invalid int value: 'x'"),
    (["gate", "--ab", "tuned", "tuned", "--baseline", "b"], "--baseline: has no use with --ab"),
    (["gate", "{run}", "--ab", "tuned", "tuned"], "RUN: has no use with --ab"),
    (["gate", "--ab", "tuned", "tuned", "--threshold", "x"], "--threshold: has no use with --ab"),
    (["gate", "--ab", "tuned", "tuned", "--length", "5s"], "--length: expected --rate with it"),
    (
        ["gate", "--ab", "tuned", "tuned", "--rate", "5", "--window", "19:00-20:00"],
        "--window: stands beside --rate",
    ),
    (
        ["gate", "--ab", "tuned", "tuned", "--rate", "5", "--peak-rps", "9"],
        "--peak-rps: stands beside --rate",
    ),
    (["gate", "--ab", "tuned", "tuned", "--rate", "-5"], "--rate"),
    (["gate", "--ab", "tuned", "tuned", "--evening", "soon"], "--evening"),
    (["gate", "--ab", "tuned", "tuned", "--mock-profile", "calmer"], "--mock-profile"),
    (["gate", "--ab", "tuned", "tuned", "--transport", "tcp"], "argument --transport: invalid choice: 'tcp'"),
    (["gate", "--commit", "no-such-revision"], "--commit no-such-revision: expected a commit"),
    (["gate", "--virtual", "gone.toml"], "--virtual: expected --baseline FILE"),
    (["gate", "--virtual", "gone.toml", "--baseline", "b"], "gone.toml: cannot be read"),
    (["gate", "{run}", "--virtual", "s", "--baseline", "b"], "RUN: has no use with --virtual"),
    (
        ["gate", "--virtual", "s", "--baseline", "b", "--ab", "tuned", "tuned"],
        "--ab: has no use with --virtual",
    ),
    (
        ["gate", "--virtual", "s", "--baseline", "b", "--tolerance", "5%"],
        "--tolerance: has no use with --virtual",
    ),
    (["gate", "--virtual", "s", "--baseline", "b", "--jobs", "0"], "--jobs: '0': expected a whole number"),
    (["baseline"], "the following arguments are required: -o"),
    (["baseline", "-o", "b.json"], "baseline: expected RUN folders, or --virtual SPEC.toml"),
    (["baseline", "{run}", "-o", "{tmp}/no/b.json"], "cannot be written"),
    (["baseline", "{run}", "--jobs", "2", "-o", "b.json"], "--jobs: expected --virtual SPEC.toml with it"),
    (["baseline", "{run}", "--virtual", "s.toml", "-o", "b.json"], "expected no RUN"),
    (
        ["baseline", "--virtual", "s.toml", "--goodput", "e2el:5", "-o", "b"],
        "--goodput: with --virtual, the spec",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_bad_arguments_end_in_one_line_and_exit_code_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    run = runs.paper_run(tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    assert cli.main([a.format(tmp=tmp_path, run=run) for a in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("reports: error: ")
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "runs").exists()
