"""Write one worker's share of a run as Arrow IPC streams.

A listener of the client's events. Rows are gathered in lists on the caller's thread; `flush` turns them
into one record batch a table and hands it to the operating system, so that after SIGKILL everything up to
the last flush can be read, batch by batch. Call `flush` about once a second.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from harness.model import (
    Attempt,
    AttemptFinished,
    BreakerChanged,
    Call,
    CallFinished,
    Event,
    LimitChanged,
    Paused,
    Waited,
)
from harness.record.schema import SCHEMA_VERSION, TABLES, Column
from harness.units import NS

Row = tuple[Any, ...]


def arrow_schema(columns: tuple[Column, ...]) -> Any:
    """The Arrow schema of a table, carrying the schema version in its metadata."""
    types = {name: getattr(pa, name)() for name in ("int16", "int32", "int64", "float64", "utf8")}
    fields = [pa.field(c.name, types[c.kind], c.nullable) for c in columns]
    return pa.schema(fields, metadata={"primetime_schema": str(SCHEMA_VERSION)})


class _Table:
    """One open stream and the rows not yet written to it."""

    def __init__(self, path: Path, columns: tuple[Column, ...]) -> None:
        self.rows: list[Row] = []
        self.written = 0
        self._schema = arrow_schema(columns)
        self._file: IO[bytes] = path.open("xb")
        self._writer = pa.ipc.new_stream(self._file, self._schema)
        # The writer puts the schema down with the first batch: an empty one, so that a run cut off before
        # its first flush is an empty table and not an empty file.
        self._writer.write_batch(pa.record_batch([[] for _ in columns], schema=self._schema))
        self._file.flush()

    def flush(self) -> None:
        # The event loop may append meanwhile, from its own thread: take a prefix, never swap the list.
        rows = self.rows[:]
        if not rows:
            return
        del self.rows[: len(rows)]
        columns = zip(*rows, strict=True)
        arrays = [pa.array(c, f.type) for c, f in zip(columns, self._schema, strict=True)]
        self._writer.write_batch(pa.record_batch(arrays, schema=self._schema))
        self._file.flush()
        self.written += len(rows)

    def close(self) -> None:
        self.flush()
        self._writer.close()
        self._file.close()


class Recorder:
    """Records the events of one worker's client into `directory`; times become relative to `origin_ns`.

    `origin_ns` is the clock's reading at the run's start. `counted` are the calls recorded so far.
    Raises OSError where the folder cannot be written; a failed flush loses nothing silently, it raises.
    """

    def __init__(self, directory: Path, worker: int, origin_ns: int) -> None:
        name = f"{worker}-{uuid.uuid4().hex[:8]}"
        self._origin_ns = origin_ns
        self._worker = worker
        self._tables = {t: _Table(directory / f"{t}-{name}.arrow", columns) for t, columns in TABLES.items()}
        self.counted = 0

    def __call__(self, event: Event) -> None:
        """Take one event of the client."""
        match event:
            case CallFinished(call):
                self.counted += 1
                self._tables["calls"].rows.append(self._call_row(call))
            case AttemptFinished(attempt):
                self._tables["attempts"].rows.append(self._attempt_row(attempt))
            case BreakerChanged(at_ns, _, state, route):
                self._event(at_ns, _name("breaker", route), state, 0.0)
            case LimitChanged(at_ns, _, permits, route):
                self._event(at_ns, _name("limit", route), "", permits)
            case Paused(at_ns, duration_ns, route):
                self._event(at_ns, _name("pause", route), "", duration_ns / NS)
            case Waited():
                pass  # its duration stands in the call's row

    def loop_lag(self, at_ns: int, lag_s: float) -> None:
        """Note how late the event loop woke a sleeper."""
        self._event(at_ns, "loop_lag", "", lag_s)

    def flush(self) -> None:
        """Hand all rows gathered so far to the operating system."""
        for table in self._tables.values():
            table.flush()

    def close(self) -> None:
        """Flush and end the streams."""
        for table in self._tables.values():
            table.close()

    def _event(self, at_ns: int, name: str, text: str, value: float) -> None:
        self._tables["events"].rows.append((self._worker, at_ns - self._origin_ns, name, text, value))

    def _call_row(self, c: Call) -> Row:
        zero, tag, usage = self._origin_ns, c.tag, c.usage
        return (
            c.call_id,
            self._worker,
            tag.shop,
            tag.kind,
            c.model,
            c.intended_ns - zero,
            c.start_ns - zero,
            c.end_ns - zero,
            str(c.outcome),
            None if c.stopped_by is None else str(c.stopped_by),
            c.attempts,
            c.permit_wait_ns,
            c.backoff_ns,
            c.status,
            c.code,
            usage and usage.prompt_tokens,
            usage and usage.completion_tokens,
            tag.planned_prompt_tokens,
            tag.planned_completion_tokens,
            c.detail,
        )

    def _attempt_row(self, a: Attempt) -> Row:
        zero, usage = self._origin_ns, a.usage
        return (
            a.call_id,
            a.number,
            self._worker,
            a.sent_ns - zero,
            None if a.headers_ns is None else a.headers_ns - zero,
            None if a.first_token_ns is None else a.first_token_ns - zero,
            a.end_ns - zero,
            str(a.outcome),
            str(a.fault),
            a.status,
            a.code,
            None if a.retry_after_s is None else round(a.retry_after_s * NS),
            a.permit_wait_ns,
            usage and usage.prompt_tokens,
            usage and usage.completion_tokens,
            a.request_id,
            a.route,
        )


def _name(event: str, route: int) -> str:
    return event if route == 0 else f"fallback_{event}"
