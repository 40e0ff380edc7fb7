"""What a study may set: the ranges of policy keys, as a spec has them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.errors import ConfigError
from harness.policy.parse import unread_keys, values
from mockserver.tables import Table, wrong
from reports.errors import SpecError
from reports.sweep.spec import flat
from reports.virtual.stage import Stage

#: Floats are sought in three significant digits: nobody could say what a fourth is worth.
DIGITS = 3

#: Whole numbers beyond this are not exact as floats, and no setting is as large.
MOST_END = 1e15


@dataclass(frozen=True, slots=True)
class Range:
    """What a policy key may be: from `low` to `high` (whole numbers where both are), or one of `choices`."""

    key: str
    low: float = 0.0
    high: float = 0.0
    whole: bool = False
    log: bool = False
    choices: tuple[Any, ...] = ()

    def holds(self, value: Any) -> bool:
        """Whether a value lies within it."""
        if self.choices:
            return value in self.choices
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return self.low <= value <= self.high and not (self.whole and value % 1)

    def rounded(self, value: float) -> float | int:
        """A value of it as it is set: whole, or of three significant digits, and never outside."""
        if self.whole:
            return round(value)
        return min(self.high, max(self.low, float(f"{value:.{DIGITS}g}")))


def read_ranges(table: Any, stage: Stage) -> tuple[Range, ...]:
    """The ranges of a spec's [range]. Raises ProfileError or SpecError for the first thing wrong."""
    if not isinstance(table, Mapping) or not table:
        raise wrong("range", table, 'a table such as "concurrency.limit" = { min = 20, max = 200 }')
    found = tuple(_range(key, value) for key, value in flat(table, "", leaf=_is_range).items())
    for sought in found:
        if sought.key == "preset":
            raise SpecError("range.preset: a study starts from one policy: expected keys of it")
        for value in _ends(sought):
            _check(stage, found, sought.key, value)
    return found


def _ends(sought: Range) -> list[Any]:
    """The values that stand for a range: all of a choice, else its two ends."""
    return list(sought.choices) or [sought.rounded(sought.low), sought.rounded(sought.high)]


def _is_range(value: Mapping[str, Any]) -> bool:
    ends = (value[key] for key in ("min", "max", "choices") if key in value)
    return any(not isinstance(end, Mapping) for end in ends)  # `concurrency.max` is a key, too


def _range(key: str, value: Any) -> Range:
    what = "{ min = 1, max = 10 } (with log = true for a logarithmic one) or { choices = [...] }"
    if not isinstance(value, Mapping) or not _is_range(value):
        raise wrong(f"range.{key}", value, what)
    table = Table(f"range.{key}", value)
    choices = table.raw("choices", None)
    if choices is not None:
        table.finish()
        if (
            not isinstance(choices, list)
            or not choices
            or len({str(c) for c in choices}) < len(choices)
            or any(isinstance(choice, Mapping) for choice in choices)
        ):
            raise wrong(f"range.{key}.choices", choices, "a list of different values")
        return Range(key, choices=tuple(choices))
    low, high = _end(table, "min"), _end(table, "max")
    log = table.boolean("log", False)
    table.finish()
    if low >= high:
        raise SpecError(f"range.{key}: min = {low} is not less than max = {high}")
    if log and low <= 0:
        raise wrong(f"range.{key}.min", low, "more than 0 for a logarithmic range")
    return Range(key, low, high, whole=isinstance(low, int) and isinstance(high, int), log=log)


def _end(table: Table, key: str) -> float | int:
    value = table.raw(key, None)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong(table.path(key), value, "a number")
    if not abs(value) <= MOST_END:
        raise wrong(table.path(key), value, "a finite number, 1e15 at most")
    return value


def _check(stage: Stage, ranges: tuple[Range, ...], key: str, value: Any) -> None:
    """Raise SpecError for an end of a range that no policy may have.

    One that only another key of its section stands in the way of (`concurrency.initial` above `max`) is fine
    if that key's range has a value for it: the search leaves out what is no policy.
    """
    section = key.rpartition(".")[0]
    beside = [r for r in ranges if r.key != key and r.key.rpartition(".")[0] == section]
    why: ConfigError | None = None
    for others in ((), *itertools.product(*map(_ends, beside))):
        settings = {key: value, **dict(zip((r.key for r in beside), others, strict=False))}
        read = read_ones(stage, settings)
        try:
            stage.policy(read if key in read else settings)
            stage.queue(settings)
        except ConfigError as error:
            why = why or error
        else:
            return
    raise SpecError(f"range.{key}: {why}")


def read_ones(stage: Stage, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without the keys that nothing reads, as those of a breaker that is off."""
    unread = unread_keys(values(stage.policy({})), settings)
    return {key: value for key, value in settings.items() if key not in unread}
