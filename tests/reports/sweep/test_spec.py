"""A sweep's file: what it may say, and one line for what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.__main__ import main
from reports.errors import SpecError
from reports.sweep.spec import read_sweep
from tests.reports.virtual import small

HEAD = 'mock_profile = "calm"\nsteady = { rate = 5, length = "20s" }\n'


def test_every_combination_of_the_grid_the_last_key_changing_fastest(tmp_path: Path) -> None:
    spec = read_sweep(small.spec_file(tmp_path, small.SWEEP))
    assert (spec.name, spec.title, spec.finding, spec.seeds) == ("small", "small", "", (1, 2))
    assert spec.settings == [
        {"concurrency.limit": limit, "retry.attempts": attempts} for limit in (2, 5) for attempts in (1, 3)
    ]


def test_keys_are_written_with_quotes_or_as_tables(tmp_path: Path) -> None:
    quoted = read_sweep(
        small.spec_file(tmp_path, HEAD + '[grid]\n"retry.attempts" = [1]\ndeadline_s = [9]\n')
    )
    dotted = read_sweep(small.spec_file(tmp_path, HEAD + "[grid]\nretry.attempts = [1]\ndeadline_s = [9]\n"))
    assert quoted.grid == dotted.grid == {"retry.attempts": [1], "deadline_s": [9]}
    assert quoted.seeds == (1,)


def test_values_may_be_words_lists_and_off(tmp_path: Path) -> None:
    grid = '[grid]\n"retry.on" = [["timeout"], ["timeout", "overloaded"]]\ndeadline_s = ["off", 9.5]\n'
    spec = read_sweep(small.spec_file(tmp_path, HEAD + grid + 'preset = ["tuned", "article"]\n'))
    policy = spec.stage.policy(spec.settings[-1])
    assert (policy.retry.on, policy.deadline_s, policy.breaker.kind) == (
        ("timeout", "overloaded"),
        9.5,
        "counter",
    )


MANY = ", ".join(map(str, range(1, 1001)))
BAD = [
    ('sedds = [1]\n[grid]\n"retry.attempts" = [1]', "unknown key sedds (did you mean 'seeds'?)"),
    ("", 'grid = None: expected a table such as "concurrency.limit" = [25, 50, 100]'),
    ("grid = {}", "grid = {}: expected a table such as"),
    ("grid = [1]", "grid = [1]: expected a table such as"),
    ('[grid]\n"retry.attempts" = []', "grid.retry.attempts = []: expected a list of at least one value"),
    ('[grid]\n"retry.attempts" = 3', "grid.retry.attempts = 3: expected a list of at least one value"),
    ('[grid]\n"retry.attempts" = [3, 3]', "grid.retry.attempts = [3, 3]: expected different values"),
    ('[grid]\n"retry.attempts" = [1, 0]', "retry.attempts = 0: expected at least 1"),
    ('[grid]\n"retry.attempts" = ["three"]', "retry.attempts = 'three': expected a whole number"),
    ('[grid]\n"retry.attempts" = [1.5]', "retry.attempts = 1.5: expected a whole number"),
    ('[grid]\n"retry.attemps" = [1]', "unknown key 'retry.attemps', did you mean 'attempts'?"),
    ('[grid]\n"rety.attempts" = [1]', "unknown key 'rety', did you mean 'retry'?"),
    ('[grid]\n"retry.attempts.x" = [1]', "retry.attempts = {'x': 1}: expected a whole number"),
    ('[grid]\n"breaker.threshold" = [5]', "breaker.threshold: a breaker of kind 'ratio' does not read it"),
    ('[grid]\n"breaker.slow_ratio" = [0.5]', "breaker.slow_ratio: nothing reads it while slow_call_s is off"),
    ('[grid]\nname = ["a"]', "name: a policy is named after its file; remove this key"),
    ('[grid]\npreset = ["tund"]', "unknown policy preset 'tund', did you mean 'tuned'?"),
    (
        '[range]\n"retry.attempts" = { min = 1, max = 2 }',
        "[range] belongs to a study (python -m reports tune)",
    ),
    ('seeds = []\n[grid]\n"retry.attempts" = [1]', "seeds = []: expected a list of different whole numbers"),
    ('seeds = [1, 1]\n[grid]\n"retry.attempts" = [1]', "seeds = [1, 1]: expected a list of different whole"),
    ('seeds = [1.0]\n[grid]\n"retry.attempts" = [1]', "seeds = [1.0]: expected a list of different whole"),
    ('seeds = [99999999999999999999]\n[grid]\n"retry.attempts" = [1]', "seeds = [99999999999999999999]: "),
    (
        'seeds = "1"\n[grid]\n"retry.attempts" = [1]',
        "seeds = '1': expected a list of different whole numbers",
    ),
    (f'[grid]\n"concurrency.limit" = [{MANY}]\n"retry.attempts" = [{MANY}]', "grid: 1,000,000 combinations"),
    (f'seeds = [{MANY}]\n[grid]\n"concurrency.limit" = [{MANY}]', "1,000,000 settings times seeds"),
    ('policy = "none.toml"\n[grid]\n"retry.attempts" = [1]', "policy = 'none.toml': no such file"),
    ("[grid\n", "not valid TOML: "),
]


@pytest.mark.parametrize(("text", "said"), BAD)
def test_a_bad_spec_ends_in_one_line_and_nothing_is_played(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    path = small.spec_file(tmp_path, HEAD + text + "\n")
    assert main(["sweep", str(path), "--out", str(tmp_path / "out")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"reports: error: {path}: ")
    assert said in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_too_many_arrivals_are_refused(tmp_path: Path) -> None:
    text = 'evening = { peak_rps = 1e5, length = "24h" }\ngrid = { deadline_s = [9] }\n'
    with pytest.raises(SpecError, match=r"arrivals in 86400 s: expected at most 20,000,000"):
        read_sweep(small.spec_file(tmp_path, text))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{spec}"], "the following arguments are required: --out"),
        (["--out", "{out}"], "the following arguments are required: SPEC.toml"),
        (["{spec}", "--out", "{out}", "--jobs", "0"], "--jobs: '0': expected a whole number from 1 to 1024"),
        (["{spec}", "--out", "{out}", "--jobs", "1.5"], "--jobs: '1.5': expected a whole number"),
        (["{spec}", "--out", "{out}", "--jobs", "-1"], "--jobs"),
        (["{spec}", "--out", "{out}", "--jobs", "99999"], "--jobs: '99999': expected a whole number"),
        (["{spec}", "--out", "{spec}"], "small.toml: cannot be made: "),
        (["{spec}", "--out", "{spec}/deeper"], "small.toml/deeper: cannot be made: "),
        (["{out}/none.toml", "--out", "{out}"], "none.toml: cannot be read: No such file or directory"),
        (["{folder}", "--out", "{out}"], ": cannot be read: Is a directory"),
        (["{spec}", "--out", "{out}", "--storage", "sqlite://"], "unrecognized arguments: --storage"),
    ],
)
def test_bad_arguments_end_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    spec = small.spec_file(tmp_path, small.SWEEP)
    named = {"spec": spec, "out": tmp_path / "out", "folder": tmp_path}
    assert main(["sweep", *(argument.format(**named) for argument in arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("reports: error: ")
    assert said in err
    assert err.count("\n") == 1
