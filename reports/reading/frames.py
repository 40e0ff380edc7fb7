"""The frames of an Arrow IPC stream: how much of a file is whole, and how it ends.

A killed worker leaves a stream that stops anywhere. The columnar library reports that with the same
exceptions as damage, so the frames are walked here first: four bytes of 0xFF, the metadata's length, the
metadata (a flatbuffer), then a body whose length stands in the metadata.
Layout: https://arrow.apache.org/docs/format/Columnar.html#encapsulated-message-format
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

MARK = b"\xff\xff\xff\xff"
HEAD = 8  # the mark and an int32

# Message.fbs: the fields of a message and of a record batch, by their places in the table.
HEADER_TYPE, HEADER, BODY_LENGTH = 1, 2, 3
BATCH_ROWS = 0
RECORD_BATCH = 3  # a header's type


class Bytes(Protocol):
    """What a stream is read from: bytes, or a file that is mapped; only heads of frames are copied."""

    def __len__(self) -> int: ...
    def __getitem__(self, part: slice, /) -> bytes: ...


class Tail(Enum):
    """How a stream ends."""

    ENDED = "ended"  # with the marker its writer leaves on closing
    CUT = "cut"  # without it: the writer was killed
    DAMAGED = "damaged"  # with bytes that no writer of streams leaves


@dataclass(frozen=True, slots=True)
class Extent:
    """The bytes up to the end of the last whole frame, the whole frames and rows in them, and the tail."""

    whole_bytes: int
    frames: int
    rows: int
    tail: Tail


def extent(data: Bytes) -> Extent:
    """Walk the frames of a stream. Any prefix of a sound stream is ENDED or CUT, never DAMAGED."""
    at = frames = rows = 0
    while True:
        try:
            frame = _frame(data, at)
        except (ValueError, struct.error):
            return Extent(at, frames, rows, Tail.DAMAGED)
        if frame is None:
            return Extent(at, frames, rows, Tail.CUT)
        if frame.length == HEAD:
            # A sound writer adds nothing after its end marker.
            tail = Tail.ENDED if at + HEAD == len(data) else Tail.DAMAGED
            return Extent(at, frames, rows, tail)
        at += frame.length
        frames += 1
        rows += frame.rows


@dataclass(frozen=True, slots=True)
class _Frame:
    """Its bytes, head and body; its rows, if it is a batch of them."""

    length: int
    rows: int


def _frame(data: Bytes, at: int) -> _Frame | None:
    """The frame that starts at `at`; None where the data stop before its end."""
    rest = len(data) - at
    head = data[at : at + HEAD]
    if head[: len(MARK)] != MARK[: len(head)]:
        raise ValueError("no frame starts here")
    if rest < HEAD:
        return None
    (metadata_bytes,) = struct.unpack_from("<i", head, len(MARK))
    if metadata_bytes < 0:
        raise ValueError("negative length")
    if metadata_bytes == 0:
        return _Frame(HEAD, 0)
    if rest < HEAD + metadata_bytes:
        return None
    metadata = data[at + HEAD : at + HEAD + metadata_bytes]
    (root,) = struct.unpack_from("<I", metadata, 0)
    body_bytes, rows = _int64(metadata, _field(metadata, root, BODY_LENGTH)), _rows(metadata, root)
    if rows > body_bytes:
        raise ValueError("a row takes a byte at least")
    length = HEAD + metadata_bytes + body_bytes
    return _Frame(length, rows) if rest >= length else None


def _rows(metadata: bytes, message: int) -> int:
    kind, header = _field(metadata, message, HEADER_TYPE), _field(metadata, message, HEADER)
    if kind is None or header is None or struct.unpack_from("<B", metadata, kind) != (RECORD_BATCH,):
        return 0
    (offset,) = struct.unpack_from("<I", metadata, header)
    return _int64(metadata, _field(metadata, header + offset, BATCH_ROWS))


def _field(metadata: bytes, table: int, number: int) -> int | None:
    """Where a field of a flatbuffer's table stands; None where it is left out, which means zero.

    The table begins with how far before it its vtable is: two uint16 (the vtable's bytes, the table's), then
    one for each field, its offset in the table.
    """
    (back,) = struct.unpack_from("<i", metadata, table)
    vtable, slot = table - back, 2 * (2 + number)
    if vtable < 0:
        raise ValueError("vtable before the metadata")
    (vtable_bytes,) = struct.unpack_from("<H", metadata, vtable)
    if vtable_bytes <= slot:
        return None
    (offset,) = struct.unpack_from("<H", metadata, vtable + slot)
    return table + int(offset) if offset else None


def _int64(metadata: bytes, at: int | None) -> int:
    """A length; zero where it is left out."""
    if at is None:
        return 0
    (length,) = struct.unpack_from("<q", metadata, at)
    if length < 0:
        raise ValueError("negative length")
    return int(length)
