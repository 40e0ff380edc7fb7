"""How often a series goes from one side to the other: what a quantile's interval rests on.

Neighbouring calls meet the same queue, so that a hundred calls beyond the p99 may be one bad minute. How many
bad times there were is what counts.
"""

from __future__ import annotations

import numpy as np

from reports.reading.run import Floats


def swings(series: Floats, low: float, high: float) -> int:
    """How often a series reaches `high` after it was at `low` or below it, or from its start.

    What lies between the two is passed over: noise at one level makes no swing. `low` < `high`, and infinite
    samples are high; a series of one value only has no low, and swings at most once.
    """
    above = series >= high
    told = above[above | (series <= low) & (series < high)]
    return int(np.count_nonzero(told[:1]) + np.count_nonzero(told[1:] & ~told[:-1]))
