"""What nothing else beats."""

from __future__ import annotations

import math
from collections.abc import Sequence

Point = Sequence[float]


def front(points: Sequence[Point]) -> list[bool]:
    """Which points no other equals or beats everywhere and beats somewhere; more is better in every place.

    A point with nan or an infinite place is on no front.
    """
    return [
        all(math.isfinite(x) for x in point) and not any(_beats(other, point) for other in points)
        for point in points
    ]


def ranks(points: Sequence[Point]) -> list[int]:
    """How many fronts have to be taken away before a point is on one; what is on none comes last."""
    found = [len(points)] * len(points)
    left = list(range(len(points)))
    for rank in range(len(points)):
        best = [i for i, on in zip(left, front([points[i] for i in left]), strict=True) if on]
        if not best:
            break
        for index in best:
            found[index] = rank
        left = [i for i in left if i not in best]
    return found


def _beats(one: Point, other: Point) -> bool:
    pairs = list(zip(one, other, strict=True))
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)
