import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.reading.run import Lists

ROWS = st.lists(st.lists(st.integers(0, 10**15), max_size=5), max_size=12)


def lists(rows: list[list[int]]) -> Lists:
    values = np.array([v for row in rows for v in row], dtype=np.int64)
    return Lists(values, np.array([0, *itertools.accumulate(map(len, rows))], dtype=np.int64))


def unpacked(packed: Lists) -> list[list[int]]:
    return [packed.values[a:b].tolist() for a, b in itertools.pairwise(packed.bounds)]


@given(rows=ROWS, data=st.data())
def test_rows_are_picked_whole_and_in_the_order_asked_for(rows: list[list[int]], data: st.DataObject) -> None:
    wanted = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=20)) if rows else []
    picked = lists(rows)[np.array(wanted, dtype=np.int64)]
    assert len(picked) == len(wanted)
    assert unpacked(picked) == [rows[n] for n in wanted]


@given(rows=ROWS)
def test_steps_never_cross_rows(rows: list[list[int]]) -> None:
    expected = [b - a for row in rows for a, b in itertools.pairwise(row)]
    assert lists(rows).steps.tolist() == expected


@given(rows=ROWS)
def test_first_and_last_are_of_each_row_and_nan_of_an_empty_one(rows: list[list[int]]) -> None:
    packed = lists(rows)
    nan = float("nan")
    assert packed.first.tolist() == pytest.approx(
        [row[0] if row else nan for row in rows], nan_ok=True, rel=0
    )
    assert packed.last.tolist() == pytest.approx(
        [row[-1] if row else nan for row in rows], nan_ok=True, rel=0
    )
    assert packed.lengths.tolist() == [len(row) for row in rows]
