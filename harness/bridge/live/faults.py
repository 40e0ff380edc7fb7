"""The faults of the panel: what is asked for on the page, and what the mock server is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import ConfigError, expected

MOST_SECONDS = 3600
MOST_DELAY_S = 600

#: What a 429 of the panel's says: long enough to be seen on a screen, short enough for an evening of minutes.
RETRY_AFTER_S = 2


@dataclass(frozen=True, slots=True)
class Order:
    """One fault: its name in logs and records, how long it lasts, and a rule as the mock server reads it."""

    name: str
    seconds: float
    rule: dict[str, Any]

    @property
    def document(self) -> dict[str, Any]:
        """The body of `POST /admin/faults`."""
        return {"name": self.name, "seconds": self.seconds, **self.rule}


def order_from(asked: object) -> Order:
    """The order of `{"kind", "seconds"}` with "percent" of a throttle and "delay_s" of a slow one.

    Raises ConfigError.
    """
    if not isinstance(asked, Mapping):
        raise expected("the order", asked, "a JSON object")
    kind = asked.get("kind")
    known = {"kind", "seconds", *{"throttle": ("percent",), "slow": ("delay_s",)}.get(str(kind), ())}
    for key in asked:
        if key not in known:
            raise ConfigError(f"unknown key {str(key)[:40]!r}: expected {', '.join(sorted(known))}")
    seconds = _number(asked, "seconds", 1, MOST_SECONDS)
    match kind:
        case "outage":
            return Order("outage", seconds, {"action": "status", "status": 503})
        case "throttle":
            percent = _number(asked, "percent", 1, 100)
            rule = {"action": "status", "status": 429, "retry_after_s": RETRY_AFTER_S}
            return Order(f"429s {percent:g} %", seconds, rule | {"probability": percent / 100})
        case "slow":
            delay_s = _number(asked, "delay_s", 0.1, MOST_DELAY_S)
            return Order(f"slow {delay_s:g} s", seconds, {"action": "delay", "delay_ms": delay_s * 1000})
        case _:
            raise expected("kind", kind, "outage, throttle or slow")


def _number(asked: Mapping[str, Any], key: str, low: float, high: float) -> float:
    value = asked.get(key)
    # A NaN compares false with everything.
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise expected(key, value, f"a number from {low:g} to {high:g}")
    return float(value)
