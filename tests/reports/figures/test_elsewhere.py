"""What is said of records that were kept on another machine, and came whole, in part or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.model import CallFinished
from harness.record import folder
from harness.record.folder import Elsewhere, Ending
from reports.figures import checks
from reports.reading.load import read_run
from tests.reports import runs

S = runs.S
COPY = "to have all, copy w1:/runs/r/*-1-*.arrow into this folder and summarise it again"


def distributed(path: Path, *, cut: str = "", ahead_ns: int | None = None, **kept: str) -> Path:
    """Worker 0 beside the master, worker 1 on w1; 20 calls each, a tenth of a second apart.

    Of worker 1's file of the table `cut` the last bytes did not arrive.
    """
    path.mkdir()
    runs.manifest(path, workers=2)
    for worker in (0, 1):
        calls = [runs.call(2 * n + worker, 100 * n, 100 * n + 50, attempts=0) for n in range(20)]
        runs.record(path, worker, [CallFinished(c) for c in calls])
    if cut:
        file = the_file(path, cut)
        file.write_bytes(file.read_bytes()[:-8])
    files = {file.name: file.stat().st_size for file in path.glob("*-1-*.arrow")}
    elsewhere = {"1": Elsewhere("w1", "/runs/r", files, ahead_ns=ahead_ns, **kept)}
    counts = {"0": 20, "1": 20}
    folder.write_ending(path, Ending("completed", 2 * S, 3 * S, counts, counts, [], elsewhere))
    return path


def the_file(path: Path, table: str) -> Path:
    """Worker 1's of a table."""
    (file,) = path.glob(f"{table}-1-*.arrow")
    return file


def degraded(path: Path) -> list[str]:
    return checks.degraded(read_run(path))


def test_records_that_arrived_whole_are_no_reason(tmp_path: Path) -> None:
    assert degraded(distributed(tmp_path / "r")) == []
    # A worker that was lost and whose files are here all the same was lost to nobody's harm.
    assert degraded(distributed(tmp_path / "copied", lost="it disappeared")) == []


def test_an_end_that_did_not_arrive_is_said_once_with_what_to_do(tmp_path: Path) -> None:
    path = distributed(tmp_path / "r", cut="calls")
    said = f"worker 1 on w1: 20 of the 20 calls that it recorded arrived, up to second 1.9; {COPY}"
    assert degraded(path) == [said]


def test_of_a_lost_worker_it_is_said_how_much_it_had_at_least(tmp_path: Path) -> None:
    path = distributed(tmp_path / "r", cut="events", lost="it disappeared", refused="No space left on device")
    assert degraded(path)[0] == (
        "worker 1 on w1 was lost: it disappeared; 20 of the at least 20 calls that it recorded arrived,"
        f" up to second 1.9; no more was taken: No space left on device; {COPY}"
    )


@pytest.mark.parametrize("tables", [("calls",), ("calls", "attempts", "events")])
def test_files_of_which_nothing_arrived_are_missed_until_they_are_copied(
    tmp_path: Path, tables: tuple[str, ...]
) -> None:
    path = distributed(tmp_path / "r", lost="it disappeared")
    away = tmp_path / "w1"
    away.mkdir()
    for table in tables:
        file = the_file(path, table)
        file.rename(away / file.name)

    first, *others = degraded(path)
    assert first == f"worker 1 on w1 was lost: it disappeared; none of its calls arrived; {COPY}"
    assert "20 calls were scheduled but not recorded" in others
    for file in away.iterdir():
        file.rename(path / file.name)
    assert degraded(path) == []


def test_a_worker_of_which_nothing_was_heard_is_named_by_its_host(tmp_path: Path) -> None:
    path = distributed(tmp_path / "r")
    for file in path.glob("*-1-*.arrow"):
        file.unlink()
    counts = {"0": 20, "1": 20}
    elsewhere = {"1": Elsewhere("w1", "/runs/r", lost="it disappeared")}
    folder.write_ending(path, Ending("completed", 2 * S, 3 * S, counts, {"0": 20}, [], elsewhere))
    assert degraded(path) == [
        f"worker 1 on w1 was lost: it disappeared; none of its calls arrived; {COPY}",
        "20 calls were scheduled but not recorded",
    ]


def test_what_is_copied_from_a_killed_worker_is_cut_short_and_no_more_is_awaited(tmp_path: Path) -> None:
    path = distributed(tmp_path / "r", cut="calls", lost="it disappeared")
    file = the_file(path, "calls")
    with file.open("ab") as longer:
        longer.write(b"\xff\xff")  # more than arrived, and no end
    said = degraded(path)[0]
    assert said.startswith(f"{file.name} is cut short: its worker was killed")


@pytest.mark.parametrize(
    ("ahead_ms", "said"),
    [(None, ""), (50, ""), (-50, ""), (3200, "3200 ms ahead of"), (-51, "51 ms behind")],
)
def test_clocks_that_are_out_of_step_are_said(tmp_path: Path, ahead_ms: int | None, said: str) -> None:
    path = distributed(tmp_path / "r", ahead_ns=None if ahead_ms is None else ahead_ms * 1_000_000)
    reasons = degraded(path)
    assert len(reasons) == bool(said)
    assert all(reason.startswith(f"the clock of worker 1 on w1 is {said} the master's") for reason in reasons)
