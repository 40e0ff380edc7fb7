import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.reading.names import Names, narrowest

TEXTS = st.lists(st.sampled_from(["", "ok", "throttled", "timeout", "หมดเวลา"]), max_size=20)


@given(texts=TEXTS)
def test_names_give_back_the_texts_they_were_made_of(texts: list[str]) -> None:
    names = Names.of(texts)
    assert names.tolist() == texts
    assert [names[n] for n in range(len(names))] == texts
    assert names.codes.dtype == np.uint8


@given(texts=TEXTS, word=st.sampled_from(["ok", "", "never"]))
def test_names_compare_with_a_word_row_by_row(texts: list[str], word: str) -> None:
    names = Names.of(texts)
    assert (names == word).tolist() == [text == word for text in texts]
    assert (word != names).tolist() == [text != word for text in texts]
    assert (np.str_(word) == names).tolist() == [text == word for text in texts]


@given(pairs=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("bcd")), max_size=20))
def test_names_compare_with_other_names_row_by_row(pairs: list[tuple[str, str]]) -> None:
    mine, others = Names.of(a for a, _ in pairs), Names.of(b for _, b in pairs)
    assert (mine == others).tolist() == [a == b for a, b in pairs]
    assert (mine != others).tolist() == [a != b for a, b in pairs]


def test_names_are_no_number() -> None:
    with pytest.raises(TypeError):
        np.add(np.ones(1), Names.of(["ok"]))
    with pytest.raises(TypeError):
        hash(Names.of(["ok"]))


@given(texts=TEXTS, data=st.data())
def test_rows_are_picked_by_slice_mask_and_place(texts: list[str], data: st.DataObject) -> None:
    names = Names.of(texts)
    mask = data.draw(st.lists(st.booleans(), min_size=len(texts), max_size=len(texts)))
    places = data.draw(st.lists(st.integers(0, len(texts) - 1), max_size=9)) if texts else []
    assert names[1:].tolist() == texts[1:]
    assert names[np.array(mask, dtype=np.bool_)].tolist() == [
        t for t, m in zip(texts, mask, strict=True) if m
    ]
    assert names[np.array(places, dtype=np.int64)].tolist() == [texts[n] for n in places]


@given(texts=TEXTS)
def test_counts_are_of_texts_that_occur(texts: list[str]) -> None:
    whole = Names.of([*texts, "left out"])
    names = whole[: len(texts)]
    assert names.counts() == {text: texts.count(text) for text in texts}
    assert names.unique() == sorted(set(texts))
    assert names.isin(["ok", "left out"]).tolist() == [text == "ok" for text in texts]


@given(parts=st.lists(TEXTS, max_size=4))
def test_parts_join_in_their_order_and_no_word_stands_twice(parts: list[list[str]]) -> None:
    joined = Names.joined([Names.of(part) for part in parts])
    assert joined.tolist() == [text for part in parts for text in part]
    assert len(set(joined.words)) == len(joined.words)


@given(
    pairs=st.lists(st.tuples(st.sampled_from(["", "a", "b"]), st.sampled_from(["", "a", "c"])), max_size=20)
)
def test_texts_of_two_columns_are_joined_by_row(pairs: list[tuple[str, str]]) -> None:
    mine, others = Names.of(a for a, _ in pairs), Names.of(b for _, b in pairs)
    # "" + "a" and "a" + "" are one word.
    joined = mine.with_each(others, lambda a, b: a + b)
    assert joined.tolist() == [a + b for a, b in pairs]
    assert len(set(joined.words)) == len(joined.words)


def test_join_is_asked_once_for_a_pair() -> None:
    asked = []

    def join(a: str, b: str) -> str:
        asked.append((a, b))
        return f"{a}.{b}"

    Names.of(["x", "y"] * 1000).with_each(Names.of(["1", "2"] * 1000), join)
    assert sorted(asked) == [("x", "1"), ("y", "2")]


def test_codes_are_as_narrow_as_the_words_allow() -> None:
    for words, kind in (
        (0, np.uint8),
        (256, np.uint8),
        (257, np.uint16),
        (65_536, np.uint16),
        (65_537, np.int32),
    ):
        assert narrowest(words) is kind
        names = Names.of(str(n) for n in range(words))
        assert names.codes.dtype == kind
        assert names.tolist() == [str(n) for n in range(words)]


def test_many_words_of_many_pairs_do_not_overflow_their_codes() -> None:
    mine, others = Names.of(str(n) for n in range(300)), Names.of(str(n) for n in range(300, 600))
    assert mine.with_each(others, lambda a, b: f"{a} {b}").tolist() == [f"{n} {n + 300}" for n in range(300)]
