"""Prices, costs and budgets in words."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from harness.prices import PICODOLLARS, Price
from harness.spending.amount import UNLIMITED, Amount
from harness.spending.estimate import Estimate

#: Picodollars a token to dollars a million tokens.
_MILLION = 10**6

TEN_CENTS = 0.1


@dataclass(frozen=True, slots=True)
class Offered:
    """What is to be consented to. `price` is None where `source`, the price table, has none for the model.

    `tries` are the attempts that the policy allows a call.
    """

    api: str
    wire: str
    model: str
    key: str
    price: Price | None
    source: str
    limit: Amount
    estimate: Estimate
    tries: int


def table(offered: Offered) -> str:
    """All that somebody has to know who pays: a line each."""
    rows = [
        ("API", f"{offered.api} (wire {offered.wire}, key from {offered.key})"),
        ("model", f"{offered.model}, {_price(offered)}"),
        ("offer", _offer(offered.estimate)),
        ("estimate", _estimate(offered)),
        ("at most", _most(offered)),
        ("budget", f"{budget(offered.limit)}: the run stops there, what is in flight included"),
        ("at once", f"the budget covers {_in_flight(offered):,} requests in flight, each at its most"),
    ]
    return "\n".join(f"  {name:<9} {text}" for name, text in rows)


def budget(limit: Amount) -> str:
    """The limits that are set."""
    parts = [
        None if limit.picodollars >= UNLIMITED else dollars(limit.picodollars),
        None if limit.requests >= UNLIMITED else f"{limit.requests:,} requests",
        None if limit.tokens >= UNLIMITED else f"{limit.tokens:,} tokens",
    ]
    return ", ".join(part for part in parts if part)


def part_spent(spent: Amount, limit: Amount) -> str:
    """How much of each limit that is set."""
    parts = [
        None
        if limit.picodollars >= UNLIMITED
        else f"{dollars(spent.picodollars)} of {dollars(limit.picodollars)}",
        None if limit.requests >= UNLIMITED else f"{spent.requests:,} of {limit.requests:,} requests",
        None if limit.tokens >= UNLIMITED else f"{spent.tokens:,} of {limit.tokens:,} tokens",
    ]
    return ", ".join(part for part in parts if part)


def dollars(picodollars: int) -> str:
    """Money in cents; less than ten of them in three figures that count."""
    amount = picodollars / PICODOLLARS
    if amount >= TEN_CENTS or not amount:
        return f"${amount:,.2f}"
    return "$" + format(Decimal(f"{amount:.3g}"), "f")


def _price(offered: Offered) -> str:
    if offered.price is None:
        return f"no price in {offered.source}: see --prices"
    prompt, reply = offered.price.prompt / _MILLION, offered.price.completion / _MILLION
    return f"${prompt:,.2f} a million tokens of prompt, ${reply:,.2f} of reply ({offered.source})"


def _offer(found: Estimate) -> str:
    calls = "calls in a closed loop" if found.calls is None else f"{found.calls:,} calls"
    return (
        f"{calls}, each of about {found.prompt_tokens:,} tokens of prompt and {found.reply_tokens:,} of reply"
    )


def _estimate(offered: Offered) -> str:
    found = offered.estimate
    if found.calls is None or found.tokens is None:
        return "none: a closed loop makes as many calls as its time and the budget allow"
    money = None if offered.price is None else found.picodollars(offered.price)
    return f"{_priced(money)}{found.tokens:,} tokens, if each call is sent once"


def _most(offered: Offered) -> str:
    """Every call at its longest, with all of its attempts: what the budget is there for."""
    found, one = offered.estimate, offered.estimate.most_call
    money = None if offered.price is None else one.picodollars
    text = f"{_priced(money)}{one.tokens:,} tokens a request"
    if found.calls is None:
        return text
    requests = found.calls * offered.tries
    total = f"{_priced(None if money is None else money * requests)}{one.tokens * requests:,} tokens"
    return f"{text}, {total} if every call takes {offered.tries} of them"


def _in_flight(offered: Offered) -> int:
    """How many of the largest requests the budget covers at one time: further ones wait, or are refused."""
    one, limit = offered.estimate.most_call.message(), offered.limit.message()
    covered = (most // each for each, most in zip(one, limit, strict=True) if each and most < UNLIMITED)
    return min(covered, default=0)


def _priced(picodollars: int | None) -> str:
    return "" if picodollars is None else f"{dollars(picodollars)}, "
