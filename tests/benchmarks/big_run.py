"""A run folder of millions of calls, made in a minute: what a long load test of several workers leaves.

The streams are as the recorder writes them: an empty batch, then what ended in each second, in the order it
ended, then the end marker.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from harness.play.offer import policy_document
from harness.policy.presets import preset
from harness.record import folder as run_folder
from harness.record.arrow import arrow_schema
from harness.record.schema import TABLES
from tests.benchmarks import big_rows
from tests.benchmarks.big_rows import CALLS_PER_S, NS_PER_S, SEED, WORKERS, Rows

# A call with its attempts takes a little less.
DISK_BYTES_PER_CALL = 400


@dataclass(frozen=True)
class Made:
    """A run on disk."""

    calls: int
    attempts: int
    disk_bytes: int


def make(folder: Path, calls: int) -> Made:
    """Write the whole folder. Raises OSError."""
    folder.mkdir(parents=True)
    length_s = calls / CALLS_PER_S
    run_folder.write_manifest(folder, _manifest(folder.name, calls, length_s))
    end_ns = attempts = 0
    for worker in range(WORKERS):
        share = big_rows.share(worker, calls)
        rows = big_rows.calls(share)
        end_ns = max(end_ns, int(rows["end_ns"].max(initial=0)))
        _write(folder, "calls", worker, rows, rows["end_ns"])
        rows = big_rows.attempts(share)
        attempts += len(rows["call_id"])
        _write(folder, "attempts", worker, rows, rows["end_ns"])
        rows = big_rows.events(worker, length_s)
        _write(folder, "events", worker, rows, rows["at_ns"])
    counts = {str(worker): len(range(worker, calls, WORKERS)) for worker in range(WORKERS)}
    ending = run_folder.Ending("completed", int(length_s * NS_PER_S), end_ns, counts, counts, [])
    run_folder.write_ending(folder, ending)
    return Made(calls, attempts, sum(path.stat().st_size for path in folder.iterdir()))


def _write(folder: Path, table: str, worker: int, rows: Rows, at_ns: Any) -> None:
    """One stream: a batch a second."""
    schema = arrow_schema(TABLES[table])
    arrays = [_array(rows[field.name], field.type) for field in schema]
    order = np.argsort(at_ns, kind="stable")
    whole = pa.record_batch(arrays, schema=schema).take(pa.array(order))
    seconds = np.arange(1, int(at_ns.max(initial=0)) // NS_PER_S + 2) * NS_PER_S
    ends = np.searchsorted(at_ns[order], seconds).tolist()
    path = folder / f"{table}-{worker}-{SEED:08x}.arrow"
    with path.open("xb") as file, pa.ipc.new_stream(file, schema) as writer:
        writer.write_batch(whole.slice(0, 0))
        for start, end in zip([0, *ends], ends, strict=False):
            if end > start:
                writer.write_batch(whole.slice(start, end - start))


def _array(values: Any, kind: Any) -> Any:
    if pa.types.is_list(kind):
        return pa.ListArray.from_arrays(pa.array(values), pa.array([], pa.int64()), kind)
    return values.cast(kind) if isinstance(values, pa.Array) else pa.array(values, kind)


def _manifest(name: str, calls: int, length_s: float) -> run_folder.Manifest:
    return run_folder.Manifest(
        run=name,
        scenario="steady",
        started_unix_ns=NS_PER_S,
        seed=SEED,
        workers=WORKERS,
        policy=policy_document(preset("tuned"), WORKERS),
        schedule={
            "scenario": "steady",
            "arrivals": "constant",
            "peak_rps": CALLS_PER_S,
            "duration_s": length_s,
            "count": calls,
        },
        target={"host": "http://127.0.0.1:8000", "bundled": True, "profile": "calm"},
        generator={"transport": "fast", "stream": False},
    )
