import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reports.figures.breaker import Span, open_fraction, spans
from reports.reading.run import Events


def events(*changes: tuple[int, int, str]) -> Events:
    return Events(
        worker=np.array([c[0] for c in changes], dtype=np.int64),
        at_ns=np.array([c[1] for c in changes], dtype=np.int64),
        name=np.array(["breaker"] * len(changes), dtype=np.str_),
        text=np.array([c[2] for c in changes], dtype=np.str_),
        value=np.zeros(len(changes)),
    )


def test_a_breaker_is_closed_until_it_changes() -> None:
    assert spans(events(), 0, 100) == [Span("closed", 0, 100)]


def test_closed_open_half_open_closed() -> None:
    found = spans(events((0, 10, "open"), (0, 40, "half_open"), (0, 50, "closed")), 0, 100)
    assert found == [
        Span("closed", 0, 10),
        Span("open", 10, 40),
        Span("half_open", 40, 50),
        Span("closed", 50, 100),
    ]


def test_what_happens_in_the_drain_does_not_count() -> None:
    assert open_fraction(events((0, 90, "open"), (0, 150, "closed")), range(1), 100) == 0.1


def test_the_fraction_is_over_all_workers() -> None:
    two = events((0, 0, "open"), (1, 50, "open"))
    assert open_fraction(two, range(2), 100) == 0.75
    assert open_fraction(two, range(3), 100) == 0.5


def test_half_open_is_not_open() -> None:
    assert open_fraction(events((0, 0, "half_open")), range(1), 100) == 0.0


def test_no_window_has_no_open_time() -> None:
    assert open_fraction(events((0, 0, "open")), range(1), 0) == 0.0


STATES = st.sampled_from(["closed", "open", "half_open"])


@given(
    changes=st.lists(st.tuples(st.just(0), st.integers(0, 200), STATES), max_size=12),
    until=st.integers(1, 150),
)
def test_spans_cover_the_window_without_gap_or_overlap(
    changes: list[tuple[int, int, str]], until: int
) -> None:
    found = spans(events(*sorted(changes, key=lambda c: c[1])), 0, until)
    assert found[0].start_ns == 0
    assert found[-1].end_ns == until
    assert all(a.end_ns == b.start_ns for a, b in itertools.pairwise(found))
    assert 0 <= open_fraction(events(*sorted(changes, key=lambda c: c[1])), range(1), until) <= 1
