"""The pace of a stream."""

from hypothesis import given
from hypothesis import strategies as st

from mockserver.core.decide import Start
from mockserver.core.pacing import due_us, events_due


def test_four_tokens_of_ten_milliseconds() -> None:
    start = Start(0, 100_000, 140_000)
    assert [due_us(start, 4, index) for index in range(5)] == [100_000, 110_000, 120_000, 130_000, 140_000]
    times = (0, 99_999, 100_000, 109_999, 110_000, 129_999, 130_000, 999_999)
    assert [events_due(start, 4, us) for us in times] == [0, 0, 1, 1, 2, 3, 4, 4]


def test_without_time_all_are_due_at_once() -> None:
    start = Start(0, 5, 5)
    assert [events_due(start, 7, us) for us in (4, 5)] == [0, 7]
    assert due_us(start, 7, 7) == 5


@given(st.integers(0, 10**6), st.integers(0, 10**7), st.integers(1, 500), st.data())
def test_an_event_is_due_from_its_very_microsecond(
    first_us: int, rest_us: int, tokens: int, data: st.DataObject
) -> None:
    start = Start(0, first_us, first_us + rest_us)
    index = data.draw(st.integers(0, tokens - 1))
    due = due_us(start, tokens, index)
    assert first_us <= due <= start.total_us
    assert events_due(start, tokens, due) > index
    assert events_due(start, tokens, due - 1) <= index
    assert due_us(start, tokens, tokens) == start.total_us
