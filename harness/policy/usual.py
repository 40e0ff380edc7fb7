"""How long a thing usually takes, and nearly always."""

from __future__ import annotations

#: Weights of the newest sample in mean and deviation: those of RFC 6298's SRTT and RTTVAR.
SMOOTHING = 1 / 8
DEVIATION_SMOOTHING = 1 / 4

#: Deviations above the mean within which nearly all samples lie. TCP takes 4: too patient where what is given
#: up for is time that others need (reports/experiments/queue-and-deadline.toml).
DEVIATIONS = 2


class Usual:
    """A smoothed duration in nanoseconds, as TCP smooths its round trips; 0 before the first sample."""

    def __init__(self) -> None:
        self.ns = 0.0
        self._deviation_ns = 0.0

    def note(self, took_ns: int) -> None:
        """One more sample."""
        if not self.ns:
            self.ns, self._deviation_ns = float(took_ns), took_ns / 2
            return
        off_ns = took_ns - self.ns
        self._deviation_ns += DEVIATION_SMOOTHING * (abs(off_ns) - self._deviation_ns)
        self.ns += SMOOTHING * off_ns

    @property
    def nearly_all_ns(self) -> float:
        """What nearly all samples are within: mean + 2 mean deviations (RFC 6298, section 2, with K = 2)."""
        return self.ns + DEVIATIONS * self._deviation_ns
