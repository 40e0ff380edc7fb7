"""Faults injected by hand, from now on for so long: they come before the profile's own rules."""

from dataclasses import dataclass

from mockserver.core.decisions import Arrival
from mockserver.core.evening import EveningClock
from mockserver.core.faults import RequestFaults
from mockserver.rules import RequestRule

# In force at once; the bound of what an operator's script could pile up.
MOST_INJECTED = 100


@dataclass(frozen=True, slots=True)
class Injection:
    """One of them; its end is on the clock of whoever drives the core."""

    number: int
    rule: RequestRule
    until_us: int


class InjectedFaults:
    """Those in force, the newest first: who injects something wants to see that, and not the one before.

    Each draws from a stream of its own, so that two of the same kind meet different attempts.
    """

    __slots__ = ("_in_force", "_last")

    def __init__(self) -> None:
        self._in_force: list[tuple[Injection, RequestFaults]] = []
        self._last = 0

    def add(self, rule: RequestRule, duration_us: int, now_us: int) -> Injection | None:
        """In force from now on; None where too many are already."""
        self._forget(now_us)
        if len(self._in_force) >= MOST_INJECTED:
            return None
        self._last += 1
        injection = Injection(self._last, rule, now_us + duration_us)
        faults = RequestFaults((rule,), stream=f"injected-fault-{self._last}")
        self._in_force.insert(0, (injection, faults))
        return injection

    def clear(self) -> None:
        """None any more."""
        self._in_force.clear()

    def meet(self, arrival: Arrival, seed: int, clock: EveningClock, now_us: int) -> RequestRule | None:
        """The injected fault of this attempt, if it is made now."""
        if not self._in_force:
            return None
        self._forget(now_us)
        for _, faults in self._in_force:
            rule = faults.meet(arrival, seed, clock, now_us)
            if rule is not None:
                return rule
        return None

    def in_force(self, now_us: int) -> list[Injection]:
        """The newest first."""
        self._forget(now_us)
        return [injection for injection, _ in self._in_force]

    def _forget(self, now_us: int) -> None:
        if any(injection.until_us <= now_us for injection, _ in self._in_force):
            self._in_force = [pair for pair in self._in_force if pair[0].until_us > now_us]
