from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.model import AttemptFinished, CallFinished
from harness.record.recorder import Recorder
from reports.errors import RunError
from reports.reading.frames import extent
from reports.reading.load import read_run
from reports.reading.run import Cut
from tests.reports import runs


def calls_file(folder: Path) -> Path:
    (path,) = folder.glob("calls-*.arrow")
    return path


def test_reads_back_what_was_recorded(paper: Path) -> None:
    run = read_run(paper)
    assert run.calls.call_id.tolist() == list(range(12))
    assert run.calls.intended_ns.tolist() == [n * 1_000_000_000 for n in range(12)]
    assert run.calls.outcome.tolist()[4:8] == ["ok", "transient", "rejected", "rejected"]
    assert run.calls.stopped_by.tolist()[:1] == [""]
    assert run.calls.detail[5] == "connection refused"
    assert run.attempts.call_id.tolist() == [0, 1, 2, 2, 3, 4, 4, 4, 5, 5, 5, 8, 9, 10, 11]
    assert run.attempts.prompt_tokens.tolist()[:3] == [100, 100, -1]
    assert run.events.text.tolist() == ["open", "half_open", "closed"]
    assert run.cut == ()
    assert run.window_s == 12.0


def test_lists_follow_their_rows_over_batches_and_workers(tmp_path: Path) -> None:
    runs.manifest(tmp_path, workers=2)
    attempts = [runs.attempt(n, 1, n, n + 9, output_ms=range(n, n + n % 4)) for n in range(11)]
    for worker in (1, 0):
        share = [AttemptFinished(a) for a in reversed(attempts[worker::2])]
        runs.record(tmp_path, worker, share, flush_every=2)
    found = read_run(tmp_path).attempts.output_ns
    assert found.lengths.tolist() == [n % 4 for n in range(11)]
    assert (found.values / 1e6).tolist() == [m for n in range(11) for m in range(n, n + n % 4)]


def test_a_run_of_no_attempt_has_no_lists(tmp_path: Path) -> None:
    runs.manifest(tmp_path)
    found = read_run(tmp_path).attempts.output_ns
    assert (len(found), len(found.values), found.bounds.tolist()) == (0, 0, [0])


def test_workers_are_joined_and_ordered_by_call(tmp_path: Path) -> None:
    runs.manifest(tmp_path, workers=2)
    for worker in (1, 0):
        share = [CallFinished(runs.call(n, n, n + 1)) for n in range(worker, 6, 2)]
        runs.record(tmp_path, worker, reversed(share))
    run = read_run(tmp_path)
    assert run.calls.call_id.tolist() == [0, 1, 2, 3, 4, 5]
    assert run.calls.worker.tolist() == [0, 1, 0, 1, 0, 1]


def test_a_killed_workers_stream_is_read_to_its_last_whole_batch(tmp_path: Path) -> None:
    folder = runs.paper_run(tmp_path / "run")
    path = calls_file(folder)
    data = path.read_bytes()
    whole = extent(data).whole_bytes
    first = next(
        n for n in range(len(data)) if extent(data[:n]).frames == 3
    )  # an empty batch puts the schema down
    schema = next(n for n in range(len(data)) if extent(data[:n]).frames == 1)
    expected = {
        0: 0,
        3: 0,
        7: 0,
        schema - 1: 0,
        schema: 0,
        first - 1: 0,
        first: 6,
        first + 1: 6,
        first + 200: 6,
        whole - 1: 6,
        whole: 12,  # whole batches, but no end marker: killed between two flushes
        len(data) - 1: 12,
    }
    for length, calls in expected.items():
        path.write_bytes(data[:length])
        run = read_run(folder)
        assert len(run.calls) == calls, length
        (cut,) = run.cut
        assert cut == Cut(path.name, run.calls.end_ns.max() if calls else None), length


def test_a_stream_still_open_counts_as_cut(tmp_path: Path) -> None:
    runs.manifest(tmp_path)
    recorder = Recorder(tmp_path, 0, runs.ORIGIN_NS)
    for event in runs.paper_events():
        recorder(event)
    recorder.flush()
    run = read_run(tmp_path)
    recorder.close()
    assert len(run.calls) == 12
    assert len(run.cut) == 3


def test_without_an_ending_the_window_ends_with_the_last_intended_instant(tmp_path: Path) -> None:
    folder = runs.paper_run(tmp_path / "run")
    (folder / "ending.json").unlink()
    run = read_run(folder)
    assert run.ending is None
    assert run.window_s == 11.0


@pytest.mark.parametrize("content", [b"hello, world", b"ARROW1\0\0", bytes(100), b"PK\x03\x04"])
def test_a_foreign_file_is_named(tmp_path: Path, content: bytes) -> None:
    folder = runs.paper_run(tmp_path / "run")
    path = calls_file(folder)
    path.write_bytes(content)
    with pytest.raises(RunError, match=f"{path.name}: not an Arrow stream, or damaged at byte 0"):
        read_run(folder)


def test_an_arrow_stream_of_someone_else_is_refused(tmp_path: Path) -> None:
    folder = runs.paper_run(tmp_path / "run")
    path = calls_file(folder)
    table = pa.table({"a": [1]})
    with path.open("wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(RunError, match="primetime_schema = none: expected 5"):
        read_run(folder)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=st.sampled_from(["calls", "attempts"]), position=st.integers(0, 10_000), value=st.integers(0, 255)
)
def test_a_damaged_byte_is_read_or_named_but_never_a_crash(
    spoken: Path, tmp_path: Path, table: str, position: int, value: int
) -> None:
    for path in spoken.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (path,) = tmp_path.glob(f"{table}-*.arrow")
    data = bytearray(path.read_bytes())
    data[position % len(data)] = value
    path.write_bytes(data)
    try:
        read_run(tmp_path)
    except RunError as error:
        assert path.name in str(error)  # noqa: PT017 - reading it is as good an end


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="nowhere: no such folder"):
        read_run(tmp_path / "nowhere")


def test_a_folder_without_manifest_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"manifest\.json: missing"):
        read_run(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", "nul", "\x00"])
def test_a_manifest_that_is_no_object_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(RunError, match=r"manifest\.json: (not JSON|expected a JSON object)"):
        read_run(tmp_path)


@pytest.mark.parametrize("version", [1, 4, "5", None])
def test_another_schema_version_is_refused(tmp_path: Path, version: object) -> None:
    folder = runs.paper_run(tmp_path / "run")
    runs.rewrite_manifest(folder, schema_version=version)
    with pytest.raises(RunError, match="expected 5"):
        read_run(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": "seven"}, r"\$\.seed"),
        ({"workers": 0}, r"\$\.workers"),
        ({"policy": "tuned"}, r"\$\.policy"),
        ({"schedule": {"curve": [1, 2]}}, r"\$\.schedule\.curve"),
        (
            {"schedule": {"clock": {"zone": "ICT", "start": "soon", "end": "20:30", "duration_s": 1}}},
            r"\.start",
        ),
    ],
)
def test_a_wrong_field_of_the_manifest_is_named(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    folder = runs.paper_run(tmp_path / "run")
    runs.rewrite_manifest(folder, **changes)
    with pytest.raises(RunError, match=message):
        read_run(folder)


def test_a_damaged_ending_is_named(tmp_path: Path) -> None:
    folder = runs.paper_run(tmp_path / "run")
    (folder / "ending.json").write_text('{"reason": "x"}')
    with pytest.raises(RunError, match=r"ending\.json: .*arrivals_end_ns"):
        read_run(folder)
