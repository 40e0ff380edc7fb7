"""Faults injected by hand: for so long, before the profile's own, each with draws of its own."""

from mockserver.core.decide import Core
from mockserver.core.decisions import Arrival, Fault, Generate
from mockserver.core.injected import MOST_INJECTED, InjectedFaults
from mockserver.profile import Profile
from mockserver.rules import RequestRule
from mockserver.units import US_PER_S

OUTAGE = RequestRule("outage", "status", status=503)


def _arrival(call: int, attempt: int = 1) -> Arrival:
    return Arrival("/v1/chat/completions", "m", "k", 1, None, call, attempt)


def _met(core: Core, call: int, now_us: int) -> str | None:
    decision = core.arrive(_arrival(call), now_us)
    assert isinstance(decision, Fault | Generate)
    return decision.rule.name if isinstance(decision, Fault) else None


def test_it_is_met_from_now_on_until_its_time_is_over() -> None:
    core = Core(Profile("p"), 1)
    before = _met(core, 0, 0)
    core.injected.add(OUTAGE, 30 * US_PER_S, 5 * US_PER_S)
    met = [_met(core, call, at_s * US_PER_S) for call, at_s in enumerate((5, 20, 34), 1)]
    assert (before, met, _met(core, 9, 35 * US_PER_S)) == (None, ["outage"] * 3, None)


def test_it_comes_before_the_profiles_own_rules_and_the_newest_first() -> None:
    core = Core(Profile("p", request_faults=(RequestRule("own", "status", status=500),)), 1)
    assert _met(core, 0, 0) == "own"
    core.injected.add(OUTAGE, US_PER_S, 0)
    core.injected.add(RequestRule("storm", "status", status=429), US_PER_S // 2, 0)
    assert [_met(core, 1, 0), _met(core, 2, US_PER_S // 2), _met(core, 3, US_PER_S)] == [
        "storm",
        "outage",
        "own",
    ]


def test_a_share_is_drawn_by_identity_and_anew_for_each_injection() -> None:
    core = Core(Profile("p"), 1)

    def met() -> list[bool]:
        core.injected.clear()
        core.injected.add(RequestRule("storm", "status", 0.2, status=429), US_PER_S, 0)
        return [_met(core, call, 0) is not None for call in range(5000)]

    first, second = met(), met()
    assert first != second
    for drawn in (first, second):  # 5,000 draws of 0.2: a standard deviation of 28
        assert 1000 - 4 * 28 < sum(drawn) < 1000 + 4 * 28
    core.injected.clear()
    assert not any(_met(core, call, 0) for call in range(100))


def test_a_reset_of_the_core_forgets_them() -> None:
    core = Core(Profile("p"), 1)
    core.injected.add(OUTAGE, 1000 * US_PER_S, 0)
    core.reset(1)
    assert _met(core, 0, 0) is None


def test_no_more_than_the_bound_are_in_force_and_one_that_is_over_makes_room() -> None:
    injected = InjectedFaults()
    for _ in range(MOST_INJECTED):
        assert injected.add(OUTAGE, US_PER_S, 0) is not None
    assert injected.add(OUTAGE, US_PER_S, 0) is None
    again = injected.add(OUTAGE, US_PER_S, US_PER_S)
    assert again is not None
    assert [one.number for one in injected.in_force(US_PER_S)] == [MOST_INJECTED + 1]
