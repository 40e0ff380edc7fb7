"""What an offer will cost, and how it is said."""

from __future__ import annotations

from dataclasses import replace

from harness.prices import Price
from harness.spending.amount import Amount, limit
from harness.spending.estimate import Estimate, Sample, estimate
from harness.spending.said import Offered, budget, dollars, table

#: $2 and $8 a million tokens.
PRICE = Price(2_000_000, 8_000_000)

SAMPLES = (
    Sample(400, 100, None, Amount(1, 500, 1_600_000_000)),
    Sample(801, 300, 20, Amount(1, 1101, 4_002_000_000)),
)


def test_it_is_the_mean_of_the_requests_looked_at() -> None:
    # 400 / 4 = 100 and ceil(801 / 4) = 201 tokens of prompt, 100 and (as planned) 20 of reply.
    found = estimate(1_000, SAMPLES)
    assert found == Estimate(1_000, 151, 60, Amount(1, 1101, 4_002_000_000))
    assert found.tokens == 211_000
    assert found.picodollars(PRICE) == 1_000 * (151 * 2_000_000 + 60 * 8_000_000)


OFFERED = Offered(
    api="https://api.example",
    wire="openai",
    model="m",
    key="OPENAI_API_KEY",
    price=PRICE,
    source="prices.toml",
    limit=limit(requests=500, picodollars=2_500_000_000_000),
    estimate=estimate(1_000, SAMPLES),
    tries=3,
)


def test_all_that_matters_to_who_pays_is_in_the_table() -> None:
    assert table(OFFERED).splitlines() == [
        "  API       https://api.example (wire openai, key from OPENAI_API_KEY)",
        "  model     m, $2.00 a million tokens of prompt, $8.00 of reply (prices.toml)",
        "  offer     1,000 calls, each of about 151 tokens of prompt and 60 of reply",
        "  estimate  $0.78, 211,000 tokens, if each call is sent once",
        "  at most   $0.004, 1,101 tokens a request, $12.01, 3,303,000 tokens if every call takes 3 of them",
        "  budget    $2.50, 500 requests: the run stops there, what is in flight included",
        "  at once   the budget covers 500 requests in flight, each at its most",
    ]


def test_a_model_without_a_price_has_no_cost() -> None:
    shown = table(replace(OFFERED, price=None, limit=limit(tokens=9_000)))
    assert "m, no price in prices.toml: see --prices" in shown
    assert "estimate  211,000 tokens" in shown
    assert "budget    9,000 tokens" in shown
    assert "covers 8 requests in flight" in shown


def test_nobody_knows_how_often_a_closed_loop_will_call() -> None:
    shown = table(replace(OFFERED, estimate=estimate(None, SAMPLES)))
    assert "calls in a closed loop, each of about 151" in shown
    assert "estimate  none" in shown
    assert "at most   $0.004, 1,101 tokens a request\n" in shown


def test_money_is_in_cents_and_small_sums_in_figures_that_count() -> None:
    sums = (0, 1_234_567_890_000_000, 123_456_000_000, 1_600_000_000, 10_000_000)
    assert [dollars(sum_) for sum_ in sums] == ["$0.00", "$1,234.57", "$0.12", "$0.0016", "$0.00001"]
    assert budget(limit(requests=1_000, tokens=2)) == "1,000 requests, 2 tokens"
