"""The law of the budget: in whatever order things happen, it is never exceeded, with what is in flight."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from harness.spending.amount import NOTHING, ONE_REQUEST, UNLIMITED, Amount, limit
from harness.spending.purse import Purse
from harness.spending.treasury import Ask, Grant, Treasury

small = st.integers(0, 60)
amounts = st.builds(Amount, small, small, small)
limits = st.builds(
    limit, *(st.one_of(st.none(), st.integers(0, 200)) for _ in ("requests", "tokens", "money"))
)


class Spending(RuleBasedStateMachine):
    """Processes that reserve, settle, ask and die, over a wire that delays, repeats and loses messages."""

    @initialize(budget=limits, processes=st.integers(1, 4), before=amounts)
    def begin(self, budget: Amount, processes: int, before: Amount) -> None:
        self.limit = budget
        self.treasury = Treasury(budget, processes)
        self.cost = NOTHING  # what the API has billed, or may yet bill
        if before.fits(budget):
            self.treasury.spend(before)
            self.cost += before
        self.purses = {str(i): Purse(self.treasury.open(str(i))) for i in range(processes)}
        self.held: dict[str, list[Amount]] = {name: [] for name in self.purses}
        self.asks: list[tuple[str, Ask]] = []
        self.grants: list[tuple[str, Grant]] = []

    def pick(self, data: Any, names: dict[str, Any]) -> str:
        return str(data.draw(st.sampled_from(sorted(names))))

    @precondition(lambda self: self.purses)
    @rule(data=st.data(), most=amounts)
    def reserve(self, data: Any, most: Amount) -> None:
        name = self.pick(data, self.purses)
        if self.purses[name].reserve(most):
            self.held[name].append(most)

    @precondition(lambda self: any(self.held[name] for name in self.purses))
    @rule(data=st.data(), share=st.floats(0, 1))
    def settle(self, data: Any, share: float) -> None:
        """At its most, at less, or released but for the request."""
        name = self.pick(data, {name: None for name in self.purses if self.held[name]})
        most = self.held[name].pop(data.draw(st.integers(0, len(self.held[name]) - 1)))
        cost = Amount(*(round(part * share) for part in most.message()))
        self.purses[name].settle(most, cost)
        self.cost += cost

    @precondition(lambda self: self.purses)
    @rule(data=st.data())
    def ask(self, data: Any) -> None:
        name = self.pick(data, self.purses)
        asked = self.purses[name].ask()
        if asked is not None:
            self.asks.append((name, asked))

    @precondition(lambda self: self.asks)
    @rule(data=st.data(), again=st.booleans())
    def ask_arrives(self, data: Any, *, again: bool) -> None:
        index = data.draw(st.integers(0, len(self.asks) - 1))
        name, asked = self.asks[index] if again else self.asks.pop(index)
        self.grants.append((name, self.treasury.ask(name, asked)))

    @precondition(lambda self: self.grants)
    @rule(data=st.data(), again=st.booleans())
    def grant_arrives(self, data: Any, *, again: bool) -> None:
        index = data.draw(st.integers(0, len(self.grants) - 1))
        name, grant = self.grants[index] if again else self.grants.pop(index)
        if name in self.purses:
            self.purses[name].take(grant)

    @precondition(lambda self: self.purses)
    @rule(data=st.data())
    def tell(self, data: Any) -> None:
        name = self.pick(data, self.purses)
        self.treasury.tell(name, self.purses[name].spent)

    @precondition(lambda self: any(not self.held[name] for name in self.purses))
    @rule(data=st.data())
    def close(self, data: Any) -> None:
        name = self.pick(data, {name: None for name in self.purses if not self.held[name]})
        self.treasury.close(name, self.purses.pop(name).spent)

    @precondition(lambda self: self.purses)
    @rule(data=st.data())
    def die(self, data: Any) -> None:
        """With all that is in flight: it may have been billed."""
        name = self.pick(data, self.purses)
        del self.purses[name]
        self.cost = sum(self.held.pop(name), self.cost)
        self.treasury.lose(name)

    @rule(data=st.data(), close=st.booleans())
    def late_word_of_one_that_is_gone(self, data: Any, *, close: bool) -> None:
        gone = sorted(set("0123") - set(self.purses))
        if gone:
            name = data.draw(st.sampled_from(gone))
            (self.treasury.close if close else self.treasury.tell)(name, NOTHING)

    @invariant()
    def never_exceeded(self) -> None:
        in_flight = sum((most for held in self.held.values() for most in held), NOTHING)
        assert (self.cost + in_flight).fits(self.limit)
        assert NOTHING.fits(self.treasury.left)

    @invariant()
    def nothing_is_hidden(self) -> None:
        """What is said to be spent is never more than the budget, and what is lost is in it."""
        assert self.treasury.forfeited.fits(self.treasury.spent)
        assert self.treasury.spent.fits(self.limit)


TestSpending = Spending.TestCase
TestSpending.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)


def exchange(treasury: Treasury, name: str, purse: Purse) -> None:
    asked = purse.ask()
    if asked is not None:
        purse.take(treasury.ask(name, asked))


@given(st.integers(0, 300), st.integers(1, 6))
def test_every_request_of_a_budget_can_be_sent_by_some_process(requests: int, processes: int) -> None:
    treasury = Treasury(limit(requests=requests), processes)
    purses = {str(i): Purse(treasury.open(str(i))) for i in range(processes)}
    sent, trying = 0, dict(purses)
    while trying:
        for name, purse in list(trying.items()):
            if purse.reserve(ONE_REQUEST):
                purse.settle(ONE_REQUEST, ONE_REQUEST)
                sent += 1
            else:
                exchange(treasury, name, purse)
                if purse.is_hopeless(ONE_REQUEST):
                    del trying[name]
    assert sent == requests
    for name, purse in purses.items():
        treasury.close(name, purse.spent)
    assert treasury.spent == Amount(requests=requests)
    assert treasury.forfeited == NOTHING


@given(st.integers(1, 5), st.integers(10, 50), st.integers(0, 9))
def test_what_is_left_over_is_less_than_a_request_a_process_can_cost(
    processes: int, most: int, cost: int
) -> None:
    """All in turn, each request at a tenth or less of its worst case: the rest of it comes back."""
    treasury = Treasury(limit(picodollars=1_000), processes)
    purses = {str(i): Purse(treasury.open(str(i))) for i in range(processes)}
    worst, real = Amount(1, 0, most), Amount(1, 0, cost)
    trying = dict(purses)
    for _ in range(5_000):
        for name, purse in list(trying.items()):
            if purse.reserve(worst):
                purse.settle(worst, real)
            else:
                exchange(treasury, name, purse)
                if purse.is_hopeless(worst):
                    del trying[name]
    spent = sum((p.spent.picodollars for p in purses.values()), 0)
    assert spent <= 1_000
    if cost:
        assert 1_000 - spent < (processes + 1) * most


def test_a_process_that_dies_forfeits_all_it_had() -> None:
    treasury = Treasury(limit(requests=100), 2)
    purse = Purse(treasury.open("a"))
    assert purse.granted == Amount(25, purse.granted.tokens, purse.granted.picodollars)  # half, for two

    purse.reserve(ONE_REQUEST)
    purse.settle(ONE_REQUEST, ONE_REQUEST)
    treasury.tell("a", purse.spent)
    treasury.lose("a")

    assert treasury.spent == Amount(requests=25)
    assert treasury.forfeited == Amount(requests=24)
    late = treasury.ask("a", Ask(purse.granted, purse.spent, Amount(requests=50)))
    assert late.total == purse.granted  # it is given nothing more


def test_what_is_in_flight_may_come_back() -> None:
    purse = Purse(Grant(Amount(10, 10, 10), final=True))
    eight = Amount(1, 8, 0)
    assert purse.reserve(eight)
    assert not purse.reserve(eight)
    assert not purse.is_hopeless(eight)  # 2 are free, and 8 may come back
    purse.settle(eight, Amount(1, 3, 0))
    assert purse.is_hopeless(eight)
    assert purse.reserve(Amount(1, 7, 0))


def test_a_bill_above_what_was_reserved_is_seen() -> None:
    purse = Purse(Grant(Amount(10, 10, 10), final=True))
    assert purse.reserve(Amount(1, 10, 0))
    purse.settle(Amount(1, 10, 0), Amount(1, 11, 0))
    assert purse.overdrawn
    assert not purse.reserve(Amount())


def test_an_amount_says_what_has_no_limit() -> None:
    assert limit(tokens=5).document() == {"requests": None, "tokens": 5, "usd": None}
    assert Amount(3, 0, 2_500_000_000_000).document() == {"requests": 3, "tokens": 0, "usd": 2.5}
    assert Amount.of(limit(requests=7).message()) == Amount(7, UNLIMITED, UNLIMITED)
