"""Fault rules: ordered, by identity and not by order of arrival."""

from dataclasses import replace
from typing import Any

from msgspec import structs

from mockserver.core.decisions import Arrival
from mockserver.core.evening import EveningClock
from mockserver.core.faults import REFUSE_SLICE_US, RequestFaults, connection_fault, refusing
from mockserver.profile import Evening
from mockserver.rules import CallRange, ConnectionRule, HeaderIs, RequestRule, When

CLOCK = EveningClock(Evening(), 0)


def _fault(
    rules: tuple[RequestRule, ...], call: int, attempt: int = 1, path: str = "/p", model: str = "m"
) -> str | None:
    rule = RequestFaults(rules).meet(Arrival(path, model, "k", 1, None, call, attempt), 1, CLOCK, 0)
    return None if rule is None else rule.name


def test_the_first_match_wins() -> None:
    rules = (RequestRule("a", "hang", 0.0), RequestRule("b", "reset"), RequestRule("c", "status"))
    assert _fault(rules, 0) == "b"


def test_a_rule_for_another_path_or_model_does_not_apply() -> None:
    rules = (RequestRule("a", "hang", path="/q"), RequestRule("b", "hang", model="n"))
    assert _fault(rules, 0) is None
    assert _fault(rules, 0, path="/q") == "a"
    assert _fault(rules, 0, model="n") == "b"


def test_a_rule_may_select_by_a_header() -> None:
    faults = RequestFaults((RequestRule("gold", "hang", header=HeaderIs("x-tenant", "gold")),))
    met = [
        faults.meet(Arrival("/p", "m", "k", 1, None, 0, headers=headers), 1, CLOCK, 0)
        for headers in ({}, {"x-tenant": "silver"}, {"x-tenant": "gold"})
    ]
    assert [rule and rule.name for rule in met] == [None, None, "gold"]


def test_the_first_so_many_that_match_and_then_the_next_rule() -> None:
    rules = (
        RequestRule("once", "hang", model="n", first=2),
        RequestRule("then", "reset", model="n", first=1),
    )
    faults = RequestFaults(rules)
    models = ["n", "m", "n", "m", "n", "n"]
    met = [
        faults.meet(Arrival("/p", model, "k", 1, None, call), 1, CLOCK, 0)
        for call, model in enumerate(models)
    ]
    assert [rule and rule.name for rule in met] == ["once", None, "once", None, "then", None]


def test_what_a_rule_did_not_meet_by_its_draw_is_not_counted() -> None:
    rule = RequestRule("a", "hang", 0.3)
    free, bounded = RequestFaults((rule,)), RequestFaults((replace(rule, first=20),))
    arrivals = [Arrival("/p", "m", "k", 1, None, call) for call in range(300)]
    hits = [arrival for arrival in arrivals if free.meet(arrival, 1, CLOCK, 0)]
    assert [arrival for arrival in arrivals if bounded.meet(arrival, 1, CLOCK, 0)] == hits[:20]


def test_a_rule_out_of_its_time_does_not_apply() -> None:
    rules = (RequestRule("late", "hang", when=When(from_s=1)),)
    assert _fault(rules, 0) is None


def test_the_frequency_is_the_probability() -> None:
    rules = (RequestRule("a", "hang", 0.3),)
    hits = sum(_fault(rules, call) is not None for call in range(5_000))
    assert abs(hits - 1_500) < 130  # 4 standard errors of 32.4


def test_probability_1_always_and_0_never() -> None:
    assert all(_fault((RequestRule("a", "hang", 1.0),), call) for call in range(500))
    assert not any(_fault((RequestRule("a", "hang", 0.0),), call) for call in range(500))


def test_each_attempt_has_a_fate_of_its_own() -> None:
    rules = (RequestRule("a", "hang", 0.5),)
    pairs = [(_fault(rules, call, 1), _fault(rules, call, 2)) for call in range(200)]
    assert any(first != second for first, second in pairs)
    assert pairs == [(_fault(rules, call, 1), _fault(rules, call, 2)) for call in range(200)]


def test_a_rule_more_leaves_the_draws_of_those_above_alone() -> None:
    first = RequestRule("a", "hang", 0.3)
    alone = [_fault((first,), call) for call in range(300)]
    both = [_fault((first, RequestRule("b", "reset", 0.5)), call) for call in range(300)]
    assert [name if name == "a" else None for name in both] == alone


def test_connections_draw_by_their_number() -> None:
    rules = (ConnectionRule("a", "hang", 0.25), ConnectionRule("b", "reset", 0.5))
    fates = [connection_fault(rules, 1, number, CLOCK, 0) for number in range(2_000)]
    names = [rule.name for rule in fates if rule is not None]
    assert abs(names.count("a") - 500) < 80
    assert abs(names.count("b") - 750) < 90
    assert connection_fault(rules, 1, 17, CLOCK, 0) == fates[17]


def _met(rule: RequestRule, arrivals: list[Arrival]) -> list[int]:
    faults = RequestFaults((rule,))
    return [index for index, arrival in enumerate(arrivals) if faults.meet(arrival, 1, CLOCK, 0)]


def _calls(count: int, **fields: Any) -> list[Arrival]:
    return [structs.replace(Arrival("/p", "m", "k", 1, None, call), **fields) for call in range(count)]


def test_a_rule_may_be_for_one_key() -> None:
    arrivals = [*_calls(2, key="other"), *_calls(2)]
    assert _met(RequestRule("r", "hang", key="k"), arrivals) == [2, 3]


def test_a_rule_may_be_for_some_calls() -> None:
    assert _met(RequestRule("r", "hang", call=CallRange(2, 4)), _calls(8)) == [2, 3, 4]


def test_a_rule_may_be_for_the_first_attempts_of_a_call() -> None:
    arrivals = [_calls(1, call=7, attempt=attempt)[0] for attempt in (1, 2, 3, 4)]
    assert _met(RequestRule("r", "hang", attempts=2), arrivals) == [0, 1]


def test_a_rule_may_be_for_every_so_many_that_match() -> None:
    arrivals = [item for call in _calls(6) for item in (call, structs.replace(call, model="other"))]
    # Of the matching ones (even places) every third, and of these only the first.
    assert _met(RequestRule("r", "hang", model="m", every=3), arrivals) == [4, 10]
    assert _met(RequestRule("r", "hang", model="m", every=3, first=1), arrivals) == [4]


def test_connections_are_refused_by_slices_of_time_as_often_as_the_rule_says() -> None:
    rule = ConnectionRule("r", "refuse", 0.3, When(from_s=10))
    starts = range(0, 410_000_000, REFUSE_SLICE_US)
    states = [refusing((rule,), 1, CLOCK, start) for start in starts]
    assert not any(states[:100])
    # 4,000 slices: three standard errors of the share are 0.022.
    assert abs(sum(states[100:]) / 4_000 - 0.3) < 0.022
    assert all(
        refusing((rule,), 1, CLOCK, start + REFUSE_SLICE_US - 1) == state
        for start, state in zip(starts, states, strict=True)
    )


def test_who_is_not_refused_meets_the_other_rules() -> None:
    rules = (ConnectionRule("no", "refuse"), ConnectionRule("hung", "hang"))
    found = connection_fault(rules, 1, 0, CLOCK, 0)
    assert found is not None
    assert found.name == "hung"
