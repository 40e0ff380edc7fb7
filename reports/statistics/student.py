"""Student's t, for intervals of means over few runs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

#: Two-sided 95 %, by degrees of freedom from 1 (NIST/SEMATECH e-Handbook, table 1.3.6.7.2).
_T95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)

#: Of the normal distribution, and t's expansion in it, good to 0.1 % beyond the table (Abramowitz and Stegun,
#: 26.7.5).
_Z95 = 1.959964
_EXPANSION = ((_Z95**3 + _Z95) / 4, (5 * _Z95**5 + 16 * _Z95**3 + 3 * _Z95) / 96)


def t95(free: int) -> float:
    """The 97.5 % quantile of Student's t with `free` >= 1 degrees of freedom, as 95 % intervals need it."""
    if free <= len(_T95):
        return _T95[free - 1]
    return _Z95 + _EXPANSION[0] / free + _EXPANSION[1] / free**2


def half_width(values: Sequence[float]) -> float:
    """Half of the 95 % interval of the mean of independent values: t * s / sqrt(n); nan of fewer than two."""
    n = len(values)
    if n < 2:  # noqa: PLR2004 - two make a difference
        return math.nan
    return float(t95(n - 1) * np.std(values, ddof=1) / math.sqrt(n))
