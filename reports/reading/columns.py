"""Columns while they are read: arrays as long as all rows of a table, filled group by group."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.record.schema import Column
from reports.reading.names import Codes, Names, narrowest
from reports.reading.run import ABSENT, Lists, narrow


class Filling(Protocol):
    """A column to which rows are added."""

    def add(self, values: Any) -> None:
        """Some more rows, as an Arrow array. No more than were announced."""

    def filled(self) -> Any:
        """All of them, as `reports.reading.run` has the column."""


def empty(column: Column, rows: int) -> Filling:
    """A column that will have so many rows."""
    match column.kind:
        case "utf8":
            return _Texts(rows)
        case "int64_list":
            return _Lists(rows)
        case kind:
            return _Numbers(np.dtype(kind), rows)


class _Numbers:
    """Numbers of one type; null is ABSENT."""

    def __init__(self, kind: np.dtype[Any], rows: int) -> None:
        self._all = np.empty(rows, kind)
        self._rows = 0

    def add(self, values: Any) -> None:
        present = values.fill_null(ABSENT) if values.null_count else values
        self._all[self._rows : self._rows + len(values)] = present.to_numpy()
        self._rows += len(values)

    def filled(self) -> Any:
        return self._all


class _Texts:
    """Texts by number; null is empty."""

    def __init__(self, rows: int) -> None:
        self._known: dict[str, int] = {}
        self._codes: Codes = np.empty(rows, narrowest(0))
        self._rows = 0

    def add(self, values: Any) -> None:
        # A group has few distinct values: Python sees each of them once.
        encoded = values.fill_null("").dictionary_encode()
        codes = [self._known.setdefault(word, len(self._known)) for word in encoded.dictionary.to_pylist()]
        kind = narrowest(len(self._known))
        if kind is not self._codes.dtype.type:
            self._codes = self._codes.astype(kind)
        rows = slice(self._rows, self._rows + len(values))
        self._codes[rows] = np.array(codes, dtype=kind)[encoded.indices.to_numpy()]
        self._rows += len(values)

    def filled(self) -> Names:
        return Names(self._codes, tuple(self._known))


class _Lists:
    """A list of integers a row."""

    def __init__(self, rows: int) -> None:
        self._bounds: NDArray[np.signedinteger[Any]] = np.zeros(rows + 1, narrow(0))
        self._rows = 0
        self._values = [np.empty(0, np.int64)]

    def add(self, values: Any) -> None:
        # An array may be a slice: its offsets then begin and end within its values.
        offsets = values.offsets.to_numpy().astype(np.int64)
        bounds = offsets[1:] - offsets[0] + int(self._bounds[self._rows])
        if len(bounds):
            self._bounds = self._bounds.astype(narrow(int(bounds[-1])), copy=False)
        self._bounds[self._rows + 1 : self._rows + 1 + len(values)] = bounds
        # Copied: the array is a view of a file whose pages are handed back.
        self._values.append(values.values.fill_null(ABSENT).to_numpy()[offsets[0] : offsets[-1]].copy())
        self._rows += len(values)

    def filled(self) -> Lists:
        return Lists(np.concatenate(self._values), self._bounds)
