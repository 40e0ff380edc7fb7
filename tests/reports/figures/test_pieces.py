from reports.figures.pieces import ROWS, pieces


def test_pieces_cover_all_rows_once_and_in_order() -> None:
    assert list(pieces(0)) == []
    assert list(pieces(5)) == [slice(0, 5)]
    assert list(pieces(2 * ROWS + 1)) == [
        slice(0, ROWS),
        slice(ROWS, 2 * ROWS),
        slice(2 * ROWS, 2 * ROWS + 1),
    ]
