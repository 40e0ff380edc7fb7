"""Copy of a chosen length."""

from hypothesis import given
from hypothesis import strategies as st

from mockserver.text import count_tokens, thai_copy, token_text


@given(st.integers(1, 5_000))
def test_a_copy_counts_as_its_tokens(tokens: int) -> None:
    copy = thai_copy(tokens)
    assert len(copy) == 2 * tokens
    assert count_tokens(len(copy)) == tokens


@given(st.integers(1, 1_000))
def test_the_tokens_in_order_are_the_whole(tokens: int) -> None:
    copy = thai_copy(tokens)
    pieces = [token_text(copy, index) for index in range(tokens)]
    assert "".join(pieces) == copy
    assert all(pieces)


def test_the_copy_is_thai() -> None:
    thai = sum("\u0e00" <= character <= "\u0e7f" for character in thai_copy(400))
    assert thai > 700


def test_odd_characters_round_up() -> None:
    assert [count_tokens(characters) for characters in (0, 1, 2, 3, 500)] == [0, 1, 1, 2, 250]
