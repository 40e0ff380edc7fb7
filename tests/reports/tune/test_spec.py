"""A study's file: what it may say, what today's settings are, and one line for what it may not say."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from reports.__main__ import main
from reports.tune.ranges import Range
from reports.tune.spec import TuneSpec, read_tune
from tests.reports.virtual import small

HEAD = """\
mock_profile = "calm"
seeds = [1, 2]
held_out = [9]
trials = 3
objectives = ["goodput"]
steady = { rate = 5, length = "20s" }
"""
LIMIT = '[range]\n"concurrency.limit" = { min = 2, max = 50 }\n'


def read(folder: Path, text: str) -> TuneSpec:
    return read_tune(small.spec_file(folder, text))


def test_a_study_and_its_usual_numbers(tmp_path: Path) -> None:
    text = 'mock_profile = "calm"\nsteady = { rate = 5, length = "20s" }\n'
    spec = read(tmp_path, text + LIMIT)
    assert (spec.seeds, spec.held_out) == (tuple(range(1, 10)), tuple(range(1001, 1006)))
    assert (spec.first_seeds, spec.rungs, spec.trials, spec.seed) == (3, [3, 9], 60, 1)
    assert [m.name for m in spec.objectives] == ["goodput", "tokens_per_good_call"]
    assert spec.ranges == (Range("concurrency.limit", 2, 50, whole=True),)


@pytest.mark.parametrize(
    ("seeds", "first", "rungs"),
    [(1, 1, [1]), (9, 1, [1, 3, 9]), (10, 2, [2, 6, 10]), (2, 2, [2]), (7, 3, [3, 7])],
)
def test_those_in_the_race_play_three_times_as_many_seeds(
    tmp_path: Path, seeds: int, first: int, rungs: list[int]
) -> None:
    text = HEAD.replace("seeds = [1, 2]", f"seeds = {list(range(11, 11 + seeds))}\nfirst_seeds = {first}")
    assert read(tmp_path, text + LIMIT).rungs == rungs


RANGES = """\
[range]
"concurrency.limit" = { min = 2, max = 50 }
deadline_s = { min = 5.0, max = 60.0, log = true }
"rate.rpm" = { choices = ["off", 600] }
"breaker.kind" = { choices = ["ratio", "off"] }
"breaker.open_s" = { min = 1.0, max = 9.0 }
"retry.on" = { choices = [["timeout"], ["timeout", "throttled"]] }
"""
BASE = (
    'preset = "article"\ndeadline_s = 30\n[retry]\non = ["timeout", "throttled"]\n[breaker]\nkind = "ratio"\n'
)


def test_today_is_as_a_policy_file_has_it_and_lies_in_the_ranges(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(BASE, encoding="utf-8")
    spec = read(tmp_path, 'policy = "base.toml"\n' + HEAD + RANGES)
    assert spec.today == {
        "concurrency.limit": 100,
        "deadline_s": 30.0,
        "rate.rpm": "off",
        "breaker.kind": "ratio",
        "breaker.open_s": 60.0,
        "retry.on": ["timeout", "throttled"],
    }
    held = {sought.key: sought.holds(spec.today[sought.key]) for sought in spec.ranges}
    assert held == {**dict.fromkeys(held, True), "concurrency.limit": False, "breaker.open_s": False}
    assert spec.stage.policy(spec.today, "x") == spec.stage.policy({}, "x")


def test_keys_that_nothing_reads_are_dropped(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(BASE, encoding="utf-8")
    spec = read(tmp_path, 'policy = "base.toml"\n' + HEAD + RANGES)
    assert spec.kept({"breaker.kind": "off", "breaker.open_s": 3.0, "deadline_s": 9.0}) == {
        "breaker.kind": "off",
        "deadline_s": 9.0,
    }
    assert spec.kept({"breaker.kind": "ratio", "breaker.open_s": 3.0}) == {
        "breaker.kind": "ratio",
        "breaker.open_s": 3.0,
    }


def test_ends_of_a_range_need_not_be_a_policy_beside_today_s_other_settings(tmp_path: Path) -> None:
    text = (
        "[range]\nconcurrency.initial = { min = 60, max = 400 }\nconcurrency.max = { min = 60, max = 400 }\n"
    )
    spec = read(tmp_path, HEAD + text)
    assert spec.today == {"concurrency.initial": 138, "concurrency.max": 171}


@pytest.mark.parametrize(
    ("sought", "value", "held"),
    [
        (Range("x", 2, 9, whole=True), 9, True),
        (Range("x", 2, 9, whole=True), 9.0, True),
        (Range("x", 2, 9, whole=True), 2.5, False),
        (Range("x", 2, 9, whole=True), 10, False),
        (Range("x", 2, 9, whole=True), True, False),
        (Range("x", 2, 9, whole=True), "off", False),
        (Range("x", 0.5, 9.0), 2.5, True),
        (Range("x", choices=("a", ["b"])), ["b"], True),
        (Range("x", choices=("a", ["b"])), "b", False),
    ],
)
def test_whether_a_value_lies_in_a_range(sought: Range, value: object, held: bool) -> None:  # noqa: FBT001
    assert sought.holds(value) is held


@pytest.mark.parametrize(
    ("sought", "value", "rounded"),
    [
        (Range("x", 2, 9, whole=True), 4.6, 5),
        (Range("x", 0.0, 9000.0), 1234.5, 1230.0),
        (Range("x", 0.0, 9.0), 0.0012345, 0.00123),
        (Range("x", 1.2345, 9.0), 1.2346, 1.2345),  # never below the range
        (Range("x", 1.0, 9.8765), 9.876, 9.8765),  # nor above
    ],
)
def test_values_are_whole_or_of_three_digits(sought: Range, value: float, rounded: float) -> None:
    assert sought.rounded(value) == rounded


def test_studies_that_seek_the_same_have_one_identity(tmp_path: Path) -> None:
    one = read(tmp_path, HEAD + LIMIT)
    assert one.identity.startswith("small-")
    assert read(tmp_path, HEAD.replace("trials = 3", "trials = 30") + LIMIT).identity == one.identity
    others = [
        HEAD.replace("[1, 2]", "[1, 3]") + LIMIT,
        HEAD.replace('"calm"', '"instant"') + LIMIT,
        HEAD.replace('["goodput"]', '["throughput"]') + LIMIT,
        HEAD.replace("rate = 5", "rate = 6") + LIMIT,
        HEAD + LIMIT.replace("50", "51"),
        'policy = "article"\n' + HEAD + LIMIT,
        'constraints = ["goodput > 1"]\n' + HEAD + LIMIT,
    ]
    assert one.identity not in {read(tmp_path, text).identity for text in others}


def of_limit(text: str) -> str:
    return f'[range]\n"concurrency.limit" = {text}\n'


WHAT = "expected { min = 1, max = 10 } (with log = true for a logarithmic one) or { choices = [...] }"
BAD = [
    ("sedds = [1]\n" + LIMIT, "unknown key sedds (did you mean 'seeds'?)"),
    (
        '[grid]\n"retry.attempts" = [1]',
        "[grid] belongs to a sweep (python -m reports sweep): expected [range]",
    ),
    ("", 'range = None: expected a table such as "concurrency.limit" = { min = 20, max = 200 }'),
    ("range = {}", "range = {}: expected a table such as"),
    (of_limit("{ min = 5, max = 2 }"), "range.concurrency.limit: min = 5 is not less than max = 2"),
    (of_limit("{ min = 5, max = 5 }"), "range.concurrency.limit: min = 5 is not less than max = 5"),
    (
        of_limit("{ min = 0, max = 5, log = true }"),
        "range.concurrency.limit.min = 0: expected more than 0 for",
    ),
    (of_limit('{ min = "a", max = 5 }'), "range.concurrency.limit.min = 'a': expected a number"),
    (of_limit("{ min = 1, max = true }"), "range.concurrency.limit.max = True: expected a number"),
    (of_limit("{ min = 1 }"), "range.concurrency.limit.max = None: expected a number"),
    (of_limit("{ min = nan, max = 5.0 }"), "range.concurrency.limit.min = nan: expected a finite number"),
    (of_limit("{ min = 1, max = inf }"), "range.concurrency.limit.max = inf: expected a finite number"),
    (of_limit("{ min = 1, max = 99999999999999999999 }"), "expected a finite number, 1e15 at most"),
    (of_limit("5"), f"range.concurrency.limit = 5: {WHAT}"),
    (of_limit("[2, 5]"), f"range.concurrency.limit = [2, 5]: {WHAT}"),
    (
        of_limit("{ min = 1, max = 5, lgo = true }"),
        "unknown key range.concurrency.limit.lgo (did you mean 'log'?)",
    ),
    (of_limit('{ min = 1, max = 5, log = "yes" }'), "range.concurrency.limit.log = 'yes': expected true or"),
    (of_limit("{ choices = [1, 2], min = 5 }"), "unknown key range.concurrency.limit.min"),
    (
        of_limit("{ choices = [] }"),
        "range.concurrency.limit.choices = []: expected a list of different values",
    ),
    (
        of_limit("{ choices = [1, 1] }"),
        "range.concurrency.limit.choices = [1, 1]: expected a list of different",
    ),
    (of_limit("{ choices = 5 }"), "range.concurrency.limit.choices = 5: expected a list of different values"),
    (of_limit("{ choices = [1, 0] }"), "range.concurrency.limit: concurrency.limit = 0: expected at least 1"),
    (of_limit("{ min = 0, max = 5 }"), "range.concurrency.limit: concurrency.limit = 0: expected at least 1"),
    (of_limit("{ min = 1.0, max = 5.0 }"), "concurrency.limit = 1.0: expected a whole number"),
    (
        '[range]\n"concurrency.limmit" = { min = 1, max = 5 }',
        "unknown key 'concurrency.limmit', did you mean 'limit'?",
    ),
    (
        '[range]\n"concurency.limit" = { min = 1, max = 5 }',
        "unknown key 'concurency', did you mean 'concurrency'?",
    ),
    (
        '[range]\n"breaker.kind" = { choices = ["ratio", "none"] }',
        "breaker.kind = 'none': expected one of 'ratio'",
    ),
    (
        '[range]\n"breaker.threshold" = { min = 2, max = 5 }',
        "breaker.threshold: a breaker of kind 'ratio' does not",
    ),
    ('[range]\n"breaker.slow_ratio" = { min = 0.2, max = 0.5 }', "nothing reads it while slow_call_s is off"),
    ('[range]\npreset = { choices = ["tuned", "article"] }', "range.preset: a study starts from one policy"),
    ("[range]\nretry = { choices = [{ attempts = 1 }] }", "expected a list of different values"),
    ("held_out = [2, 9]\n" + LIMIT, "held_out = [2]: expected seeds that are not among `seeds`"),
    ("held_out = []\n" + LIMIT, "held_out = []: expected a list of different whole numbers, at least one"),
    ("held_out = [1.5]\n" + LIMIT, "held_out = [1.5]: expected a list of different whole numbers"),
    ("first_seeds = 3\n" + LIMIT, "first_seeds = 3: expected a whole number from 1 to 2"),
    ("trials = 0\n" + LIMIT, "trials = 0: expected a whole number from 1 to 100000"),
    ("trials = 2.5\n" + LIMIT, "trials = 2.5: expected a whole number from 1 to 100000"),
    ("seed = -1\n" + LIMIT, "seed = -1: expected a whole number from 0 to 4294967295"),
    ('objectives = ["godput"]\n' + LIMIT, "objectives: unknown measure 'godput', did you mean 'goodput'?"),
    (
        "objectives = []\n" + LIMIT,
        'objectives = []: expected a list such as ["goodput", "tokens_per_good_call"]',
    ),
    ('objectives = "goodput"\n' + LIMIT, "objectives = 'goodput': expected a list such as"),
    (
        'objectives = ["goodput", "goodput"]\n' + LIMIT,
        "objectives = ['goodput', 'goodput']: expected different",
    ),
    (
        'objectives = ["call_latency.p99"]\n' + LIMIT,
        "objective 'call_latency.p99': 78 calls are too few for p99",
    ),
    (
        'objectives = ["time_to_recover"]\n' + LIMIT,
        "objective 'time_to_recover': the profile has no window of",
    ),
    ('objectives = ["ttft.mean"]\n' + LIMIT, "objective 'ttft.mean': only a stream has ttft"),
    ("constraints = [5]\n" + LIMIT, 'constraints = [5]: expected a list such as ["call_latency.p99 < 20s"]'),
    ('constraints = "goodput > 1"\n' + LIMIT, "constraints = 'goodput > 1': expected a list such as"),
    ('constraints = ["latency < 5 s"]\n' + LIMIT, "constraint 'latency < 5 s': unknown measure 'latency'"),
    ('constraints = ["call_latency.p99 < 9s"]\n' + LIMIT, "78 calls are too few for p99: expected a load of"),
    ('constraints = ["time_to_recover < 9s"]\n' + LIMIT, "no window of faults that ends within the run"),
    ('constraints = ["goodput > 50"]\n' + LIMIT, "nothing can keep it: 3.9 /s are offered"),
    ('constraints = ["goodput > 2", "goodput < 1"]\n' + LIMIT, "nothing can keep both"),
    ('constraints = ["good_share > 100 %"]\n' + LIMIT, "nothing can keep it"),
]


@pytest.mark.parametrize(("text", "said"), BAD)
def test_a_bad_spec_ends_in_one_line_and_nothing_is_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    own = {line.partition(" = ")[0] for line in text.splitlines()}
    head = [line for line in HEAD.splitlines() if line.partition(" = ")[0] not in own]
    path = small.spec_file(tmp_path, "\n".join([*head, text]))
    assert main(["tune", str(path), "--out", str(tmp_path / "out")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"reports: error: {path}: ")
    assert said in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--jobs", "0"], "--jobs: '0': expected a whole number from 1 to 1024"),
        (["--out", "{spec}"], "small.toml: cannot be made: "),
        (["--storage", "nonsense"], "--storage nonsense: cannot be used: "),
        (["--storage", "sqlite:////no/such/folder/x.db"], "--storage sqlite:////no/such/folder/x.db: cannot"),
        (["--storage", "mysql+none://u:hunter2@host/db"], "--storage mysql+none://u:***@host/db: cannot be"),
    ],
)
def test_bad_arguments_end_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    spec = small.spec_file(tmp_path, HEAD + LIMIT)
    given = [argument.format(spec=spec) for argument in arguments]
    assert main(["tune", str(spec), "--out", str(tmp_path / "out"), *given]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("reports: error: ")
    assert said in err
    assert "hunter2" not in err
    assert err.count("\n") == 1


def test_without_optuna_it_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    spec = small.spec_file(tmp_path, HEAD + LIMIT)
    assert main(["tune", str(spec), "--out", str(tmp_path / "out")]) == 2
    expected = "reports: error: tune needs Optuna: pip install 'primetime-harness[tune]'\n"
    assert capsys.readouterr().err == expected
