"""The middle of a turn, in which calls are counted: everyone is given the same time to start and to stop."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NS_PER_S = 1_000_000_000

#: Left out at the start of a turn, and again at its end.
MARGIN_S = 1.0


def per_s_in_the_middle(at_ns: NDArray[np.int64], length_s: float) -> float:
    """Instants a second, of those in the middle of a turn that began at 0.

    Raises ValueError for a turn that has no middle.
    """
    middle_s = length_s - 2 * MARGIN_S
    if middle_s <= 0:
        raise ValueError(f"a turn of {length_s:g} s: expected more than {2 * MARGIN_S:g} s")
    first_ns, end_ns = MARGIN_S * NS_PER_S, (length_s - MARGIN_S) * NS_PER_S
    return int(np.count_nonzero((at_ns >= first_ns) & (at_ns < end_ns))) / middle_s
