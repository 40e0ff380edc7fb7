"""The profiles that come with the package do what their first lines say: their evenings in virtual time."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from random import Random
from statistics import median

import pytest

from mockserver.core.decide import Core
from mockserver.core.decisions import Arrival, Fault, Generate, Overload, Throttle
from mockserver.profile_file import load_profile
from mockserver.rules import REFUSING, RequestRule
from tests.mockserver.core.playing import Caller, Play, S, Try, play, poisson_us

SEED = 1
# Calls a second, a copy each: a prompt of 60 tokens and at most 300 in reply.
RATE_PER_S = 15.0


def _evening(name: str, *, model: str = "gpt-4.1", seconds: float = 180, rate: float = RATE_PER_S) -> Play:
    instants = poisson_us(Random(SEED), rate, 0, seconds)
    arrivals = [
        (at_us, partial(Arrival, "/v1/chat/completions", model, "k", 60, 300, call))
        for call, at_us in enumerate(instants)
    ]
    return play(Core(load_profile(name), SEED), arrivals, Caller())


def _between(played: Play, from_s: float, to_s: float) -> list[Try]:
    return [tried for tried in played.tries if from_s * S <= tried.sent_us < to_s * S]


def _share(tries: list[Try], what: Callable[[Try], bool]) -> float:
    return sum(map(what, tries)) / len(tries)


def _latency_s(tries: list[Try]) -> float:
    return median((tried.ended_us - tried.sent_us) / S for tried in tries if tried.ended_us is not None)


def _served(tried: Try) -> bool:
    return isinstance(tried.decision, Generate)


def test_a_brownout_is_slow_and_turns_away_and_is_over_after_a_quarter_of_an_hour() -> None:
    """20:00 is second 90 of 180, 20:15 is second 135."""
    played = _evening("brownout")
    before, during, after = (_between(played, *span) for span in ((10, 85), (95, 135), (160, 180)))
    assert _share(before, _served) == _share(after, _served) == 1
    refused = _share(during, lambda tried: isinstance(tried.decision, Overload))
    assert 0.3 < refused < 0.6  # some 15 are asked for where about 8 are served
    assert _share(during, lambda tried: isinstance(tried.decision, Fault)) == pytest.approx(0.05, abs=0.02)
    assert _latency_s(during) > 3 * _latency_s(before)
    assert _latency_s(after) < 1.2 * _latency_s(before)


def test_a_small_account_is_throttled_and_told_when_to_come_back_but_not_with_a_smaller_model() -> None:
    """360 tokens reserved a call against 240,000 a minute, of which what is not used comes back."""
    played = _evening("rate-limited", seconds=60)
    throttled = [tried.decision.exceeded for tried in played.tries if isinstance(tried.decision, Throttle)]
    assert 0.25 < len(throttled) / len(played.tries) < 0.6
    assert {exceeded.kind for exceeded in throttled} <= {"requests", "tokens"}
    assert all(exceeded.wait_us for exceeded in throttled)
    assert _share(_evening("rate-limited", model="gpt-4.1-mini", seconds=60).tries, _served) == 1
    anthropic = _evening("rate-limited", model="claude-haiku-4-5", seconds=60).tries
    kinds = {tried.decision.exceeded.kind for tried in anthropic if isinstance(tried.decision, Throttle)}
    assert kinds
    assert kinds <= {"requests", "input_tokens", "output_tokens"}


@pytest.mark.parametrize("name", ["flaky-network", "slow-drip"])
def test_each_rule_meets_the_share_of_requests_it_names(name: str) -> None:
    """A rule draws only where those above it have not met the request."""
    rules = load_profile(name).request_faults
    tries = _evening(name, seconds=600).tries
    met = Counter(
        rule.name
        for tried in tries
        if (rule := tried.decision.rule if isinstance(tried.decision, Fault) else _fault(tried)) is not None
    )
    left = 1.0
    for rule in rules:
        share = left * rule.probability
        assert met[rule.name] / len(tries) == pytest.approx(share, abs=4 * (share / len(tries)) ** 0.5)
        left -= share
    assert not any(isinstance(tried.decision, (Overload, Throttle)) for tried in tries)
    if name == "flaky-network":
        assert 1 - left == pytest.approx(1 / 12, abs=0.01)


def _fault(tried: Try) -> RequestRule | None:
    return tried.decision.fault if isinstance(tried.decision, Generate) else None


def test_new_connections_of_a_flaky_network_meet_their_share() -> None:
    core = Core(load_profile("flaky-network"), SEED)
    met = Counter(rule.action for number in range(20_000) if (rule := core.connect(number, 0)) is not None)
    assert met["hang"] / 20_000 == pytest.approx(0.005, abs=0.002)
    assert met["reset"] / 20_000 == pytest.approx(0.01, abs=0.003)
    refused = sum(core.refusing(slice_number * 100_000) for slice_number in range(20_000))
    assert refused / 20_000 == pytest.approx(0.01, abs=0.003)


def test_an_outage_is_total_then_503_then_over() -> None:
    """20:00 is second 90, 20:03 second 99, 20:07 second 111."""
    played = _evening("outage-and-recovery")
    core = Core(load_profile("outage-and-recovery"), SEED)
    assert [core.refusing(at_s * S) for at_s in (89, 90, 98, 99)] == [False, True, True, False]
    for from_s, to_s, status in ((90, 99, 502), (99, 111, 503)):
        decisions = [tried.decision for tried in _between(played, from_s, to_s)]
        assert {d.rule.status if isinstance(d, Fault) else None for d in decisions} == {status}
    for from_s, to_s in ((0, 90), (111, 180)):
        assert _share(_between(played, from_s, to_s), _served) == 1


def test_who_comes_back_together_after_an_outage_finds_it_overloaded() -> None:
    """Patient callers, every one of them with a retry a second: those of 21 seconds come in one."""
    instants = poisson_us(Random(SEED), 20.0, 0, 180)
    arrivals = [
        (at_us, partial(Arrival, "/p", "m", "k", 60, 300, call)) for call, at_us in enumerate(instants)
    ]
    core = Core(load_profile("outage-and-recovery"), SEED)
    played = play(core, arrivals, Caller(attempts=30, wait_us=lambda _failed: S))
    back = _between(played, 111, 113)
    assert _share(back, lambda tried: isinstance(tried.decision, Overload)) > 0.5
    assert len(back) > 5 * len(_between(played, 80, 82))


def test_a_drip_outlasts_every_patience_and_a_timeout_between_bytes_never_fires() -> None:
    rules = {rule.name: rule for rule in load_profile("slow-drip").request_faults}
    reply_bytes = 150 * 2 * 3  # Thai text alone
    assert reply_bytes / rules["drip"].bytes_per_s >= 15
    assert 1 / rules["drip"].bytes_per_s < 0.1
    assert all(rule.action not in REFUSING for rule in rules.values())
