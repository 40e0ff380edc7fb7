"""The pace of a stream."""

from hypothesis import given
from hypothesis import strategies as st

from mockserver.core.decisions import Start
from mockserver.core.gaps import TABLE_SIZE, Gaps, multipliers
from mockserver.core.pacing import due_us, events_due


def _start(first_us: int, tokens: int, gaps: Gaps) -> Start:
    return Start(0, first_us, first_us + gaps.sum_us(tokens), gaps)


def test_four_tokens_of_ten_milliseconds() -> None:
    start = _start(100_000, 4, Gaps(10_000.0, 0, ()))
    assert [due_us(start, index) for index in range(5)] == [100_000, 110_000, 120_000, 130_000, 140_000]
    times = (0, 99_999, 100_000, 109_999, 110_000, 129_999, 130_000, 999_999)
    assert [events_due(start, 4, us) for us in times] == [0, 0, 1, 1, 2, 3, 4, 4]


def test_without_time_all_are_due_at_once() -> None:
    start = _start(5, 7, Gaps(0.0, 0, ()))
    assert [events_due(start, 7, us) for us in (4, 5)] == [0, 7]
    assert due_us(start, 7) == 5


def test_an_event_comes_its_own_gap_after_the_one_before() -> None:
    prefix = multipliers(0.5)
    start = _start(0, 10, Gaps(1e6, 3, prefix))
    # In units of the mean; the times are rounded to microseconds, the mean is a second.
    for index in range(10):
        gap = prefix[4 + index] - prefix[3 + index]
        assert abs(due_us(start, index + 1) - due_us(start, index) - gap * 1e6) <= 1


@given(
    st.integers(0, 10**6),
    st.floats(0.01, 1e6),
    st.sampled_from([0.0, 0.15, 1.0]),
    st.integers(0, TABLE_SIZE - 1),
    st.integers(1, 40_000),
    st.data(),
)
def test_an_event_is_due_from_its_very_microsecond(
    first_us: int, mean_us: float, cv: float, offset: int, tokens: int, data: st.DataObject
) -> None:
    gaps = Gaps(mean_us, offset, multipliers(cv)) if cv else Gaps(mean_us, 0, ())
    start = _start(first_us, tokens, gaps)
    index = data.draw(st.integers(0, tokens - 1))
    due = due_us(start, index)
    assert first_us <= due <= due_us(start, index + 1) <= start.total_us
    assert events_due(start, tokens, due) > index
    assert events_due(start, tokens, due - 1) <= index
    assert events_due(start, tokens, start.total_us) == tokens
    assert due_us(start, tokens) == start.total_us
