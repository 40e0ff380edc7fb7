import pyarrow as pa
import pytest

from harness.record.schema import Column
from reports.reading.columns import empty
from reports.reading.names import Names
from reports.reading.run import Lists


def test_numbers_keep_the_type_of_the_schema_and_null_is_minus_one() -> None:
    column = empty(Column("status", "int16", "", nullable=True), 4)
    column.add(pa.array([429, None], pa.int16()))
    column.add(pa.array([200, None], pa.int16()))
    assert column.filled().tolist() == [429, -1, 200, -1]
    assert column.filled().dtype == "int16"


def test_texts_share_their_words_over_groups_and_null_is_empty() -> None:
    column = empty(Column("outcome", "utf8", ""), 5)
    column.add(pa.array(["ok", None, "ok"]))
    column.add(pa.array(["timeout", "ok"]))
    found: Names = column.filled()
    assert found.tolist() == ["ok", "", "ok", "timeout", "ok"]
    assert sorted(found.words) == ["", "ok", "timeout"]


@pytest.mark.parametrize("words", [256, 257, 70_000])
def test_texts_of_many_words_widen_without_losing_any(words: int) -> None:
    texts = [f"error {n}" for n in range(words)]
    column = empty(Column("detail", "utf8", ""), 2 * words)
    for at in range(0, words, 10_000):
        column.add(pa.array(texts[at : at + 10_000]))
    column.add(pa.array(texts))
    assert column.filled().tolist() == texts * 2


def test_lists_of_slices_are_those_of_the_slice() -> None:
    whole = pa.array([[1], [2, 3], [], [4, 5, 6], [7]], pa.list_(pa.int64()))
    column = empty(Column("output_ns", "int64_list", ""), 4)
    for part in (whole.slice(1, 3), whole.slice(4), whole.slice(0, 0)):
        column.add(part)
    found: Lists = column.filled()
    assert found.values.tolist() == [2, 3, 4, 5, 6, 7]
    assert found.bounds.tolist() == [0, 2, 2, 5, 6]
