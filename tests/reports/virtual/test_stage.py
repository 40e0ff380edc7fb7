"""What a spec says of load, provider and policy; and what it may not say, in one line that names it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import ConfigError
from harness.policy.presets import preset
from reports.errors import SpecError
from reports.virtual.stage import Stage, overlaid, read_toml, stage_of
from tests.reports.virtual import small


def test_nothing_said_is_the_usual_evening() -> None:
    stage = stage_of({}, Path())
    assert (stage.policy_name, stage.table) == ("tuned", {"preset": "tuned"})
    assert (stage.profile.name, stage.profile_source, stage.stream) == ("primetime", "primetime", False)
    assert (str(stage.load.window), stage.load.length_s, stage.load.rps) == ("19:30-20:30", 3600.0, 20.0)
    assert stage.load.arrivals == "gamma"
    assert stage.document()["goodput_objectives_ms"] == {"call_latency": 15_000.0}


def test_a_steady_load_is_as_it_is_written() -> None:
    stage = small.stage(steady={"rate": 7, "length": "1m30s", "arrivals": "constant", "cleared": "30s"})
    assert (stage.load.window, stage.load.length_s, stage.load.rps) == (None, 90.0, 7.0)
    assert stage.cleared_s == 30.0
    schedule = stage.load.offer(1).schedule
    assert schedule is not None
    assert len(schedule.at_ns) == 7 * 90


def evening(**keys: Any) -> Stage:
    return stage_of({"mock_profile": "calm", "evening": keys}, Path())


def test_the_clock_of_an_evening_is_laid_over_its_length() -> None:
    load = evening(window="23:00-01:00", length="120s").load
    # Two hours in two minutes, past midnight.
    minutes = [23 * 60, 23 * 60 + 30, 0, 60, 61, 22 * 60 + 59]
    assert [load.at_s(minute) for minute in minutes] == [0.0, 30.0, 60.0, 120.0, None, None]
    assert evening(window="19:00-20:00", length="60s", cleared="19:45").cleared_s == 45.0


def faults(folder: Path, *rules: str) -> str:
    """A profile with request faults of status 503, and these lines."""
    head = '[[request_faults]]\naction = "status"\nstatus = 503\nname = '
    text = "".join(f'{head}"f{i}"\n{rule}\n' for i, rule in enumerate(rules))
    (folder / "faults.toml").write_text(text, encoding="utf-8")
    return "faults.toml"


@pytest.mark.parametrize(
    ("rules", "cleared_s"),
    [
        ((), None),
        (("",), None),  # never over
        (('window = "19:30-19:45"',), 15.0),
        (('window = "19:30-19:45"', 'window = "19:50-20:00"'), 30.0),  # the last of them
        (('window = "19:30-19:45"', 'window = "20:20-20:30"'), 15.0),  # the other ends with the run
        (('window = "18:00-19:00"',), None),
        (("from_s = 5\nto_s = 20",), 20.0),
        (("to_s = 60",), None),
        (('window = "19:30-19:45"\nto_s = 7',), 7.0),  # both must hold
    ],
)
def test_trouble_is_over_at_the_end_of_the_last_window_that_ends_within_the_run(
    tmp_path: Path, rules: tuple[str, ...], cleared_s: float | None
) -> None:
    spec = {"mock_profile": faults(tmp_path, *rules), "evening": {"length": "60s"}}
    assert stage_of(spec, tmp_path).cleared_s == cleared_s


def test_files_are_looked_for_beside_the_spec(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('preset = "article"\ndeadline_s = 9\n', encoding="utf-8")
    stage = stage_of({"policy": "mine.toml", "mock_profile": faults(tmp_path)}, tmp_path)
    assert (stage.policy_name, stage.policy({}).deadline_s) == ("mine", 9.0)
    assert stage.profile_source == str(tmp_path / "faults.toml")


def test_settings_are_laid_over_the_policy_and_leave_it_as_it_was() -> None:
    table = {"preset": "tuned", "retry": {"attempts": 2}}
    assert overlaid(table, {"retry.cap_s": 3.0, "deadline_s": 9}) == {
        "preset": "tuned",
        "retry": {"attempts": 2, "cap_s": 3.0},
        "deadline_s": 9,
    }
    assert table == {"preset": "tuned", "retry": {"attempts": 2}}
    stage = small.stage()
    assert stage.policy({"retry.attempts": 2}).retry.attempts == 2
    assert stage.policy({}) == preset("tuned")
    assert stage.policy({}, "mine").name == "mine"


def test_a_limit_set_alone_is_a_static_one() -> None:
    assert small.stage().policy({"concurrency.limit": 7}).concurrency.kind == "static"


def test_a_kind_that_is_set_drops_what_it_does_not_read(tmp_path: Path) -> None:
    text = '[breaker]\nkind = "ratio"\nopen_s = 4\nprobes = 2\n[concurrency]\nlimit = 9\n'
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    stage = small.stage(tmp_path, policy="mine.toml")
    assert stage.policy({"breaker.kind": "off"}).breaker.kind == "off"
    counter = stage.policy({"breaker.kind": "counter", "breaker.threshold": 3}).breaker
    assert (counter.open_s, counter.threshold) == (4.0, 3)
    assert stage.policy({"concurrency.kind": "aimd"}).concurrency.kind == "aimd"
    # What is set beside the kind is a mistake all the same.
    with pytest.raises(ConfigError, match=r"breaker\.probes: a breaker of kind 'off' does not read it"):
        stage.policy({"breaker.kind": "off", "breaker.probes": 3})


def test_a_key_below_a_value_is_no_key() -> None:
    with pytest.raises(ConfigError, match=r"deadline_s\.x: deadline_s is no section of a policy"):
        overlaid({"deadline_s": 3}, {"deadline_s.x": 3})


LENGTH = "expected a length of time such as 90s, 3m or 1h30m"
SEVERAL = "expected one of brownout, calm, flaky-network, instant, outage-and-recovery, primetime"
BAD: list[tuple[dict[str, Any], str]] = [
    ({"sedds": [1]}, "unknown key sedds"),
    ({"polcy": "tuned"}, "unknown key polcy (did you mean 'policy'?)"),
    ({"steady": {"rat": 5}}, "unknown key steady.rat (did you mean 'rate'?)"),
    ({"steady": {"rate": "5"}}, "steady.rate = '5': expected a number from 0.001 to 100000"),
    ({"steady": {"rate": True}}, "steady.rate = True: expected a number"),
    ({"steady": {"rate": 0}}, "steady.rate = 0: expected a number"),
    ({"steady": {"length": 20}}, "steady.length = 20: expected a printable text"),
    ({"steady": {"length": "soon"}}, f"steady.length = 'soon': {LENGTH}"),
    ({"steady": {"length": "0s"}}, f"steady.length = '0s': {LENGTH}"),
    ({"steady": {"length": "-3s"}}, f"steady.length = '-3s': {LENGTH}"),
    ({"steady": {"length": "9000h"}}, "steady.length = '9000h': expected a year at most"),
    ({"steady": {"length": "9" * 400 + "h"}}, "expected a year at most"),
    ({"steady": 5}, "steady = 5: expected a table"),
    ({"steady": {"arrivals": "posson"}}, "steady.arrivals = 'posson': expected one of poisson, gamma"),
    ({"steady": {"arrivals": "closed"}}, "(a closed loop hides what a storm does)"),
    (
        {"steady": {"length": "20s", "cleared": "20s"}},
        "steady.cleared = '20s': expected less than the load's",
    ),
    ({"steady": {"cleared": "20:05"}}, f"steady.cleared = '20:05': {LENGTH}"),
    ({"evening": {}, "steady": {}}, "[steady] stands beside [evening]: expected one of them"),
    ({"steady": None, "evening": {"peak_rps": 1e9}}, "evening.peak_rps = 1000000000.0: expected a number"),
    ({"steady": None, "evening": {"window": "20:30-20:30"}}, "evening.window = '20:30-20:30': expected two"),
    ({"steady": None, "evening": {"window": "25:00-20:30"}}, "evening.window = '25:00-20:30': expected two"),
    ({"steady": None, "evening": {"cleared": "late"}}, "evening.cleared = 'late': expected a time like"),
    ({"steady": None, "evening": {"cleared": "21:00"}}, "evening.cleared = '21:00': expected a time within"),
    ({"steady": None, "evening": {"cleared": "20:30"}}, "expected a time within 19:30-20:30, before its end"),
    ({"policy": "tund"}, "unknown policy preset 'tund', did you mean 'tuned'?"),
    ({"policy": 5}, "policy = 5: expected a printable text"),
    ({"policy": "none.toml"}, "policy = 'none.toml': no such file: {folder}/none.toml"),
    ({"policy": "folder.toml"}, "{folder}/folder.toml: cannot be read: Is a directory"),
    ({"policy": "bad.toml"}, "{folder}/bad.toml: not valid TOML: "),
    ({"policy": "typo.toml"}, "policy file {folder}/typo.toml: unknown key 'retry.attemps', did you mean"),
    ({"mock_profile": "clam"}, f"mock_profile = 'clam': {SEVERAL}"),
    ({"mock_profile": "none.toml"}, "mock_profile = 'none.toml': no such file: {folder}/none.toml"),
    ({"mock_profile": "folder.toml"}, "{folder}/folder.toml: Is a directory"),
    ({"mock_profile": "bad.toml"}, "{folder}/bad.toml"),
    ({"mock_profile": "typo.toml"}, "unknown key retry"),
    ({"goodput": []}, 'goodput = []: expected a list such as ["call_latency:15000"]'),
    ({"goodput": "call_latency:1"}, "goodput = 'call_latency:1': expected a list such as"),
    ({"goodput": ["fast"]}, "goodput fast: expected METRIC:MILLISECONDS"),
    ({"goodput": ["e2el:-3"]}, "goodput e2el:-3: '-3': expected a positive number of milliseconds"),
    ({"goodput": ["e2el:3", "e2el:4"]}, "goodput: e2el is given 2 times: expected once"),
    ({"goodput": ["itl:60"]}, "goodput: no call meets itl: only a stream has it; expected stream = true"),
    ({"stream": "yes"}, "stream = 'yes': expected true or false"),
]


@pytest.mark.parametrize(("keys", "said"), BAD)
def test_what_no_spec_may_say_is_named_with_what_was_expected(
    tmp_path: Path, keys: dict[str, Any], said: str
) -> None:
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "bad.toml").write_text("[retry\n", encoding="utf-8")
    (tmp_path / "typo.toml").write_text("[retry]\nattemps = 3\n", encoding="utf-8")
    document = {"mock_profile": "calm", "steady": small.STEADY, **keys}
    with pytest.raises(SpecError) as caught:
        stage_of({key: value for key, value in document.items() if value is not None}, tmp_path)
    assert said.format(folder=tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_too_many_arrivals_are_refused_before_they_are_drawn() -> None:
    load = small.stage(steady={"rate": 100_000, "length": "5h"}).load
    with pytest.raises(ConfigError, match=r"1,800,000,000 arrivals in 18000 s: expected at most 20,000,000"):
        load.offer(1)


@pytest.mark.parametrize(
    "content", [b"[grid\n", b"\xff\xfe", b"a = " + b"[" * 100_000, b"a = 1" + b"0" * 5000]
)
def test_what_is_no_toml_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "spec.toml"
    path.write_bytes(content)
    with pytest.raises(SpecError) as caught:
        read_toml(path)
    assert str(caught.value).startswith(f"{path}: not valid TOML: ")
    assert "\n" not in str(caught.value)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"none\.toml: cannot be read: No such file or directory"):
        read_toml(tmp_path / "none.toml")
    with pytest.raises(SpecError, match=r": cannot be read: Is a directory"):
        read_toml(tmp_path)
