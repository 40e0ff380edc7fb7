"""Law 1: every arrival leaves one record with one outcome, and the mock server's own log agrees."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.running import Played, mock_log, play, read_json, table

HERE = Path(__file__).parent
FAULTS = ("--mock-profile", str(HERE / "faults.toml"), "--policy", str(HERE / "hasty.toml"))

ANSWERED = {"ok", "throttled", "overloaded", "fatal"}


def assert_conserved(played: Played) -> None:
    """Scheduled = recorded, once each; the log holds no attempt unknown to us, and all that were answered."""
    folder = played.folder
    calls, attempts, log = table(folder, "calls"), table(folder, "attempts"), mock_log(folder)
    ending = read_json(folder / "ending.json")
    ids = [c["call_id"] for c in calls]
    assert len(ids) == len(set(ids)) == sum(ending["scheduled"].values()) == sum(ending["recorded"].values())
    ours = {(a["call_id"], a["attempt"]): a["outcome"] for a in attempts}
    theirs = {(row["call"], row["attempt"]) for row in log}
    assert len(ours) == len(attempts)
    assert len(theirs) == len(log)
    assert theirs <= ours.keys()
    assert {key for key, outcome in ours.items() if outcome in ANSWERED} <= theirs
    assert sum(c["attempts"] for c in calls) == len(attempts)
    assert played.summary["in_flight_at_end"] == 0


@pytest.mark.parametrize("processes", [1, 2, pytest.param(4, marks=pytest.mark.slow)])
def test_conservation_under_faults(processes: int, tmp_path: Path) -> None:
    several = ("--processes", str(processes)) if processes > 1 else ()
    played = play("primetime.py", "--evening", "8s", "--peak-rps", "60", *FAULTS, *several, run_dir=tmp_path)

    played.assert_whole()
    assert_conserved(played)
    calls = table(played.folder, "calls")
    assert {c["worker"] for c in calls} == set(range(processes))
    assert all(c["call_id"] % processes == c["worker"] for c in calls)
    # The faults were met: the law was tested under them.
    met = {a["outcome"] for a in table(played.folder, "attempts")}
    assert {"ok", "throttled", "transient", "timeout", "fatal"} <= met
    manifest = read_json(played.folder / "manifest.json")
    assert sorted(c["call_id"] for c in calls) == list(range(manifest["schedule"]["count"]))


def test_nothing_is_lost_at_the_end_when_calls_last_seconds(tmp_path: Path) -> None:
    slow = ("--mock-profile", str(HERE / "slow.toml"))
    played = play("steady.py", "--rate", "20", "-t", "3s", "--processes", "2", *slow, run_dir=tmp_path)

    played.assert_whole()
    assert_conserved(played)
    calls = table(played.folder, "calls")
    assert {c["outcome"] for c in calls} == {"ok"}
    assert len(calls) > 30
    assert min(c["end_ns"] - c["start_ns"] for c in calls) >= 5_000_000_000
    assert max(c["intended_ns"] for c in calls) <= 3_000_000_000


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2, 4])
def test_calls_of_five_seconds_are_conserved_though_the_run_time_ends_among_them(
    processes: int, tmp_path: Path
) -> None:
    several = ("--processes", str(processes)) if processes > 1 else ()
    slow = ("--mock-profile", str(HERE / "slow.toml"), "--transport", "fast")
    played = play("steady.py", "--rate", "20", "-t", "10s", *slow, *several, run_dir=tmp_path)

    played.assert_whole()
    assert_conserved(played)
    calls = table(played.folder, "calls")
    assert {c["outcome"] for c in calls} == {"ok"}
    assert {c["worker"] for c in calls} == set(range(processes))
    assert max(c["end_ns"] for c in calls) > 10_000_000_000


def test_a_closed_loop_with_fewer_users_than_workers_ends(tmp_path: Path) -> None:
    options = ("--arrivals", "closed", "-u", "1", "--length", "3s", "--processes", "2")
    played = play("steady.py", *options, *FAULTS, run_dir=tmp_path)

    played.assert_whole()
    assert_conserved(played)


def test_a_closed_loop_conserves_and_never_has_more_calls_under_way_than_users(tmp_path: Path) -> None:
    options = ("--arrivals", "closed", "-u", "6", "--length", "5s")
    played = play("steady.py", *options, *FAULTS, run_dir=tmp_path)

    played.assert_whole()
    assert_conserved(played)
    calls = table(played.folder, "calls")
    edges = sorted([(c["start_ns"], 1) for c in calls] + [(c["end_ns"], -1) for c in calls])
    under_way, most = 0, 0
    for _, step in edges:
        under_way += step
        most = max(most, under_way)
    assert most == 6
