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

MARK = b"\xff\xff\xff\xff"
HEAD = 8  # the mark and an int32

# Message.fbs: version, header_type, header, bodyLength are fields 0 to 3; a vtable starts with two uint16.
BODY_LENGTH_SLOT = 4 + 2 * 3


class Tail(Enum):
    """How a stream ends."""

    ENDED = "ended"  # with the marker its writer leaves on closing
    CUT = "cut"  # without it: the writer was killed
    DAMAGED = "damaged"  # with bytes that no writer of streams leaves


@dataclass(frozen=True, slots=True)
class Extent:
    """The bytes up to the end of the last whole frame, the whole frames in them, and the tail."""

    whole_bytes: int
    frames: int
    tail: Tail


def extent(data: bytes) -> Extent:
    """Walk the frames of a stream. Any prefix of a sound stream is ENDED or CUT, never DAMAGED."""
    at = frames = 0
    while True:
        try:
            length = _frame_length(data, at)
        except (ValueError, struct.error):
            return Extent(at, frames, Tail.DAMAGED)
        if length is None:
            return Extent(at, frames, Tail.CUT)
        if length == HEAD:
            # A sound writer adds nothing after its end marker.
            tail = Tail.ENDED if at + HEAD == len(data) else Tail.DAMAGED
            return Extent(at, frames, tail)
        at += length
        frames += 1


def _frame_length(data: bytes, at: int) -> int | None:
    """Bytes of the frame that starts at `at`; None where the data stop before its end."""
    rest = len(data) - at
    head = data[at : at + len(MARK)]
    if head != MARK[: len(head)]:
        raise ValueError("no frame starts here")
    if rest < HEAD:
        return None
    (metadata,) = struct.unpack_from("<i", data, at + len(MARK))
    if metadata < 0:
        raise ValueError("negative length")
    if metadata == 0:
        return HEAD
    if rest < HEAD + metadata:
        return None
    length = HEAD + int(metadata) + _body_length(data[at + HEAD : at + HEAD + metadata])
    return length if rest >= length else None


def _body_length(metadata: bytes) -> int:
    (root,) = struct.unpack_from("<I", metadata, 0)
    (back,) = struct.unpack_from("<i", metadata, root)
    vtable = root - back
    if vtable < 0:
        raise ValueError("vtable before the metadata")
    (vtable_bytes,) = struct.unpack_from("<H", metadata, vtable)
    if vtable_bytes <= BODY_LENGTH_SLOT:
        return 0
    (offset,) = struct.unpack_from("<H", metadata, vtable + BODY_LENGTH_SLOT)
    if offset == 0:
        return 0
    (length,) = struct.unpack_from("<q", metadata, root + offset)
    if length < 0:
        raise ValueError("negative length")
    return int(length)
