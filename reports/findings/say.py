"""How findings write numbers: shorter than tables do, for they stand in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from reports.telling import words

#: From ten per cent on, decimals say nothing to a reader.
PLAIN_SHARE = 0.0995


def share(value: float) -> str:
    """38 %, 2.4 %, <0.1 %; never a rounded 0 or 100."""
    if value < PLAIN_SHARE:
        return words.percent(value) if value else "0 %"
    if PLAIN_SHARE <= value < 1:
        return f"{min(100 * value, 99.9):.0f} %" if value < 0.995 else f"{min(100 * value, 99.9):.1f} %"  # noqa: PLR2004
    return f"{100 * value:.0f} %"


def part(some: int, of: int) -> str:
    """38 % of 1,204; nothing of nothing."""
    return f"{share(some / of)} of {words.count(of)}" if of else words.NOTHING


def count(number: int, one: str, many: str = "") -> str:
    """1 call, 2,741 calls."""
    return f"{words.count(number)} {one if number == 1 else many or one + 's'}"


def times(number: int) -> str:
    """Once, twice, 6 times."""
    return {1: "once", 2: "twice"}.get(number, f"{words.count(number)} times")


def seconds(value_s: float) -> str:
    """The form of a latency: 240 ms, 4.20 s."""
    return words.latency(1000 * value_s)


def rate(value: float) -> str:
    """15.8/s."""
    return f"{value:,.1f}/s" if value < 100 else f"{value:,.0f}/s"  # noqa: PLR2004 - decimals would be noise


def listed(parts: Sequence[str]) -> str:
    """A, b and c."""
    *others, last = parts
    return f"{', '.join(others)} and {last}" if others else last


def capital(text: str) -> str:
    """A sentence's first letter; names stay as they are."""
    return text[:1].upper() + text[1:]
