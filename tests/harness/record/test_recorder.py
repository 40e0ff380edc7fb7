"""What the recorder wrote, as pyarrow reads it."""

import io
import sys
import threading
from array import array
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from harness.model import (
    Attempt,
    AttemptFinished,
    BreakerChanged,
    Call,
    CallFinished,
    Fault,
    Level,
    Levels,
    LimitChanged,
    Outcome,
    Paused,
    Reply,
    StoppedBy,
    Tag,
    Usage,
    Waited,
)
from harness.record.arrow import arrow_schema
from harness.record.recorder import Recorder
from harness.record.schema import SCHEMA_VERSION, TABLES

ORIGIN_NS = 5_000_000_000_000

#: Arrow's names, where they are not ours.
TYPE_NAMES = {"utf8": "string", "float64": "double", "int64_list": "list<item: int64 not null>"}

FULL_CALL = Call(
    call_id=7,
    intended_ns=ORIGIN_NS + 1_000,
    start_ns=ORIGIN_NS + 2_000,
    end_ns=ORIGIN_NS + 9_000,
    outcome=Outcome.FATAL,
    stopped_by=StoppedBy.FATAL,
    attempts=2,
    model="gpt-4.1",
    tag=Tag(7, ORIGIN_NS + 1_000, "shop-003", "caption", 374, 44, 44),
    permit_wait_ns=11,
    backoff_ns=12,
    status=401,
    code="invalid_api_key",
    usage=Usage(57, 129),
    detail="HTTP 401: ไม่ได้",
    accepted_ns=ORIGIN_NS + 3_000,
    taken_up_ns=ORIGIN_NS + 4_000,
)
FULL_CALL_ROW = {
    "call_id": 7,
    "worker": 3,
    "shop": "shop-003",
    "kind": "caption",
    "model": "gpt-4.1",
    "intended_ns": 1_000,
    "start_ns": 2_000,
    "end_ns": 9_000,
    "outcome": "fatal",
    "stopped_by": "fatal",
    "attempts": 2,
    "permit_wait_ns": 11,
    "backoff_ns": 12,
    "status": 401,
    "code": "invalid_api_key",
    "prompt_tokens": 57,
    "completion_tokens": 129,
    "planned_prompt_tokens": 374,
    "planned_completion_tokens": 44,
    "detail": "HTTP 401: ไม่ได้",
    "accepted_ns": 3_000,
    "taken_up_ns": 4_000,
}
BARE_CALL = Call(8, ORIGIN_NS, ORIGIN_NS, ORIGIN_NS, Outcome.OK, None, 1, "m")
BARE_CALL_ROW = {
    **dict.fromkeys(FULL_CALL_ROW),
    "call_id": 8,
    "worker": 3,
    "shop": "",
    "kind": "",
    "model": "m",
    "intended_ns": 0,
    "start_ns": 0,
    "end_ns": 0,
    "outcome": "ok",
    "attempts": 1,
    "permit_wait_ns": 0,
    "backoff_ns": 0,
    "detail": "",
}
FULL_ATTEMPT = Attempt(
    call_id=7,
    number=2,
    sent_ns=ORIGIN_NS + 100,
    end_ns=ORIGIN_NS + 300,
    outcome=Outcome.THROTTLED,
    fault=Fault.STATUS,
    status=429,
    code="rate_limit_exceeded",
    headers_ns=ORIGIN_NS + 200,
    first_token_ns=ORIGIN_NS + 250,
    output_ns=array("q", [ORIGIN_NS + 250, ORIGIN_NS + 250, ORIGIN_NS + 290]),
    permit_wait_ns=13,
    retry_after_s=0.494,
    should_retry=True,
    request_id="req_1",
    detail="HTTP 429",
    usage=Usage(5, 6),
    levels=Levels(Level(500, 0), Level(30_000, 1_961), Level(20_000, 7), Level(10_000, 8)),
    route=1,
    reply=Reply("ข้อความ", "m", "length", Usage(5, 6)),
)
FULL_ATTEMPT_ROW = {
    "call_id": 7,
    "attempt": 2,
    "worker": 3,
    "sent_ns": 100,
    "headers_ns": 200,
    "first_token_ns": 250,
    "output_ns": [250, 250, 290],
    "end_ns": 300,
    "outcome": "throttled",
    "fault": "status",
    "status": 429,
    "code": "rate_limit_exceeded",
    "retry_after_ns": 494_000_000,
    "permit_wait_ns": 13,
    "prompt_tokens": 5,
    "completion_tokens": 6,
    "finish_reason": "length",
    "limit_requests": 500,
    "left_requests": 0,
    "limit_tokens": 30_000,
    "left_tokens": 1_961,
    "limit_input_tokens": 20_000,
    "limit_output_tokens": 10_000,
    "request_id": "req_1",
    "route": 1,
}
# Sent before the run's zero: a process may be a little ahead.
BARE_ATTEMPT = Attempt(9, 1, ORIGIN_NS - 5, ORIGIN_NS, Outcome.TRANSIENT, Fault.CONNECT)
BARE_ATTEMPT_ROW = {
    **dict.fromkeys(FULL_ATTEMPT_ROW),
    "call_id": 9,
    "attempt": 1,
    "worker": 3,
    "sent_ns": -5,
    "output_ns": [],
    "end_ns": 0,
    "outcome": "transient",
    "fault": "connect",
    "permit_wait_ns": 0,
    "route": 0,
}


def _path(directory: Path, table: str) -> Path:
    (path,) = directory.glob(f"{table}-*.arrow")
    return path


def _rows(directory: Path, table: str) -> list[dict[str, Any]]:
    with pa.ipc.open_stream(_path(directory, table).read_bytes()) as reader:
        rows: list[dict[str, Any]] = reader.read_all().to_pylist()
    return rows


def _attempt(call_id: int) -> AttemptFinished:
    return AttemptFinished(Attempt(call_id, 1, ORIGIN_NS, ORIGIN_NS + call_id, Outcome.OK, status=200))


def test_every_column_comes_back(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, 3, ORIGIN_NS)
    for call in (FULL_CALL, BARE_CALL):
        recorder(CallFinished(call))
    for attempt in (FULL_ATTEMPT, BARE_ATTEMPT):
        recorder(AttemptFinished(attempt))
    recorder(Waited(7, ORIGIN_NS, 5, Outcome.THROTTLED))
    recorder(BreakerChanged(ORIGIN_NS + 40, "closed", "open"))
    recorder.note(ORIGIN_NS + 50, "loop_lag", 0.25)
    recorder.close()
    assert _rows(tmp_path, "calls") == [FULL_CALL_ROW, BARE_CALL_ROW]
    assert _rows(tmp_path, "attempts") == [FULL_ATTEMPT_ROW, BARE_ATTEMPT_ROW]
    assert _rows(tmp_path, "events") == [
        {"worker": 3, "at_ns": 40, "name": "breaker", "text": "open", "value": 0.0},
        {"worker": 3, "at_ns": 50, "name": "loop_lag", "text": "", "value": 0.25},
    ]
    assert recorder.counted == 2


@pytest.mark.parametrize("table", list(TABLES))
def test_the_stream_carries_names_types_and_version(tmp_path: Path, table: str) -> None:
    Recorder(tmp_path, 0, 0).close()
    with pa.ipc.open_stream(_path(tmp_path, table).read_bytes()) as reader:
        schema = reader.schema
        assert reader.read_all().num_rows == 0
    assert schema.names == [column.name for column in TABLES[table]]
    assert [str(field.type) for field in schema] == [TYPE_NAMES.get(c.kind, c.kind) for c in TABLES[table]]
    assert [field.nullable for field in schema] == [column.nullable for column in TABLES[table]]
    assert schema.metadata == {b"primetime_schema": str(SCHEMA_VERSION).encode()}
    assert schema.equals(arrow_schema(TABLES[table]), check_metadata=True)


def test_changes_of_each_route_are_told_apart(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, 3, ORIGIN_NS)
    recorder(LimitChanged(ORIGIN_NS + 10, 100, 90))
    recorder(Paused(ORIGIN_NS + 20, 1_500_000_000))
    recorder(BreakerChanged(ORIGIN_NS + 30, "open", "half_open", 1))
    recorder(LimitChanged(ORIGIN_NS + 40, 90, 5, 1))
    recorder(Paused(ORIGIN_NS + 50, 2_000_000_000, 1))
    recorder.close()
    rows = [(row["at_ns"], row["name"], row["text"], row["value"]) for row in _rows(tmp_path, "events")]
    assert rows == [
        (10, "limit", "", 90.0),
        (20, "pause", "", 1.5),
        (30, "fallback_breaker", "half_open", 0.0),
        (40, "fallback_limit", "", 5.0),
        (50, "fallback_pause", "", 2.0),
    ]


def test_columns_are_documented_and_times_are_nanoseconds() -> None:
    for columns in TABLES.values():
        assert len({column.name for column in columns}) == len(columns)
        for column in columns:
            assert column.doc
            assert column.kind in {"int64", "int64_list"} or not column.name.endswith("_ns")


def test_what_is_flushed_can_be_read_while_the_stream_is_open(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, 0, ORIGIN_NS)
    for call_id in range(10):
        recorder(_attempt(call_id))
    recorder.flush()
    recorder(_attempt(10))
    # The first, empty, puts the schema down.
    assert len(_batches(_path(tmp_path, "attempts").read_bytes())) == 1 + 1
    recorder.flush()
    recorder.flush()  # nothing new, no empty batch
    assert [batch.num_rows for batch in _batches(_path(tmp_path, "attempts").read_bytes())] == [0, 10, 1]
    recorder.close()


def _batches(data: bytes) -> list[Any]:
    """Whole batches of a stream that may have been cut anywhere."""
    found: list[Any] = []
    with suppress(pa.ArrowInvalid, StopIteration, OSError), pa.ipc.open_stream(io.BytesIO(data)) as reader:
        while True:
            found.append(reader.read_next_batch())
    return found


def test_a_stream_cut_anywhere_is_read_up_to_its_last_whole_batch(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, 0, ORIGIN_NS)
    path = _path(tmp_path, "attempts")
    ends = [path.stat().st_size]
    for batch in range(6):
        for call_id in range(batch * 20, batch * 20 + 20):
            recorder(_attempt(call_id))
        recorder.flush()
        ends.append(path.stat().st_size)
    recorder.close()
    data = path.read_bytes()
    assert ends == sorted(set(ends))
    near = (end + step for end in ends for step in (-1, 0, 1))
    cuts = sorted({*range(0, len(data), 97), *near, len(data)} - {-1})
    for cut in cuts:
        ids = [row["call_id"] for batch in _batches(data[:cut]) for row in batch.to_pylist()]
        whole = sum(end <= cut for end in ends[1:])
        assert ids == list(range(20 * whole)), f"cut at byte {cut}"


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads change over every ten microseconds."""
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval_s)


def test_rows_appended_while_flushing_are_never_lost(tmp_path: Path, restless: None) -> None:
    recorder = Recorder(tmp_path, 0, ORIGIN_NS)
    enough = threading.Event()
    appended = 0

    def append() -> None:
        nonlocal appended
        while not enough.is_set() and appended < 1_000_000:
            recorder(_attempt(appended))
            recorder.note(ORIGIN_NS + appended, "loop_lag", 0.0)
            appended += 1

    writer = threading.Thread(target=append)
    writer.start()
    batches = 0
    while batches < 10 and writer.is_alive():
        before = _path(tmp_path, "attempts").stat().st_size
        recorder.flush()
        batches += _path(tmp_path, "attempts").stat().st_size > before
    enough.set()
    writer.join()
    recorder.close()
    assert batches > 1  # it did append in between
    assert [row["call_id"] for row in _rows(tmp_path, "attempts")] == list(range(appended))
    assert [row["at_ns"] for row in _rows(tmp_path, "events")] == list(range(appended))


def test_calls_are_counted_once_they_are_on_disk(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, 0, 0)
    recorder(CallFinished(BARE_CALL))
    recorder(_attempt(1))
    assert recorder.counted == 0
    recorder.flush()
    assert recorder.counted == 1
    recorder(CallFinished(msgspec.structs.replace(BARE_CALL, status=70_000)))  # no status fits that
    with pytest.raises(ValueError, match="70000"):
        recorder.flush()
    recorder(CallFinished(BARE_CALL))
    recorder.close()
    assert recorder.counted == 2
    assert len(_rows(tmp_path, "calls")) == 2


def test_two_recorders_of_a_worker_keep_apart(tmp_path: Path) -> None:
    # A worker that was started again under the same index.
    for _ in range(2):
        recorder = Recorder(tmp_path, 1, 0)
        recorder(CallFinished(BARE_CALL))
        recorder.close()
    assert len(list(tmp_path.glob("calls-1-*.arrow"))) == 2


def test_a_folder_that_is_not_there_raises_oserror(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Recorder(tmp_path / "gone", 0, 0)
