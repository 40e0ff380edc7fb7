"""The exact gate: the same evening comes to the same figures, or what differs is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reports import __main__ as cli
from reports.gate import exact, exact_spec
from tests.reports.gate import made
from tests.reports.virtual import small

SPEC = """\
title = "A small evening"
mock_profile = "calm"
seeds = [1, 2]
[steady]
rate = 5
length = "20s"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spec, and its baseline."""
    path = tmp_path_factory.mktemp("exact")
    spec = small.spec_file(path, SPEC, "evening.toml")
    assert cli.main(["baseline", "--virtual", str(spec), "-o", str(path / "b.json"), "--jobs", "1"]) == 0
    return path


def gate(folder: Path, baseline: Path | None = None, *more: object) -> int:
    return made.gate("--virtual", folder / "evening.toml", "--baseline", baseline or folder / "b.json", *more)


@pytest.fixture
def replayed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The gate without playing: figures as in the baseline, for tests to change."""
    played = json.loads((folder / "b.json").read_text())
    monkeypatch.setattr(
        "reports.gate.exact.play",
        lambda *_: exact.ExactBaseline(
            **{k: played[k] for k in ("written", "effective", "versions", "figures")}
        ),
    )
    return played  # type: ignore[no-any-return]


def test_the_same_code_passes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gate(folder, None, "--jobs", 2) == 0
    out, err = capsys.readouterr()
    assert out.startswith("evening, in virtual time, 2 seeds: every figure\n")
    assert out.endswith("\n\ngate: pass (exit code 0)\n")
    assert "2 of 2 evenings" in err


def test_a_figure_that_differs_is_a_regression_and_named(
    folder: Path, replayed: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    before = replayed["figures"]["1"]["attempts"]
    replayed["figures"]["1"]["attempts"] = after = before + 10
    assert gate(folder) == 1
    out = capsys.readouterr().out
    share = 100 * 10 / before
    assert f"seed 1: attempts {before} -> {after} (+{share:.2g} %)\n" in out
    assert out.endswith("gate: regression (exit code 1)\n")


def test_fewer_attempts_are_a_change_too(folder: Path, replayed: dict[str, Any]) -> None:
    replayed["figures"]["2"]["attempts"] -= 1
    assert gate(folder) == 1


def test_a_last_digit_of_a_latency_counts_and_the_last_bits_of_a_mean_do_not(
    folder: Path, replayed: dict[str, Any]
) -> None:
    figures = replayed["figures"]["1"]
    figures["call_latency_ms.mean"] *= 1 + 1e-12
    assert gate(folder) == 0
    figures["call_latency_ms.max"] += 0.001
    assert gate(folder) == 1


def test_a_figure_that_came_or_went_is_a_change(folder: Path, replayed: dict[str, Any]) -> None:
    replayed["figures"]["1"]["attempt_faults.transient.connect"] = 1
    assert gate(folder) == 1


def test_versions_are_mentioned_where_figures_differ_and_only_there(
    folder: Path, replayed: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    replayed["versions"]["numpy"] = "1.0"
    assert gate(folder) == 0
    assert "numpy" not in capsys.readouterr().out
    replayed["figures"]["1"]["calls"] += 1
    assert gate(folder) == 1
    assert "played with other versions than the baseline: numpy: " in capsys.readouterr().out


def test_a_preset_whose_values_changed_is_a_change_of_behaviour(
    folder: Path, replayed: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    replayed["effective"]["policy.retry.attempts"] = (
        99  # with the same figures: nobody retries on a calm evening
    )
    assert gate(folder) == 1
    out = capsys.readouterr().out
    assert "policy.retry.attempts: 8 -> 99" in out
    assert "settings" in out


def test_a_bundled_profile_is_code_and_a_profile_file_is_written(tmp_path: Path) -> None:
    bundled = exact_spec.read_exact(small.spec_file(tmp_path, SPEC))
    (tmp_path / "own.toml").write_text('name = "own"\n[ttft]\nmedian_ms = 100\np95_ms = 200\n')
    own = exact_spec.read_exact(small.spec_file(tmp_path, SPEC.replace('"calm"', '"own.toml"')))

    assert "profile.ttft.median_ms" in bundled.effective
    assert "profile.ttft.median_ms" not in bundled.written
    assert own.written["profile.ttft.median_ms"] == 100
    assert "profile.ttft.median_ms" not in own.effective


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("seeds = [1, 2]", "seeds = [1, 3]", "seeds: [1, 2] -> [1, 3]"),
        ('length = "20s"', 'length = "21s"', "load.length_s: 20.0 -> 21.0"),
        ('"calm"', '"brownout"', "profile.name: calm -> brownout"),
        ("seeds", 'policy = "naive"\nseeds', "policy.preset: tuned -> naive"),
        (
            "seeds",
            'goodput = ["call_latency:9000"]\nseeds',
            "goodput_objectives_ms.call_latency: 15000.0 -> 9000.0",
        ),
        ("seeds", "stream = true\nseeds", "stream: False -> True"),
    ],
)
def test_a_spec_that_was_rewritten_is_inconclusive_with_the_difference_named(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    spec = small.spec_file(tmp_path, SPEC.replace(old, new), "evening.toml")
    assert made.gate("--virtual", spec, "--baseline", folder / "b.json") == 3
    assert said in capsys.readouterr().out


def test_a_policy_file_that_was_edited_is_inconclusive(tmp_path: Path) -> None:
    policy = tmp_path / "mine.toml"
    policy.write_text('preset = "tuned"\n[retry]\nattempts = 3\n')
    spec = small.spec_file(tmp_path, f'policy = "mine.toml"\n{SPEC}', "evening.toml")
    assert cli.main(["baseline", "--virtual", str(spec), "-o", str(tmp_path / "b.json"), "--jobs", "1"]) == 0
    policy.write_text('preset = "tuned"\n[retry]\nattempts = 4\n')
    assert gate(tmp_path) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            SPEC + '[grid]\n"retry.attempts" = [1]\n',
            "[grid] belongs to `reports sweep`: a gate plays one setting",
        ),
        (SPEC + '[range]\n"retry.attempts" = [1]\n', "[range] belongs to `reports tune`"),
        ("sedes = [1]\n", "sedes"),
        ("seeds = []\n", "seeds = []: expected a list of different whole numbers"),
        ('policy = "tunned"\n', "tunned"),
        ("x", "not valid TOML"),
    ],
)
def test_a_spec_that_is_none_is_bad_input(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    spec = small.spec_file(tmp_path, text)
    assert made.gate("--virtual", spec, "--baseline", folder / "b.json") == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_a_baseline_that_lacks_a_seed_is_bad_input(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = json.loads((folder / "b.json").read_text())
    for figures in ({}, dict([*known["figures"].items()][:1])):
        path = made.edited(folder / "b.json", tmp_path / "b.json", figures=figures)
        assert gate(folder, path) == 2
        assert "figures of the seeds" in capsys.readouterr().err


def test_a_baseline_of_runs_is_none_of_evenings(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "b.json"
    path.write_text('{"kind": "baseline", "version": 1}')
    assert gate(folder, path) == 2
    assert "kind = 'baseline': expected 'virtual-baseline'" in capsys.readouterr().err


def test_what_is_compared_is_behaviour_alone() -> None:
    names = set(exact.compared({**small.figures(3.0), **BESIDES}))

    assert {"attempts", "outcomes.ok", "tokens.wasted", "call_latency_ms.p99", "billed_tokens"} <= names
    assert not names & {"settings", "seed", "course", "goodput_objectives_ms", "quantile_definition"}


BESIDES = {
    "attempts": 1,
    "attempt_outcomes": {},
    "attempt_faults": {},
    "stopped_by": {},
    "quantile_definition": "of some kind",
}
