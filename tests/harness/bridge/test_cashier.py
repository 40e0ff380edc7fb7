"""The head's side of a budget."""

from __future__ import annotations

import msgspec

from harness.bridge.cashier import Cashier, Spent, ask_from, budget_document, grant_from
from harness.bridge.plan import Plan
from harness.bridge.till import till_of
from harness.play.tally import Tally
from harness.prices import Price, Prices
from harness.spending.amount import NOTHING, UNLIMITED, Amount, limit
from harness.spending.meter import Meter
from harness.spending.terms import Terms
from harness.spending.treasury import Ask

PRICES = Prices("paper.toml", {"m": Price(1_000_000, 2_000_000)})
TERMS = Terms(limit(requests=100, picodollars=10**12), Meter(tokens=True, prices=PRICES, strict=True))
TRIAL = Amount(1, 9, 10_000_000)


def cashier() -> Cashier:
    return Cashier(TERMS, ["a", "b"], TRIAL)


def spent(*amount: int, finished: bool = False, exhausted: bool = False) -> Tally:
    return Tally(spent=list(amount), finished=finished, exhausted=exhausted)


def test_what_all_have_spent_is_told_with_the_trial() -> None:
    made = cashier()
    made.hear("a", spent(3, 500, 6 * 10**11))
    made.hear("b", Tally())  # one that has not begun
    assert made.spent == Spent(
        requests=4, tokens=509, usd=0.60001, max_requests=100, max_tokens=None, max_usd=1.0
    )
    assert made.said == "$0.60 of $1.00, 4 of 100 requests"


def test_what_a_finished_worker_left_is_there_for_others() -> None:
    made = cashier()
    first = Amount.of(made.first["a"])
    assert first.requests == 25  # a quarter each at first
    made.hear("a", spent(5, 0, 0, finished=True))

    known = Amount.of(made.first["b"])
    # Of 100, the trial took 1 and a 5: b can have 94.
    grant = made.ask("b", Ask(known, NOTHING, Amount(94 - 25, 0, 0)))
    assert (grant.total.requests, grant.final) == (94, False)
    refused = made.ask("b", Ask(grant.total, NOTHING, Amount(1, 0, 0)))
    assert (refused.total, refused.final) == (grant.total, True)


def test_a_worker_that_never_began_has_spent_nothing() -> None:
    made = cashier()
    made.hear("a", Tally(finished=True, degraded="it could not begin"))
    made.hear("b", spent(3, 500, 6 * 10**11, finished=True))
    made.close()

    document = made.document()
    assert (document["requests"], document["forfeited"]) == (4, None)


def test_the_ending_supposes_the_worst_of_who_did_not_finish() -> None:
    made = cashier()
    made.hear("a", spent(10, 900, 10**11, finished=True, exhausted=True))
    made.hear("b", spent(2, 300, 10**10))
    made.close()

    document = made.document()
    assert document["forfeited"] == {"requests": 23, "tokens": 0, "usd": 0.24}
    assert (document["requests"], document["tokens"]) == (1 + 10 + 25, 9 + 900 + 300)
    assert document["trial"] == {"requests": 1, "tokens": 9, "usd": 0.00001}
    assert document["exhausted"]


def test_a_budget_in_a_manifest_says_by_which_prices() -> None:
    assert budget_document(TERMS) == {
        "requests": 100,
        "tokens": None,
        "usd": 1.0,
        "prices": "paper.toml",
    }


def test_a_worker_s_till_begins_with_its_portion_and_stops_the_worker_when_it_is_empty() -> None:
    made = cashier()
    stopped: list[float] = []
    plan = Plan(
        run="r",
        folder="f",
        started_unix_ns=0,
        host="https://api.example",
        workers=["a", "b"],
        until_ns=1,
        bundled=False,
        drain_s=1.0,
        live=False,
        policy={},
        offer="",
        terms=made.terms.message(),
        portions=made.first,
    )
    till = till_of(plan, "a", stopped.append)
    assert till is not None
    assert till.purse.granted == Amount(25, UNLIMITED // 4, 10**12 // 4)
    assert till.meter == TERMS.meter
    till._spent()
    assert len(stopped) == 1


def test_messages_are_what_they_were() -> None:
    asked = Ask(Amount(1, 2, 3), Amount(4, 5, 6), Amount(7, 8, 9))
    assert ask_from({"run": "r", **msgspec.to_builtins(asked)}) == asked
    grant = cashier().ask("nobody", asked)
    assert grant_from({"run": "r", **msgspec.to_builtins(grant)}) == grant
    assert grant.final
