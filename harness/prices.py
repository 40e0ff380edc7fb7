"""A price table: what the tokens of a model cost. One ships; the user may give another."""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from harness.errors import ConfigError
from harness.files import why

TABLE = "usd_per_million_tokens"
SHIPPED = "prices.toml"

#: A millionth of a dollar per million tokens is a picodollar a token: prices are whole numbers of these.
PICODOLLARS = 10**12
MOST_DECIMALS = 6

#: Nobody asks more for a million tokens; a value beyond it was meant per something else.
DEAREST_USD = 1_000_000

_LONGEST_SHOWN = 80

# How providers name one version of a model, behind its name: -2025-04-14, -20250514, -latest.
_VERSION = re.compile(r"-(?:\d{8}|\d{4}-\d{2}-\d{2}|latest)$")


@dataclass(frozen=True, slots=True)
class Price:
    """Of a model: picodollars a token of the prompt, and of the completion."""

    prompt: int
    completion: int


@dataclass(frozen=True, slots=True)
class Prices:
    """A price table; `source` says where it comes from."""

    source: str
    models: dict[str, Price]

    def of(self, model: str) -> Price | None:
        """The price of a model: by its very name, else by the name before its date; None without one."""
        return self.models.get(model) or self.models.get(_VERSION.sub("", model))


@cache
def shipped() -> Prices:
    """The table that ships."""
    text = resources.files("harness").joinpath(SHIPPED).read_text(encoding="utf-8")
    return parse(text, SHIPPED)


def read_prices(path: Path) -> Prices:
    """The table of a file. Raises ConfigError for one that cannot be read or is no price table."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {why(error, path)}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text: byte {error.start}") from error
    return parse(text, str(path))


def parse(text: str, source: str) -> Prices:
    """A table from TOML, exactly as written: decimals stay decimals. Raises ConfigError naming `source`."""
    try:
        document = tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        # Which also is what a model that is listed twice ends in.
        raise ConfigError(f"{source}: not TOML: {error}") from error
    try:
        _refuse_others(document, (TABLE,), "")
        models = _table(document.get(TABLE), TABLE)
        return Prices(source, {name: _price(_path(name), row) for name, row in models.items()})
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from error


def _price(path: str, row: Any) -> Price:
    values = _table(row, path)
    _refuse_others(values, ("prompt", "completion"), f"{path}.")
    return Price(_picodollars(values, path, "prompt"), _picodollars(values, path, "completion"))


def _picodollars(values: dict[str, Any], path: str, key: str) -> int:
    """Picodollars a token, from dollars per million."""
    given = values.get(key)
    if given is None:
        raise ConfigError(f"{path}.{key} is missing: expected US dollars per million tokens")
    if isinstance(given, bool) or not isinstance(given, int | Decimal):
        raise _wrong(f"{path}.{key}", given)
    value = Decimal(given)
    if not value.is_finite() or not 0 <= value <= DEAREST_USD:
        raise _wrong(f"{path}.{key}", given)
    whole = int(value.scaleb(MOST_DECIMALS).to_integral_value())
    # Scaling rounds, comparing does not.
    if Decimal(whole).scaleb(-MOST_DECIMALS) != value:
        raise _wrong(f"{path}.{key}", given, f"at most {MOST_DECIMALS} decimals")
    return whole


def _table(value: Any, path: str) -> dict[str, Any]:
    if value is None:
        raise ConfigError(f"[{path}] is missing: expected a table of models")
    if not isinstance(value, dict) or not value:
        raise _wrong(path, value, "a table such as { prompt = 2.00, completion = 8.00 }")
    return value


def _refuse_others(values: dict[str, Any], known: tuple[str, ...], prefix: str) -> None:
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise ConfigError(f"unknown key {_shown(prefix + key)}{hint}; known here: {', '.join(known)}")


def _path(model: str) -> str:
    return _shown(f'{TABLE}."{model}"')


def _wrong(
    path: str, value: Any, expected: str = f"US dollars per million tokens, from 0 to {DEAREST_USD:,}"
) -> ConfigError:
    shown = str(value) if isinstance(value, Decimal) else repr(value)
    return ConfigError(f"{path} = {_shown(shown)}: expected {expected}")


def _shown(text: str) -> str:
    printable = text if text.isprintable() else ascii(text)
    return printable if len(printable) <= _LONGEST_SHOWN else f"{printable[:_LONGEST_SHOWN]}..."
