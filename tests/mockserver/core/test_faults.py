"""Fault rules: ordered, by identity and not by order of arrival."""

from dataclasses import replace

from mockserver.core.evening import EveningClock
from mockserver.core.faults import RequestFaults, connection_fault
from mockserver.profile import Evening
from mockserver.rules import ConnectionRule, HeaderIs, RequestRule, When

CLOCK = EveningClock(Evening(), 0)


def _fault(
    rules: tuple[RequestRule, ...], call: int, attempt: int = 1, path: str = "/p", model: str = "m"
) -> str | None:
    rule = RequestFaults(rules).meet(1, path, model, {}, call, attempt, CLOCK, 0)
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
        faults.meet(1, "/p", "m", headers, 0, 1, CLOCK, 0)
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
    met = [faults.meet(1, "/p", model, {}, call, 1, CLOCK, 0) for call, model in enumerate(models)]
    assert [rule and rule.name for rule in met] == ["once", None, "once", None, "then", None]


def test_what_a_rule_did_not_meet_by_its_draw_is_not_counted() -> None:
    rule = RequestRule("a", "hang", 0.3)
    free, bounded = RequestFaults((rule,)), RequestFaults((replace(rule, first=20),))
    hits = [call for call in range(300) if free.meet(1, "/p", "m", {}, call, 1, CLOCK, 0)]
    assert [call for call in range(300) if bounded.meet(1, "/p", "m", {}, call, 1, CLOCK, 0)] == hits[:20]


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
