"""Strict reading of TOML or JSON tables: every key is known, every value has its type and range.

The errors name the field, its value and what was expected, and the nearest known key for a misspelt one.
"""

import difflib
import math
import re
from collections.abc import Iterable, Mapping

from mockserver.errors import ProfileError
from mockserver.rules import ClockWindow

# A number that fits 64 bits has no more; a value in a message is cut at that length.
MAX_DIGITS = 19
MAX_SHOWN = 80

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def nearest(word: str, known: Iterable[str]) -> str:
    """` (did you mean 'x'?)`, or an empty string when nothing known is near."""
    found = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean '{found[0]}'?)" if found else ""


def clock_minute(where: str, value: object) -> int:
    """Minutes of the day of an "HH:MM"."""
    match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise wrong(where, value, 'a time like "20:05"')
    return int(match[1]) * 60 + int(match[2])


def clock_window(where: str, value: object) -> ClockWindow:
    """The window of an "HH:MM-HH:MM"; one whose end is its start is refused as empty."""
    expected = 'a window like "19:30-20:30"'
    if not isinstance(value, str) or value.count("-") != 1:
        raise wrong(where, value, expected)
    start, end = (part.strip() for part in value.split("-"))
    if not (_CLOCK.fullmatch(start) and _CLOCK.fullmatch(end)) or start == end:
        raise wrong(where, value, expected)
    return ClockWindow(clock_minute(where, start), clock_minute(where, end))


def window_text(window: ClockWindow) -> str:
    """What `clock_window` reads back."""
    return f"{minute_text(window.start_min)}-{minute_text(window.end_min)}"


def minute_text(minute: int) -> str:
    """What `clock_minute` reads back."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def wrong(where: str, value: object, expected: str) -> ProfileError:
    shown = repr(value)
    if len(shown) > MAX_SHOWN:
        shown = shown[:MAX_SHOWN] + "..."
    return ProfileError(f"{where} = {shown}: expected {expected}")


def shown(text: str) -> str:
    """A caller's text as a message repeats it: printable, and cut where it is long."""
    printable = text if text.isprintable() else ascii(text)
    return printable if len(printable) <= MAX_SHOWN else f"{printable[:MAX_SHOWN]}..."


def is_digits(text: str) -> bool:
    """Whether int() may read it: alone it would take "1_000", " 7" and other scripts' digits too."""
    return text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS


class Table:
    """One table being read: each key is asked for once, then `finish` refuses whatever is left."""

    def __init__(self, where: str, value: object) -> None:
        if not isinstance(value, Mapping):
            raise wrong(where or "the document", value, "a table")
        self._where = where
        self._values = value
        self._asked: dict[str, None] = {}

    def path(self, key: str) -> str:
        return f"{self._where}.{key}" if self._where else key

    def has(self, key: str) -> bool:
        return key in self._values

    def raw(self, key: str, default: object) -> object:
        self._know(key)
        return self._values.get(key, default)

    def table(self, key: str) -> "Table":
        """The table under `key`; an empty one when absent."""
        return Table(self.path(key), self.raw(key, {}))

    def tables(self, key: str) -> "list[Table]":
        """The array of tables under `key`."""
        value = self.raw(key, [])
        if not isinstance(value, list):
            raise wrong(self.path(key), value, "an array of tables")
        return [Table(f"{self.path(key)}[{index}]", item) for index, item in enumerate(value)]

    def named_tables(self, key: str) -> "list[tuple[str, Table]]":
        """The tables under `key`, each with its own name."""
        value = self.raw(key, {})
        if not isinstance(value, Mapping):
            raise wrong(self.path(key), value, "a table of tables")
        for name in value:
            if not str(name).isprintable():
                raise wrong(self.path(key), name, "printable names")
        return [(str(name), Table(f'{self.path(key)}."{name}"', item)) for name, item in value.items()]

    def number(self, key: str, default: float, low: float, high: float) -> float:
        """A finite number in [low, high]."""
        value = self.raw(key, default)
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, float))
            or not _finite(value)
            or not low <= value <= high
        ):
            raise wrong(self.path(key), value, f"a number from {low:g} to {high:g}")
        return float(value)

    def optional_number(self, key: str, low: float, high: float) -> float | None:
        self._know(key)
        return self.number(key, low, low, high) if self.has(key) else None

    def integer(self, key: str, default: int, low: int, high: int) -> int:
        """A whole number in [low, high]."""
        value = self.raw(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise wrong(self.path(key), value, f"a whole number from {low} to {high}")
        return value

    def optional_integer(self, key: str, low: int, high: int) -> int | None:
        self._know(key)
        return self.integer(key, low, low, high) if self.has(key) else None

    def boolean(self, key: str, default: bool) -> bool:  # noqa: FBT001 - a default value, not a flag
        value = self.raw(key, default)
        if not isinstance(value, bool):
            raise wrong(self.path(key), value, "true or false")
        return value

    def text(self, key: str, default: str) -> str:
        value = self.raw(key, default)
        if not isinstance(value, str) or not value.isprintable() or not value:
            raise wrong(self.path(key), value, "a printable text")
        return value

    def optional_text(self, key: str) -> str | None:
        self._know(key)
        return self.text(key, "") if self.has(key) else None

    def optional_window(self, key: str) -> ClockWindow | None:
        self._know(key)
        return clock_window(self.path(key), self.raw(key, None)) if self.has(key) else None

    def refuse(self, keys: Iterable[str], why: str) -> None:
        """Refuse the first of these keys that is there."""
        for key in keys:
            if key in self._values:
                raise ProfileError(f"{self.path(key)} {why}")

    def finish(self) -> None:
        """Refuse the first key that nobody asked for."""
        for key in self._values:
            if key not in self._asked:
                name = str(key) if str(key).isprintable() else repr(key)
                raise ProfileError(
                    f"unknown key {self.path(name[:MAX_SHOWN])}{nearest(name, self._asked)}; "
                    f"known here: {', '.join(self._asked)}"
                )

    def _know(self, key: str) -> None:
        # An absent key is known all the same: `finish` must be able to suggest it.
        self._asked[key] = None


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an int beyond the range of floats
        return False
