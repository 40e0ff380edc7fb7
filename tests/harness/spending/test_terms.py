"""What was asked for, for all processes or for one."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import ConfigError
from harness.prices import Price, Prices
from harness.spending.amount import UNLIMITED, Amount, limit
from harness.spending.given import picodollars
from harness.spending.meter import Meter
from harness.spending.terms import Terms, terms_of

PRICES = Prices("paper.toml", {"m": Price(1, 2)})


def asked(
    requests: int | None = None,
    tokens: int | None = None,
    usd: int | None = None,
    *,
    real: bool = False,
    **models: str,
) -> Terms | None:
    return terms_of(requests, tokens, usd, prices=PRICES, models=models or {"--model": "m"}, real=real)


def terms(*budget: int | None, **more: Any) -> Terms:
    found = asked(*budget, **more)
    assert found is not None
    return found


def test_a_mock_server_without_a_budget_is_not_counted() -> None:
    assert asked() is None
    assert terms(5) == Terms(limit(requests=5), Meter())  # requests alone are counted without a look


def test_a_real_api_is_always_counted_and_priced_where_it_can_be() -> None:
    assert terms(5, real=True).meter == Meter(tokens=True, prices=PRICES)
    assert terms(5, real=True, model="unknown").meter == Meter(tokens=True)


def test_dollars_need_a_price_for_every_model() -> None:
    assert terms(None, None, 7).meter == Meter(tokens=True, prices=PRICES, strict=True)
    with pytest.raises(
        ConfigError, match=r"--max-usd: no price for x \(second\) in paper.toml: give --prices"
    ):
        asked(None, None, 7, first="m", second="x")


def test_shares_add_up_and_none_is_nothing() -> None:
    whole = terms(7, 11)
    parts = [whole.part(index, 3).limit for index in range(3)]
    assert parts == [Amount(3, 4, UNLIMITED), Amount(2, 4, UNLIMITED), Amount(2, 3, UNLIMITED)]
    with pytest.raises(ConfigError, match="too little for 8 workers"):
        whole.part(7, 8)


def test_what_is_left_of_no_limit_is_no_limit() -> None:
    assert terms(7).less(Amount(2, 50, 60)).limit == limit(requests=5)
    assert terms(7).finite == Amount(7, 0, 0)


def test_terms_travel_between_processes() -> None:
    sent = terms(7, None, 90, real=True)
    assert Terms.of(sent.message()) == sent


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("2.50", 2_500_000_000_000),
        ("$0.1", 100_000_000_000),
        (3, 3_000_000_000_000),
        ("", None),
        (None, None),
    ],
)
def test_dollars_are_exact(text: Any, amount: int | None) -> None:
    assert picodollars("--max-usd", text) == amount
