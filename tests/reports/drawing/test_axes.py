import pytest

from reports.drawing.axes import fitting

NAMES = ["ok", "throttled", "timeout", "transient", "rejected"]  # 2, 9, 7, 9 and 8 letters


@pytest.mark.parametrize(
    ("room_em", "columns"),
    # An entry takes 3.6 and 0.57 a letter. Five columns: 18 + 0.57 * 35 = 37.95; four, the first of two
    # names: 14.4 + 0.57 * 33 = 33.21; three of 9, 9 and 8: 25.62; two of 9 and 9: 17.46.
    [(38, 5), (37.9, 4), (33.3, 4), (33.2, 3), (25.7, 3), (25.6, 2), (17.5, 2), (17.4, 1), (1, 1)],
)
def test_a_legend_has_as_many_columns_as_there_is_room_for(room_em: float, columns: int) -> None:
    assert fitting(NAMES, 5, room_em) == columns


def test_a_legend_has_no_more_columns_than_it_is_given() -> None:
    assert fitting(NAMES, 2, 1000) == 2
    assert fitting(["one"], 4, 1000) == 1
