"""Retry budget: a token bucket that keeps retries a fraction of calls."""

from __future__ import annotations

from harness.policy.config import BudgetConfig
from harness.units import NS


class RetryBudget:
    """Amplification stays at most 1 + ratio + (cap + min_per_s * T) / calls over any time T.

    After Twitter Finagle's RetryBudget. It starts full.
    """

    def __init__(self, config: BudgetConfig) -> None:
        self._config = config
        self._tokens = config.cap
        self._at_ns: int | None = None

    def deposit(self, now_ns: int) -> None:
        """A call arrived."""
        self._accrue(now_ns)
        self._tokens = min(self._config.cap, self._tokens + self._config.ratio)

    def withdraw(self, now_ns: int) -> bool:
        """Pay for one retry; False when there is not enough."""
        if self._config.kind == "off":
            return True
        self._accrue(now_ns)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def refund(self, now_ns: int) -> None:
        """A retry that was paid for was not let through."""
        self._accrue(now_ns)
        self._tokens = min(self._config.cap, self._tokens + 1)

    def _accrue(self, now_ns: int) -> None:
        if self._at_ns is not None:
            earned = self._config.min_per_s * (now_ns - self._at_ns) / NS
            self._tokens = min(self._config.cap, self._tokens + earned)
        self._at_ns = now_ns
