"""Counter-based random draws: a pure function of (seed, stream, ids), whatever was drawn before.

So a call meets the same evening under every policy, in any order of arrival and in any process.
"""

import math
from hashlib import blake2b
from statistics import NormalDist

_STANDARD = NormalDist()


def uniform(seed: int, stream: str, number: int, attempt: int | None = None) -> float:
    """A uniform draw inside (0, 1), never at its ends."""
    text = f"{seed}/{stream}/{number}" if attempt is None else f"{seed}/{stream}/{number}/{attempt}"
    bits = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 12
    # 52 bits and a half: exact in a double, so that the largest draw cannot round up to 1.
    return (bits + 0.5) * 2.0**-52


def standard_normal(u: float) -> float:
    """The standard normal quantile of u."""
    return _STANDARD.inv_cdf(u)


def lognormal(u: float, median: float, sigma: float) -> float:
    """The quantile of u of a lognormal: median * exp(sigma * z)."""
    return median * math.exp(sigma * standard_normal(u))
