"""A baseline of eight runs, and every way a fresh one may meet it: exit codes of the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reports import __main__ as cli
from tests.reports import runs
from tests.reports.gate import made


@pytest.fixture(scope="module")
def eight(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return made.eight(tmp_path_factory.mktemp("eight"))


@pytest.fixture(scope="module")
def baseline(eight: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("baseline") / "baseline.json"
    assert cli.main(["baseline", *map(str, eight), "-o", str(path)]) == 0
    return path


Captured = pytest.CaptureFixture[str]


def test_a_fresh_run_of_the_same_passes(tmp_path: Path, baseline: Path, capsys: Captured) -> None:
    assert made.gate(made.noisy_run(tmp_path / "fresh", 99), "--baseline", baseline) == 0
    assert capsys.readouterr().out.endswith("\n\ngate: pass (exit code 0)\n")


def test_a_much_slower_run_is_a_regression(tmp_path: Path, baseline: Path, capsys: Captured) -> None:
    fresh = made.noisy_run(tmp_path / "fresh", 99, slower=1.5)
    assert made.gate(fresh, "--baseline", baseline) == 1
    out = capsys.readouterr().out
    (line,) = [line for line in out.splitlines() if line.startswith("call_latency.p95")]
    assert line.endswith("regression")
    assert out.endswith("gate: regression (exit code 1)\n")


def test_a_much_faster_run_is_improved_and_passes(tmp_path: Path, baseline: Path, capsys: Captured) -> None:
    fresh = made.noisy_run(tmp_path / "fresh", 99, slower=0.6)
    assert made.gate(fresh, "--baseline", baseline) == 0
    assert capsys.readouterr().out.endswith("gate: improved (exit code 0)\n")


def test_calls_that_fail_are_a_regression_though_ok_ones_are_as_fast(
    tmp_path: Path, baseline: Path, capsys: Captured
) -> None:
    fresh = made.noisy_run(tmp_path / "fresh", 99, fails=100)
    assert made.gate(fresh, "--baseline", baseline, "--json") == 1
    checks = {c["name"]: c["verdict"] for c in json.loads(capsys.readouterr().out)["checks"]}
    assert (checks["failed_share"], checks["call_latency.p50"]) == ("regression", "pass")
    assert checks["call_latency_all.p95"] == "regression"  # 8 % failed: the 95th percentile is a failure


def test_eight_fresh_runs_are_paired(tmp_path: Path, baseline: Path, capsys: Captured) -> None:
    fresh = [made.noisy_run(tmp_path / str(number), 50 + number) for number in range(8)]
    assert made.gate(*fresh, "--baseline", baseline) == 0
    assert "8 pairs" in capsys.readouterr().out


MISMATCHES = [
    ({"seed": 8}, "seed: 8, and the baseline has 7"),
    ({"machine": {"cpus": 64, "system": "Linux"}}, "machine.cpus: 2 -> 64"),
    ({"generator": {"transport": "httpx", "stream": False}}, "generator.transport: fast -> httpx"),
    ({"target": {"bundled": True, "profile": "calm"}}, "target.profile: primetime -> calm"),
    ({"policy": {"name": "tuned", "values": {"deadline_s": 9.0}}}, "policy.deadline_s: 60.0 -> 9.0"),
]


@pytest.mark.parametrize(("changes", "said"), MISMATCHES)
def test_a_run_that_is_no_match_is_inconclusive_with_the_difference_named(
    tmp_path: Path, baseline: Path, capsys: Captured, changes: dict[str, object], said: str
) -> None:
    fresh = made.noisy_run(tmp_path / "fresh", 99)
    runs.rewrite_manifest(fresh, **changes)
    known = json.loads(baseline.read_text())
    here = made.edited(baseline, tmp_path / "b.json", machine={**known["machine"], "cpus": 2})
    if "machine" not in changes:
        here = baseline
    assert made.gate(fresh, "--baseline", here) == 3
    assert said in capsys.readouterr().out


def test_another_policy_name_with_the_same_values_is_the_same(tmp_path: Path, baseline: Path) -> None:
    fresh = made.noisy_run(tmp_path / "fresh", 99)
    policy = json.loads((fresh / "manifest.json").read_text())["policy"]
    runs.rewrite_manifest(fresh, policy={**policy, "name": "mine"})
    assert made.gate(fresh, "--baseline", baseline) == 0


def test_a_baseline_recorded_by_another_schema_is_named(
    tmp_path: Path, baseline: Path, capsys: Captured
) -> None:
    conditions = {**json.loads(baseline.read_text())["conditions"], "schema_version": 1}
    old = made.edited(baseline, tmp_path / "old.json", conditions=conditions)
    assert made.gate(made.noisy_run(tmp_path / "fresh", 99), "--baseline", old) == 3
    assert "schema_version: 1 -> " in capsys.readouterr().out


def test_fifty_calls_say_nothing(tmp_path: Path, baseline: Path, capsys: Captured) -> None:
    fresh = made.noisy_run(tmp_path / "fresh", 99, calls=50)
    schedule = json.loads((made.noisy_run(tmp_path / "like", 98) / "manifest.json").read_text())["schedule"]
    runs.rewrite_manifest(fresh, schedule=schedule)  # as long an evening, of which fifty calls came
    assert made.gate(fresh, "--baseline", baseline) == 3
    assert "no latency can be judged: 50 calls a run" in capsys.readouterr().out


def test_a_degraded_run_is_inconclusive_with_the_reason(
    tmp_path: Path, baseline: Path, capsys: Captured
) -> None:
    fresh = made.noisy_run(tmp_path / "fresh", 99, degraded=("the generator was the bottleneck",))
    assert made.gate(fresh, "--baseline", baseline) == 3
    assert "fresh: degraded: inconclusive: the generator was the bottleneck" in capsys.readouterr().out
    assert made.gate(fresh, "--threshold", "call_latency p(50)<1m") == 3
    assert made.gate(fresh, "--threshold", "call_latency p(50)<1ms") == 3  # it may be the generator's fault


def test_a_run_through_a_queue_is_no_match_for_direct_ones(
    tmp_path: Path, baseline: Path, capsys: Captured
) -> None:
    fresh = made.noisy_run(tmp_path / "fresh", 99)
    queued = json.loads((runs.queued_run(tmp_path / "queued") / "manifest.json").read_text())
    runs.rewrite_manifest(fresh, architecture="queued", queue=queued["queue"])
    assert made.gate(fresh, "--baseline", baseline) == 3
    assert "architecture: direct -> queued" in capsys.readouterr().out


def test_a_run_with_lost_records_is_inconclusive(tmp_path: Path, baseline: Path, capsys: Captured) -> None:
    fresh = made.noisy_run(tmp_path / "fresh", 99)
    runs.ending(fresh, {"0": made.CALLS + 5}, arrivals_end_s=made.CALLS / made.RPS)
    assert made.gate(fresh, "--baseline", baseline) == 3
    assert "5 calls were scheduled but not recorded" in capsys.readouterr().out


def test_a_metric_asked_for_by_name_that_cannot_be_judged_is_inconclusive(
    tmp_path: Path, baseline: Path, capsys: Captured
) -> None:
    fresh = made.noisy_run(tmp_path / "fresh", 99)
    assert made.gate(fresh, "--baseline", baseline, "--metric", "call_latency.p99") == 3
    assert made.gate(fresh, "--baseline", baseline, "--metric", "ttft.p95") == 3
    assert "9 of 9 runs have none" in capsys.readouterr().out
    assert made.gate(fresh, "--baseline", baseline, "--metric", "call_latency.p50", "amplification") == 0


def damaged(fresh: Path) -> str:
    (path,) = fresh.glob("calls-*.arrow")
    path.write_bytes(b"not arrow at all")
    return "not an Arrow stream, or damaged at byte 0"


def of_another_schema(fresh: Path) -> str:
    runs.rewrite_manifest(fresh, schema_version=1)
    return "schema_version = 1: expected"


def without_manifest(fresh: Path) -> str:
    (fresh / "manifest.json").unlink()
    return "manifest.json: missing"


@pytest.mark.parametrize("harm", [damaged, of_another_schema, without_manifest])
def test_a_run_that_cannot_be_read_is_bad_input(
    tmp_path: Path, baseline: Path, capsys: Captured, harm: object
) -> None:
    fresh = made.noisy_run(tmp_path / "fresh", 99)
    said = harm(fresh)  # type: ignore[operator]
    assert made.gate(fresh, "--baseline", baseline) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "b.json: cannot be read: No such file or directory"),
        ("{", "b.json: not JSON"),
        ("[]", "b.json: kind = a list: expected 'baseline'"),
        ('{"kind": "sweep"}', "b.json: kind = 'sweep': expected 'baseline'"),
        ('{"kind": "virtual-baseline"}', "expected 'baseline'"),
        ('{"kind": "baseline", "version": 99}', "version = 99: expected 1; make the baseline again"),
        ('{"kind": "baseline", "version": 1}', "missing required field `objectives_ms`"),
    ],
)
def test_a_file_that_is_no_baseline_is_bad_input(
    tmp_path: Path, capsys: Captured, text: str | None, said: str
) -> None:
    path = tmp_path / "b.json"
    if text is not None:
        path.write_text(text)
    fresh = made.noisy_run(tmp_path / "fresh", 99, calls=5)
    assert made.gate(fresh, "--baseline", path) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_a_baseline_with_a_negative_figure_is_bad_input(
    tmp_path: Path, baseline: Path, capsys: Captured
) -> None:
    known = json.loads(baseline.read_text())["runs"]
    known[0]["figures"]["call_latency.p50"][0] = -1.0
    path = made.edited(baseline, tmp_path / "b.json", runs=known)
    fresh = made.noisy_run(tmp_path / "fresh", 99)
    assert made.gate(fresh, "--baseline", path) == 2
    assert "call_latency.p50 = -1.0: expected a number from 0 up" in capsys.readouterr().err


def test_unlike_runs_make_no_baseline(tmp_path: Path, eight: list[Path], capsys: Captured) -> None:
    other = made.noisy_run(tmp_path / "other", 1)
    runs.rewrite_manifest(other, generator={"transport": "httpx", "stream": False})
    out = tmp_path / "b.json"
    assert cli.main(["baseline", str(eight[0]), str(other), "-o", str(out)]) == 3
    assert "other differs from run-0: generator.transport: fast -> httpx" in capsys.readouterr().err
    assert not out.exists()


def test_a_baseline_of_too_few_runs_says_so_and_its_gate_is_inconclusive(
    tmp_path: Path, eight: list[Path], capsys: Captured
) -> None:
    out = tmp_path / "b.json"
    assert cli.main(["baseline", *map(str, eight[:5]), "-o", str(out)]) == 0
    assert capsys.readouterr().out.endswith("a gate needs 6 runs or more to tell anything: these are 5\n")
    assert made.gate(eight[7], "--baseline", out) == 3
    assert "5 and 1 runs are too few" in capsys.readouterr().out


def test_degraded_runs_make_no_baseline(tmp_path: Path, capsys: Captured) -> None:
    bad = made.noisy_run(tmp_path / "bad", 1, degraded=("worker 1 was lost",))
    assert cli.main(["baseline", str(bad), "-o", str(tmp_path / "b.json")]) == 3
    assert "bad is degraded: worker 1 was lost" in capsys.readouterr().err


def test_a_baseline_says_what_it_is_of(baseline: Path) -> None:
    found = json.loads(baseline.read_text())
    assert (found["kind"], found["version"], found["seeds"]) == ("baseline", 1, [7])
    assert len(found["configuration"]) == 16
    assert found["conditions"]["policy.retry.attempts"] == 3
    assert found["machine"]["cpus"] >= 1
    assert [run["calls"] for run in found["runs"]] == [made.CALLS] * 8
    value, samples = found["runs"][0]["figures"]["call_latency.p95"]
    # 2 s times a lognormal of sigma 0.5, at its 95th percentile: 2000 exp(1.645 * 0.5) = 4552.
    assert value == pytest.approx(4552, rel=0.1)
    assert samples == made.CALLS


def test_thresholds_hold_single_runs(tmp_path: Path, capsys: Captured) -> None:
    fresh = [made.noisy_run(tmp_path / str(number), number) for number in range(2)]
    held = ["--threshold", "call_latency p(95)<10s", "outcomes.timeout rate<1%"]
    assert made.gate(*fresh, *held) == 0
    assert "call_latency p(95)<10s (0)" in capsys.readouterr().out
    assert made.gate(fresh[0], "--threshold", "call_latency p(95)<1s", "--threshold", "calls count>1") == 1
    assert "call_latency p(95)<1s: regression: it is" in capsys.readouterr().out
    assert made.gate(fresh[0], "--threshold", "call_latency p(99)<1s") == 3


def test_a_baseline_and_thresholds_go_together(tmp_path: Path, baseline: Path) -> None:
    fresh = made.noisy_run(tmp_path / "fresh", 99)
    assert made.gate(fresh, "--baseline", baseline, "--threshold", "call_latency p(95)<10s") == 0
    assert made.gate(fresh, "--baseline", baseline, "--threshold", "call_latency p(95)<1s") == 1
