"""Exported files hold what was recorded, as pandas, polars and DuckDB read them."""

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.model import AttemptFinished, CallFinished, Fault, Outcome, StoppedBy
from harness.record.schema import TABLES
from reports.errors import OutputError, RunError
from reports.export.arrow import Parquet
from reports.export.columns_page import render
from reports.export.tables import export
from reports.reading.run import Attempts, Calls, Events
from tests.reports import runs

Rows = list[dict[str, Any]]

DETAIL = 'กรุงเทพ "quoted", it\'s\nover two lines; a, comma; null'


def odd_run(path: Path) -> Path:
    """Two workers: texts that formats trip over, lists, nulls; of worker 1 nothing but a note."""
    path.mkdir(parents=True)
    runs.manifest(path, workers=2)
    streamed = runs.attempt(0, 1, 0, 420, tokens=(10, 5), output_ms=(200, 250, 350.000001, 400))
    failed = runs.attempt(1, 1, 0, 9, Outcome.TRANSIENT, fault=Fault.CONNECT, route=1)
    events = [
        AttemptFinished(streamed),
        AttemptFinished(failed),
        CallFinished(runs.call(0, 0, 420, kind="คำบรรยาย")),
        CallFinished(
            runs.call(1, 0, 9, Outcome.TRANSIENT, stopped_by=StoppedBy.ATTEMPTS, detail=DETAIL, model="")
        ),
    ]
    runs.record(path, 0, events)
    runs.record(path, 1, [], [runs.Note(1, "loop_lag", 0.1 + 0.2), runs.Note(2, "gc_pause", 1e-9, "2")])
    runs.ending(path, {"0": 2, "1": 0})
    return path


def recorded(folder: Path, table: str) -> Rows:
    """What stands in the recorder's own files."""
    rows: Rows = []
    for path in sorted(folder.glob(f"{table}-*.arrow")):
        with pa.ipc.open_stream(path) as reader:
            rows += reader.read_all().to_pylist()
    return rows


def from_pandas(table: pd.DataFrame) -> Rows:
    def plain(value: Any) -> Any:
        if isinstance(value, Iterable) and not isinstance(value, str):
            return list(value)
        return None if pd.isna(value) else value

    return [{name: plain(value) for name, value in row.items()} for row in table.to_dict("records")]


def from_duckdb(path: Path) -> Rows:
    found = duckdb.sql(f"select * from '{path}'")
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


READERS: dict[str, Callable[[Path], Rows]] = {
    "pandas": lambda path: from_pandas(pd.read_parquet(path)),
    "polars": lambda path: pl.read_parquet(path).to_dicts(),
    "duckdb": from_duckdb,
}

# Of CSV: texts alone, and no guesses where a column is all null. pandas takes the empty text for null.
CSV_READERS: dict[str, Callable[[Path], Rows]] = {
    "pandas": lambda path: from_pandas(
        pd.read_csv(path, dtype_backend="numpy_nullable", keep_default_na=False, na_values=[""])
    ),
    "polars": lambda path: pl.read_csv(path).to_dicts(),
    "duckdb": from_duckdb,
}


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = odd_run(tmp_path_factory.mktemp("odd") / "run")
    for file_format in ("parquet", "csv"):
        export(folder, folder / "export", file_format)
    return folder


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("table", TABLES)
def test_parquet_holds_what_was_recorded(odd: Path, table: str, reader: str) -> None:
    expected = recorded(odd, table)
    assert len(expected) == 2
    assert READERS[reader](odd / "export" / f"{table}.parquet") == expected


@pytest.mark.parametrize("reader", CSV_READERS)
@pytest.mark.parametrize("table", TABLES)
def test_csv_holds_the_same(odd: Path, table: str, reader: str) -> None:
    # A list is JSON; an empty field is null, and for who does not tell `""` from it so is the empty text.
    def as_csv(value: Any) -> Any:
        return json.dumps(value, separators=(",", ":")) if isinstance(value, list) else value

    def blank(rows: Rows) -> Rows:
        return [{k: None if v == "" else v for k, v in row.items()} for row in rows]

    expected = [{k: as_csv(v) for k, v in row.items()} for row in recorded(odd, table)]
    found = CSV_READERS[reader](odd / "export" / f"{table}.csv")
    texts = [c.name for c in TABLES[table] if c.kind == "utf8"]
    for row in found:
        for name in texts:  # a column of digits only, as a pause's generation, is read as numbers
            row[name] = row[name] if row[name] is None else str(row[name])
    assert blank(found) == blank(expected)


def test_the_values_are_those_that_were_put_in(odd: Path) -> None:
    first, second = READERS["polars"](odd / "export" / "calls.parquet")
    assert (first["kind"], first["stopped_by"], first["status"], first["detail"]) == (
        "คำบรรยาย",
        None,
        None,
        "",
    )
    assert (second["detail"], second["model"], second["stopped_by"]) == (DETAIL, "", "attempts")
    streamed, failed = READERS["duckdb"](odd / "export" / "attempts.parquet")
    assert streamed["output_ns"] == [200_000_000, 250_000_000, 350_000_001, 400_000_000]
    assert (streamed["first_token_ns"], failed["first_token_ns"]) == (200_000_000, None)
    assert (failed["output_ns"], failed["prompt_tokens"], failed["route"]) == ([], None, 1)
    assert READERS["pandas"](odd / "export" / "events.parquet")[0]["value"] == 0.1 + 0.2


def test_integers_that_may_be_null_stay_integers_in_pandas(odd: Path) -> None:
    found = pd.read_parquet(odd / "export" / "attempts.parquet").dtypes.astype(str)
    assert (found["status"], found["prompt_tokens"], found["retry_after_ns"]) == ("Int16", "Int32", "Int64")
    assert (found["attempt"], found["sent_ns"]) == ("int32", "int64")


@pytest.mark.parametrize("table", TABLES)
def test_every_column_is_documented_in_the_file(odd: Path, table: str) -> None:
    schema = pq.read_schema(odd / "export" / f"{table}.parquet")
    assert schema.metadata[b"run"] == b"run"
    assert schema.metadata[b"table"] == table.encode()
    assert schema.metadata[b"primetime_schema"] == b"5"
    told = json.loads(schema.metadata[b"columns"])
    for column, field in zip(TABLES[table], schema, strict=True):
        assert field.metadata[b"description"].decode() == column.doc == told[column.name]["description"]
        assert field.metadata.get(b"unit", b"").decode() == column.unit == told[column.name]["unit"]
        assert field.nullable == column.nullable


def test_times_and_tokens_have_units() -> None:
    for column in (c for columns in TABLES.values() for c in columns):
        timed, counted = column.name.endswith("_ns"), column.name.endswith("_tokens")
        assert bool(column.unit) == (timed or counted), column.name


def test_the_page_beside_them_has_every_column(odd: Path) -> None:
    page = (odd / "export" / "columns.md").read_text(encoding="utf-8")
    for table, columns in TABLES.items():
        _, _, section = page.partition(f"## {table}\n")
        lines = section.partition("\n## ")[0].splitlines()[3:]
        assert [line.split("`")[1] for line in lines] == [c.name for c in columns]
    assert "| `intended_ns` | int64 | ns from the run's start |  | when the schedule wanted the call" in page
    assert "breaker \\| limit \\| pause" in page  # a bar is no border


def test_a_name_cannot_break_the_page() -> None:
    assert render("a|b\nc").startswith("# a\\|b c\n")


def test_all_that_is_read_is_exported(odd: Path) -> None:
    for table, kind in {"calls": Calls, "attempts": Attempts, "events": Events}.items():
        names = pq.read_schema(odd / "export" / f"{table}.parquet").names
        assert {f.name for f in fields(kind)} <= set(names)


@pytest.mark.parametrize("file_format", ["parquet", "csv"])
def test_tables_without_rows_have_their_columns(tmp_path: Path, file_format: str) -> None:
    runs.manifest(tmp_path)
    (tmp_path / "events-0-00000000.arrow").touch()  # killed before its first byte
    done = export(tmp_path, tmp_path / "out", file_format)
    assert done.rows == {"calls": 0, "attempts": 0, "events": 0}
    assert done.missing == (
        "events-0-00000000.arrow is cut short: exported up to its last whole batch",
        "calls-0-00000000.arrow is not there",
        "attempts-0-00000000.arrow is not there",
        "no ending was written: the run was cut off",
    )
    for table, columns in TABLES.items():
        path = tmp_path / "out" / f"{table}.{file_format}"
        assert duckdb.sql(f"select * from '{path}'").columns == [c.name for c in columns]
        assert duckdb.sql(f"select * from '{path}'").fetchall() == []


def test_what_a_killed_worker_left_whole_is_exported(tmp_path: Path) -> None:
    folder = runs.paper_run(tmp_path / "run")
    (calls,) = folder.glob("calls-*.arrow")
    calls.write_bytes(calls.read_bytes()[:-20])  # its end, and a part of the last batch of five calls
    done = export(folder, tmp_path / "out", "parquet")
    cut, lost = done.missing
    assert cut == f"{calls.name} is cut short: exported up to its last whole batch"
    assert lost == f"{12 - done.rows['calls']} calls were scheduled but not recorded"
    assert done.rows["attempts"] == 15
    found = pl.read_parquet(tmp_path / "out" / "calls.parquet")
    assert 0 < len(found) == done.rows["calls"] < 12


def test_batches_become_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reports.reading.stream.GROUP_ROWS", 5)
    folder = runs.paper_run(tmp_path / "run")  # flushed every six events
    export(folder, tmp_path / "out", "parquet")
    file = pq.ParquetFile(tmp_path / "out" / "attempts.parquet")
    assert file.metadata.num_row_groups > 1
    assert file.read().column("sent_ns").to_pylist() == [r["sent_ns"] for r in recorded(folder, "attempts")]


def test_a_longer_run_takes_no_more_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reports.reading.stream.GROUP_ROWS", 2000)
    held: list[int] = []
    write = Parquet.write

    def watched(sink: Parquet, batch: Any) -> None:
        write(sink, batch)
        held.append(pa.total_allocated_bytes())

    monkeypatch.setattr(Parquet, "write", watched)
    peaks = []
    for calls in (4000, 32_000):
        folder = tmp_path / str(calls)
        folder.mkdir()
        runs.manifest(folder)
        runs.record(folder, 0, (CallFinished(runs.call(n, n, n + 9)) for n in range(calls)), flush_every=2000)
        held.clear()
        before = pa.total_allocated_bytes()
        assert export(folder, tmp_path / f"out-{calls}", "parquet").rows["calls"] == calls
        assert len(held) == calls // 2000
        peaks.append(max(held) - before)
    # What grows is the list of row groups: a thousandth of what they hold.
    assert peaks[1] < 1.5 * peaks[0]


def test_texts_are_dictionary_encoded_and_pages_compressed(odd: Path) -> None:
    group = pq.ParquetFile(odd / "export" / "calls.parquet").metadata.row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    assert "RLE_DICTIONARY" in columns["outcome"].encodings
    assert "RLE_DICTIONARY" not in columns["call_id"].encodings
    assert {c.compression for c in columns.values()} == {"ZSTD"}


def test_an_export_takes_the_place_of_the_last_one(tmp_path: Path) -> None:
    folder = runs.paper_run(tmp_path / "run")
    first = export(folder, tmp_path / "out", "csv").written
    before = [path.read_bytes() for path in first]
    assert export(folder, tmp_path / "out", "csv").written == first
    assert [path.read_bytes() for path in first] == before
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(p.name for p in first)


def test_a_damaged_run_leaves_the_last_export_as_it_was(tmp_path: Path) -> None:
    folder = runs.paper_run(tmp_path / "run")
    kept = export(folder, tmp_path / "out", "csv").written[0].read_bytes()
    (events,) = folder.glob("events-*.arrow")
    events.write_bytes(b"x" + events.read_bytes()[1:])
    with pytest.raises(RunError, match=r"events-.*not an Arrow stream"):
        export(folder, tmp_path / "out", "csv")
    assert (tmp_path / "out" / "calls.csv").read_bytes() == kept
    assert not list((tmp_path / "out").glob("*.part"))


def test_a_place_that_is_no_folder_is_named(tmp_path: Path) -> None:
    folder = runs.paper_run(tmp_path / "run")
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(OutputError, match=r"taken: cannot be written: File exists"):
        export(folder, tmp_path / "taken", "csv")
    with pytest.raises(OutputError, match=r"sub: cannot be written: Not a directory"):
        export(folder, tmp_path / "taken" / "sub", "parquet")
    assert (tmp_path / "taken").read_text() == "mine"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110 - a device
@pytest.mark.parametrize("file_format", ["parquet", "csv"])
def test_a_full_disk_is_one_line(tmp_path: Path, file_format: str) -> None:
    folder = runs.paper_run(tmp_path / "run")
    out = tmp_path / "out"
    out.mkdir()
    (out / f"attempts.{file_format}.part").symlink_to("/dev/full")
    with pytest.raises(OutputError, match=r"out: cannot be written: .*No space left"):
        export(folder, out, file_format)
    assert list(out.iterdir()) == []
