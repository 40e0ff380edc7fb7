"""What a run offers, however it is played: its arrivals, and what its manifest says of them."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, cast

from harness.errors import ConfigError, expected
from harness.policy.config import Policy
from harness.policy.parse import values
from harness.policy.split import split
from harness.workload import curve
from harness.workload.arrivals import LAWS, Law
from harness.workload.schedule import Schedule, from_curve
from harness.workload.spans import Window

#: Every arrival's instant is drawn before the run: so many take half a gigabyte.
MOST_ARRIVALS = 20_000_000

#: The word for a closed loop where a law of arrivals is asked for.
CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Offer:
    """What a run offers: its schedule (None in a closed loop), its length, and what its manifest says."""

    schedule: Schedule | None
    length_s: float
    window: Window | None
    about: dict[str, Any]

    @property
    def digest(self) -> str:
        """Of its arrivals: alike where two processes will play parts of the same; empty of a closed loop."""
        if self.schedule is None:
            return ""
        return blake2b(self.schedule.at_ns.tobytes(), digest_size=16).hexdigest()


def evening_offer(window: Window, length_s: float, peak_rps: float, arrivals: str, seed: int) -> Offer:
    """The Thai evening between the window's ends, played in `length_s`. Raises ConfigError."""
    rates = curve.evening(window, length_s, peak_rps)
    return _curve_offer(rates, arrivals, seed, window, {"peak_rps": peak_rps, "window": str(window)})


def steady_offer(rate: float, length_s: float, arrivals: str, seed: int) -> Offer:
    """The same rate throughout. Raises ConfigError."""
    return _curve_offer(curve.constant(rate, length_s), arrivals, seed, None, {"rate": rate})


def _curve_offer(
    rates: curve.RateCurve, arrivals: str, seed: int, window: Window | None, about: dict[str, Any]
) -> Offer:
    about = {"arrivals": arrivals, **about}
    if arrivals not in {*LAWS, CLOSED}:  # the web UI's form is not held to the choices
        raise expected("--arrivals", arrivals, f"one of {', '.join(LAWS)}, {CLOSED}")
    if arrivals == CLOSED:
        return Offer(None, rates.length_s, window, about)
    if rates.total > MOST_ARRIVALS:
        raise ConfigError(
            f"{rates.total:,.0f} arrivals in {rates.length_s:g} s: expected at most {MOST_ARRIVALS:,}"
        )
    return Offer(from_curve(rates, cast("Law", arrivals), seed), rates.length_s, window, about)


def clock_document(window: Window | None, length_s: float) -> dict[str, Any] | None:
    """The hours that a run stands for; None where there are none."""
    if window is None:
        return None
    start, end = str(window).split("-")
    return {"zone": "ICT", "start": start, "end": end, "duration_s": length_s}


def schedule_document(scenario: str, offer: Offer) -> dict[str, Any]:
    """A manifest's `schedule`."""
    return {
        "scenario": scenario,
        **offer.about,
        "window": None if offer.window is None else str(offer.window),
        "duration_s": offer.length_s,
        "count": None if offer.schedule is None else len(offer.schedule.at_ns),
        "clock": clock_document(offer.window, offer.length_s),
        "curve": None if offer.schedule is None else offer.schedule.curve_points(),
    }


def policy_document(policy: Policy, workers: int, *, first: int = 0) -> dict[str, Any]:
    """A manifest's `policy`: of the whole run, and as its workers, numbered from `first` on, divide it."""
    return {
        "name": policy.name,
        "values": values(policy),
        "per_worker": {str(first + i): values(split(policy, i, workers)) for i in range(workers)},
    }
