"""Budgets as people give them; a web form sends text, and nothing as an empty one."""

from __future__ import annotations

from argparse import Action, ArgumentParser
from decimal import Decimal, InvalidOperation
from pathlib import Path

from harness.errors import ConfigError, expected
from harness.prices import PICODOLLARS, Prices, read_prices, shipped

#: Beyond it, somebody has mistaken the unit.
MOST_USD = 1_000_000


#: The options that set a limit: a real API needs at least one of them.
BUDGETS = "--max-usd, --max-requests, --max-tokens"


def add_budget(parser: ArgumentParser) -> Action:
    """What a run may spend; without a budget nothing leaves this machine. Returns the permission."""
    permission = parser.add_argument(
        "--allow-real-target",
        action="store_true",
        help="let requests leave this machine; needs one of the budgets below, too",
    )
    parser.add_argument(
        "--max-usd",
        default="",
        metavar="DOLLARS",
        help="spend at most this in all, by the list prices of harness/prices.toml, or --prices",
    )
    parser.add_argument(
        "--max-requests", type=int, default=None, metavar="N", help="send at most N requests in all"
    )
    parser.add_argument(
        "--max-tokens",
        type=int,
        default=None,
        metavar="N",
        help="use at most N tokens in all, of prompts and replies",
    )
    parser.add_argument(
        "--prices", default="", metavar="FILE.toml", help="prices of models, in place of the list that ships"
    )
    return permission


def check_allowed(where: str, *, real: bool, allowed: bool, limited: bool) -> None:
    """That requests to a real API were allowed, and given a budget. Raises ConfigError: what is missing."""
    missing = [] if allowed else ["--allow-real-target"]
    if not limited:
        missing.append(f"a budget ({BUDGETS}: at least one)")
    if real and missing:
        raise ConfigError(
            f"{where} is not on this machine, and requests to a real API cost money: to send to it, give"
            f" {' and '.join(missing)}"
        )


def prices_from(file: str | None) -> Prices:
    """The price table of a file, or the one that ships. Raises ConfigError."""
    return read_prices(Path(file)) if file else shipped()


def count(name: str, value: int | str | None) -> int | None:
    """A number of at least 1, or None. Raises ConfigError."""
    if value is None or value == "":
        return None
    try:
        number = int(value)
    except ValueError:
        number = 0
    if number < 1:
        raise expected(name, value, "a whole number, at least 1")
    return number


def picodollars(name: str, value: str | float | None) -> int | None:
    """Dollars as picodollars, exactly, or None. Raises ConfigError."""
    if value is None or value == "":
        return None
    try:
        dollars = Decimal(str(value).strip().removeprefix("$"))
    except InvalidOperation:
        dollars = Decimal(0)
    whole = int(dollars * PICODOLLARS) if dollars.is_finite() and dollars <= MOST_USD else 0
    if whole < 1:
        raise expected(name, value, f"US dollars, more than 0 and at most {MOST_USD:,}, such as 2.50")
    return whole
