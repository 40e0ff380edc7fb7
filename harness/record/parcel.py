"""What travels when a worker's records go to another machine: parcels there, receipts back.

A parcel holds what a worker's files have grown by: the files on both sides are then the same, byte for byte.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

Travelling = TypeVar("Travelling", bound=msgspec.Struct)


class Piece(msgspec.Struct, frozen=True, gc=False):
    """`size` bytes of a file from `offset` on, compressed (`harness.record.arrow.compressed`)."""

    offset: int
    size: int
    data: bytes


class Parcel(msgspec.Struct, frozen=True):
    """Pieces by file name. One without any only asks for a receipt. Numbers rise in the order of sending.

    `host` and `folder` tell where the files are kept whole; `ahead_ns` by how much the sender takes its clock
    to be ahead of the receiver's, as far as it knows.
    """

    run: str
    number: int
    host: str
    folder: str
    pieces: dict[str, Piece]
    ahead_ns: int | None = None


class Receipt(msgspec.Struct, frozen=True):
    """How many bytes of each file are there now that parcel `number` is; all before it are there, or lost.

    `refused` says why no more is taken; empty as long as it is. `at_unix_ns` is of the receiver's clock.
    """

    run: str
    number: int
    there: dict[str, int]
    at_unix_ns: int
    refused: str = ""


def message(travelling: Parcel | Receipt) -> dict[str, Any]:
    """As it travels."""
    document: dict[str, Any] = msgspec.to_builtins(travelling, builtin_types=(bytes,))
    return document


def received(document: dict[str, Any], kind: type[Travelling]) -> Travelling:
    """What travelled. Raises msgspec.ValidationError for what is none."""
    return msgspec.convert(document, kind, builtin_types=(bytes,))
