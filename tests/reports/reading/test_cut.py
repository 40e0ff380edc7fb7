"""A run folder cut off anywhere is still read, and what is missing is told."""

import json
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from harness.model import AttemptFinished, CallFinished, Event
from reports.errors import RunError
from reports.figures import checks
from reports.figures.objectives import DEFAULT
from reports.reading.frames import extent
from reports.reading.load import read_run
from reports.reading.run import Run
from reports.summary.result import summarise
from tests.reports import runs

CALLS = 12

TABLES = ("calls", "attempts", "events")

KILLED = "is cut short: its worker was killed, had no disk left or is still writing"
HALF_WRITTEN = "is cut short: the disk was full, or the run was killed while it was written"


def sound_run(folder: Path) -> Path:
    """Twelve calls of two attempts each by two workers, a call due each second, in batches of some of them.

    Call n ends at second n + 0.9. Each worker notes its loop's lag once a second.
    """
    folder.mkdir(parents=True)
    runs.manifest(folder, workers=2)
    for worker in range(2):
        events: list[Event] = []
        for n in range(worker, CALLS, 2):
            at = 1000 * n
            events += [AttemptFinished(runs.attempt(n, 1, at, at + 300))]
            events += [AttemptFinished(runs.attempt(n, 2, at + 500, at + 900, tokens=(7, 3)))]
            events += [CallFinished(runs.call(n, at, at + 900, attempts=2))]
        notes = [runs.Note(1000 * s, "loop_lag", 0.001) for s in range(CALLS)]
        runs.record(folder, worker, events, notes, flush_every=6)
    runs.ending(folder, {"0": 6, "1": 6})
    return folder


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sound_run(tmp_path_factory.mktemp("cut") / "run")


def copied(sound: Path, folder: Path) -> Path:
    return Path(shutil.copytree(sound, folder / "run"))


def stream(folder: Path, table: str, worker: int) -> Path:
    (path,) = folder.glob(f"{table}-{worker}-*.arrow")
    return path


def length_of(run: Run, table: str) -> int:
    return len(getattr(run, table).end_ns if table != "events" else run.events.at_ns)


def test_a_sound_run_lacks_nothing(sound: Path) -> None:
    run = read_run(sound)
    assert (run.cut, run.missing, checks.degraded(run)) == ((), (), [])
    assert [length_of(run, table) for table in TABLES] == [12, 24, 24]


@pytest.mark.parametrize("table", TABLES)
def test_a_stream_cut_anywhere_is_read_to_its_last_whole_batch_and_told(
    sound: Path, tmp_path: Path, table: str
) -> None:
    data = stream(sound, table, 1).read_bytes()
    ends = {extent(data[:length]).whole_bytes for length in range(0, len(data), 40)}
    near = {end + by for end in (*ends, len(data)) for by in range(-10, 11)}
    cut_at(copied(sound, tmp_path), table, sorted({*near, *range(0, len(data), 211)}))


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES)
def test_a_stream_cut_at_any_byte_at_all_is_read_and_told(sound: Path, tmp_path: Path, table: str) -> None:
    folder = copied(sound, tmp_path)
    cut_at(folder, table, range(stream(folder, table, 1).stat().st_size))


def cut_at(folder: Path, table: str, lengths: Iterable[int]) -> None:
    """Cut worker 1's stream to each length, and look at what is read and what is told."""
    path = stream(folder, table, 1)
    data = path.read_bytes()
    of_each = length_of(read_run(folder), table) // 2
    met = set()
    for length in lengths:
        if not 0 <= length < len(data):
            continue
        path.write_bytes(data[:length])
        run = read_run(folder)
        rows = length_of(run, table) - of_each
        met.add(rows)
        assert rows == extent(data[:length]).rows, length
        assert [cut.name for cut in run.cut] == [path.name], length
        reason = next(r for r in checks.degraded(run) if r.startswith(path.name))
        until = f"it goes to second {told(table, rows)}" if rows else "it holds no record"
        assert reason.endswith(until), length
    assert {0, of_each} <= met
    assert len(met) > 2 or table == "events"  # whose rows are one batch


def told(table: str, rows: int) -> str:
    """The second that worker 1's first so many rows go to."""
    last = {"calls": 2 * rows - 1 + 0.9, "attempts": rows - 1 + 0.9, "events": rows - 1.0}[table]
    return f"{last:.1f}"


def test_a_cut_run_is_summed_up(sound: Path, tmp_path: Path) -> None:
    folder = copied(sound, tmp_path)
    for table in TABLES:
        for worker in range(2):
            path = stream(folder, table, worker)
            data = path.read_bytes()
            for length in sorted(
                {0, 1, 7, 8, 9, len(data) // 3, len(data) // 2, len(data) - 9, len(data) - 1}
            ):
                path.write_bytes(data[:length])
                summary = summarise(read_run(folder), DEFAULT)
                assert any(path.name in reason for reason in summary["degraded"])
            path.write_bytes(data)
    assert summarise(read_run(folder), DEFAULT)["degraded"] == []


def test_all_streams_cut_at_once_are_read(sound: Path, tmp_path: Path) -> None:
    folder = copied(sound, tmp_path)
    (folder / "ending.json").unlink()
    for share in (0.9, 0.6, 0.3, 0.0):
        for path in folder.glob("*.arrow"):
            with path.open("r+b") as file:
                file.truncate(int(share * path.stat().st_size))
        summary = summarise(read_run(folder), DEFAULT)
        assert len([r for r in summary["degraded"] if "is cut short" in r]) == 6
        assert summary["in_flight_at_end"] == 12 - summary["calls"]
    assert summary["calls"] == 0
    assert "there is no record; arrivals were to go on until second 12" in summary["degraded"]
    assert "12 calls were scheduled but not recorded, those not yet due among them" in summary["degraded"]


def test_without_an_ending_the_schedule_tells_how_many_calls_are_missing(sound: Path, tmp_path: Path) -> None:
    folder = copied(sound, tmp_path)
    (folder / "ending.json").unlink()
    path = stream(folder, "calls", 0)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - 100])
    run = read_run(folder)
    left = extent(data[: len(data) - 100]).rows
    assert 0 < left < 6
    lost = 6 - left
    assert checks.degraded(run) == [
        "no ending was written: the run was cut off",
        "the last record is of second 11.9; arrivals were to go on until second 12",
        f"{path.name} {KILLED}; it goes to second {2 * left - 2 + 0.9:.1f}",
        f"{lost} calls were scheduled but not recorded, those not yet due among them",
        f"{2 * lost} attempts were recorded whose calls were not",
    ]


def test_a_closed_loop_without_an_ending_has_no_number_to_miss(sound: Path, tmp_path: Path) -> None:
    folder = copied(sound, tmp_path)
    (folder / "ending.json").unlink()
    runs.rewrite_manifest(folder, schedule={"scenario": "steady", "arrivals": "closed"})
    assert checks.degraded(read_run(folder)) == [
        "no ending was written: the run was cut off",
        "the last record is of second 11.9",
    ]


def test_an_ending_cut_at_any_byte_is_none(sound: Path, tmp_path: Path) -> None:
    folder = copied(sound, tmp_path)
    path = folder / "ending.json"
    text = path.read_bytes()
    end = text.rindex(b"}")
    for length in range(end):
        path.write_bytes(text[:length])
        run = read_run(folder)
        assert run.ending is None, length
        assert checks.degraded(run)[:1] == ["no ending was written: the run was cut off"]
        assert f"ending.json {HALF_WRITTEN}" in checks.degraded(run)
    path.write_bytes(text[: end + 1])
    assert checks.degraded(read_run(folder)) == []


def test_an_ending_that_was_being_written_is_told(sound: Path, tmp_path: Path) -> None:
    folder = copied(sound, tmp_path)
    text = (folder / "ending.json").read_text()
    (folder / "ending.json").unlink()
    (folder / "ending.part").write_text(text[:40])
    reasons = checks.degraded(read_run(folder))
    assert reasons[0] == "no ending was written: the run was cut off"
    assert f"ending.part {HALF_WRITTEN}" in reasons


def test_an_ending_of_zeros_is_none(sound: Path, tmp_path: Path) -> None:
    folder = copied(sound, tmp_path)
    (folder / "ending.json").write_bytes(bytes(300))
    assert read_run(folder).ending is None


def test_a_manifest_cut_anywhere_is_named(sound: Path, tmp_path: Path) -> None:
    folder = copied(sound, tmp_path)
    path = folder / "manifest.json"
    text = path.read_bytes()
    for length in range(0, text.rindex(b"}"), 7):
        path.write_bytes(text[:length])
        with pytest.raises(RunError, match=re.escape(f"{path}: not JSON, or only a part of it")):
            read_run(folder)


@pytest.mark.parametrize("table", TABLES)
def test_a_missing_stream_of_a_worker_is_named(sound: Path, tmp_path: Path, table: str) -> None:
    folder = copied(sound, tmp_path)
    path = stream(folder, table, 1)
    path.unlink()
    run = read_run(folder)
    assert run.missing == (path.name,)
    also = {
        "calls": [
            "6 calls were scheduled but not recorded",
            "12 attempts were recorded whose calls were not",
        ],
        "attempts": [
            "the calls counted 24 attempts, but 12 were recorded",
            "6 calls were recorded without any of their attempts",
        ],
        "events": [],
    }
    assert checks.degraded(run) == [f"{path.name} is missing, and what it held is in no figure", *also[table]]


def test_a_worker_that_left_nothing_is_named(sound: Path, tmp_path: Path) -> None:
    folder = copied(sound, tmp_path)
    for path in folder.glob("*-0-*.arrow"):
        path.unlink()
    assert checks.degraded(read_run(folder)) == [
        "every file of worker 0 is missing, and what it held is in no figure",
        "6 calls were scheduled but not recorded",
    ]


@pytest.mark.parametrize(
    ("lost", "emptied", "ended"),
    [
        ("", "*.arrow", True),
        ("*.arrow", "", False),
        ("", "calls-*.arrow", False),
        ("attempts-*.arrow", "", True),
    ],
)
def test_whatever_is_left_makes_a_summary_and_a_page(
    sound: Path,
    tmp_path: Path,
    lost: str,
    emptied: str,
    ended: bool,  # noqa: FBT001
) -> None:
    from reports.summary.page import render  # noqa: PLC0415 - plotting takes a second to import

    folder = copied(sound, tmp_path)
    for path in folder.glob(lost) if lost else ():
        path.unlink()
    for path in folder.glob(emptied) if emptied else ():
        path.write_bytes(b"")
    if not ended:
        (folder / "ending.json").unlink()
    run = read_run(folder)
    summary = summarise(run, DEFAULT)
    json.dumps(summary, allow_nan=False)
    page = render(run, DEFAULT, summary)
    assert "This run is degraded" in page
    assert ("no ending was written" in page) == (not ended)


def test_half_a_line_of_the_servers_log_harms_nothing(sound: Path, tmp_path: Path) -> None:
    folder = copied(sound, tmp_path)
    lines = [
        json.dumps({"call": n, "attempt": a, "received_us": 1000 * n, "finished_us": 1000 * n + 300})
        for n in range(CALLS)
        for a in (1, 2)
    ]
    log = "\n".join(lines) + "\n"
    for length in (0, 1, len(lines[0]), len(lines[0]) + 1, len(log) // 2, len(log) - 10, len(log)):
        (folder / "mock-requests.jsonl").write_text(log[:length])
        assert summarise(read_run(folder), DEFAULT)["degraded"] == []
