"""One seed, split into named streams: the only place randomness comes from.

A stream depends on the seed and its names alone, not on process, hash seed or order of use.
"""

from __future__ import annotations

from hashlib import blake2b
from random import Random

import numpy as np


def _digest(seed: int, names: tuple[str | int, ...]) -> int:
    text = "\x1f".join(str(part) for part in (seed, *names))
    return int.from_bytes(blake2b(text.encode(), digest_size=16).digest(), "big")


def stream(seed: int, *names: str | int) -> Random:
    """A generator of its own for `(seed, *names)`."""
    return Random(_digest(seed, names))


def array_stream(seed: int, *names: str | int) -> np.random.Generator:
    """As `stream`, for whole arrays of draws."""
    return np.random.Generator(np.random.PCG64(_digest(seed, names)))
