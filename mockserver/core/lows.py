"""The least a level has been since a moment, for any of the moments it was raised.

Only the least of each suffix is kept, in ascending order: an entry that is not less than a later one can
never be the answer again.
"""

from bisect import bisect_left
from collections import deque
from operator import itemgetter

# Moments remembered. Who asks for an older one is told of the oldest remembered, which may be more than is
# true: there are so many only where a level has risen ten thousand times and never fallen back.
MAX_MOMENTS = 10_000

_MOMENT = itemgetter(0)


class Lows:
    """The level falls by itself and is raised by others; `rise` has to be told just before it is raised."""

    __slots__ = ("_lows", "_moment")

    def __init__(self) -> None:
        self._lows: deque[tuple[int, int]] = deque(maxlen=MAX_MOMENTS)
        self._moment = 0

    def rise(self, level: int) -> int:
        """It is about to rise from `level`; gives the moment from then on."""
        while self._lows and self._lows[-1][1] >= level:
            self._lows.pop()
        self._lows.append((self._moment, level))
        self._moment += 1
        return self._moment

    def since(self, moment: int, level: int) -> int:
        """The least since then, `level` being what it is now."""
        first = bisect_left(self._lows, moment, key=_MOMENT)
        return min(level, self._lows[first][1]) if first < len(self._lows) else level

    def lower(self, moment: int, by: int) -> None:
        """From that moment on it should have been so much less."""
        later: list[tuple[int, int]] = []
        while self._lows and self._lows[-1][0] >= moment:
            since, low = self._lows.pop()
            later.append((since, low - by))
        while later and self._lows and self._lows[-1][1] >= later[-1][1]:
            self._lows.pop()
        self._lows.extend(reversed(later))
