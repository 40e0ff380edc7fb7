"""How long a thing usually takes."""

from __future__ import annotations

#: Weight of the newest sample: that of RFC 6298's SRTT.
SMOOTHING = 1 / 8


class Usual:
    """A smoothed duration in nanoseconds, as TCP smooths its round trips; 0 before the first sample."""

    def __init__(self) -> None:
        self.ns = 0.0

    def note(self, took_ns: int) -> None:
        """One more sample."""
        self.ns += (SMOOTHING if self.ns else 1.0) * (took_ns - self.ns)
