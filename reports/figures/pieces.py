"""Long columns taken a piece at a time: what is worked out on the way then needs little memory."""

from __future__ import annotations

from collections.abc import Iterator

#: Rows a piece: some megabytes of a column, enough that its work outweighs the loop.
ROWS = 1 << 20


def pieces(rows: int) -> Iterator[slice]:
    """Slices that cover so many rows, in their order; none of none."""
    for start in range(0, rows, ROWS):
        yield slice(start, min(start + ROWS, rows))
