"""Real traces by their columns: Azure CSV, BurstGPT CSV, Mooncake JSONL."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from harness.errors import ConfigError

#: Thai text costs half a token a character (OpenAI's o200k vocabulary), and the mock server counts so.
CHARACTERS_PER_TOKEN = 2

_PAD = "ช่วยเขียนข้อความโฆษณาให้ร้านของเราหน่อย สินค้าขายดีประจำสัปดาห์นี้ ลูกค้าถามเข้ามาเยอะมาก "


@dataclass(frozen=True, slots=True)
class TraceRow:
    """One request of a trace: seconds after the first, input and output tokens (at least 1 each)."""

    at_s: float
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class _Format:
    """How to read one kind of trace: the columns it is known by and their meaning."""

    name: str
    columns: tuple[str, str, str]
    seconds: Callable[[Any], float]


#: Azure writes seven digits of a second in 2023, six and an offset in 2024; datetime takes six at most.
_AZURE_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(\.\d+)?([+-]\d\d:\d\d)?")


def _timestamp_s(text: str) -> float:
    match = _AZURE_TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(text)
    second, fraction, offset = match.groups()
    return datetime.fromisoformat(f"{second}{offset or '+00:00'}").timestamp() + float(fraction or 0)


AZURE = _Format("Azure", ("TIMESTAMP", "ContextTokens", "GeneratedTokens"), _timestamp_s)
BURST_GPT = _Format("BurstGPT", ("Timestamp", "Request tokens", "Response tokens"), float)
MOONCAKE = _Format("Mooncake", ("timestamp", "input_length", "output_length"), lambda ms: float(ms) / 1000)


def parse_trace(lines: Iterable[str], name: str) -> list[TraceRow]:
    """All rows of a trace, their times counted from the first.

    Raises ConfigError naming the trace and the line's number where a line cannot be used: unknown columns,
    a value that is no number, a negative length, a time before the line above it. A length of 0 (BurstGPT
    notes failed requests so) becomes 1.
    """
    rows: list[TraceRow] = []
    first_s = 0.0
    for number, layout, record in _records(lines, name):
        at_s, prompt, completion = _values(layout, record, f"{name}, line {number}")
        first_s = first_s if rows else at_s
        if rows and at_s - first_s < rows[-1].at_s:
            raise ConfigError(f"{name}, line {number}: its time is before that of the line above")
        rows.append(TraceRow(at_s - first_s, max(1, prompt), max(1, completion)))
    if not rows:
        raise ConfigError(f"{name}: no requests in it")
    return rows


def padding(tokens: int, call_id: int) -> str:
    """Thai text of exactly that many tokens, as the mock server counts; different calls start differently."""
    length = tokens * CHARACTERS_PER_TOKEN
    start = call_id % len(_PAD)
    text = (_PAD * (2 + length // len(_PAD)))[start : start + length]
    return text if text.strip() else "ก" * length


def _records(lines: Iterable[str], name: str) -> Iterator[tuple[int, _Format, Mapping[str, Any]]]:
    """(line number, format, columns by name)."""
    numbered = enumerate(lines, 1)
    number, head = next(((n, line.strip()) for n, line in numbered if line.strip()), (1, ""))
    if head.startswith("{"):
        for at, line in [(number, head), *numbered]:
            if line.strip():
                yield at, MOONCAKE, _json_object(line, f"{name}, line {at}")
        return
    columns = _cells(head, f"{name}, line {number}")
    layout = next((f for f in (AZURE, BURST_GPT) if set(f.columns) <= set(columns)), None)
    if layout is None:
        known = "; ".join(f"{f.name}: {', '.join(f.columns)}" for f in (AZURE, BURST_GPT, MOONCAKE))
        raise ConfigError(f"{name}, line {number}: unknown columns {head[:80]!r}: expected {known}")
    for at, line in numbered:
        if line.strip():
            values = _cells(line, f"{name}, line {at}")
            if len(values) != len(columns):
                raise ConfigError(f"{name}, line {at}: {len(values)} columns: expected {len(columns)}")
            yield at, layout, dict(zip(columns, values, strict=True))


def _cells(line: str, where: str) -> list[str]:
    try:
        return next(csv.reader([line]), [])
    except csv.Error as error:
        raise ConfigError(f"{where}: not CSV: {error}") from error


def _json_object(line: str, where: str) -> Mapping[str, Any]:
    try:
        record = msgspec.json.decode(line)
    except msgspec.DecodeError as error:
        raise ConfigError(f"{where}: not JSON: {error}") from error
    if not isinstance(record, dict):
        raise ConfigError(f"{where}: expected a JSON object")
    return record


def _values(layout: _Format, record: Mapping[str, Any], where: str) -> tuple[float, int, int]:
    time, *lengths = layout.columns
    for column in layout.columns:
        if record.get(column) is None:
            raise ConfigError(f"{where}: no {column!r}")
    try:
        at_s = layout.seconds(record[time])
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}: {time} = {record[time]!r}: expected a time") from error
    if not 0 <= at_s < float("inf"):
        raise ConfigError(f"{where}: {time} = {record[time]!r}: expected a time")
    tokens = [_whole(record[column], column, where) for column in lengths]
    return at_s, tokens[0], tokens[1]


def _whole(value: Any, column: str, where: str) -> int:
    try:
        number = -1 if isinstance(value, float) else int(value)
    except (TypeError, ValueError):
        number = -1
    if number < 0:
        raise ConfigError(f"{where}: {column} = {value!r}: expected a whole number of tokens, 0 or more")
    return number
