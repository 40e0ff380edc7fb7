"""The retry storm that outlives its trigger, and what ends it.

Metastable failure (Bronson et al., Metastable Failures in Distributed Systems, HotOS 2021; Huang et al.,
Metastable Failures in the Wild, OSDI 2022): a trigger fills the queue, callers lose patience in it, and their
retries keep the attempts above the capacity long after the trigger is over. The slots are busy all the time,
with work for callers who have left: there is no goodput, and the queue never drains.
"""

import math
from random import Random

import pytest

from mockserver.core.decide import Core
from mockserver.core.decisions import Overload
from mockserver.profile import CapacitySettings, CurvePoint, Evening, InterToken, Length, Profile, Ttft
from mockserver.rules import ClockWindow
from tests.mockserver.core.playing import Caller, Play, S, play, poisson_us, requests

# 16 slots and a service of 2 s, so 8 a second; 75 % of that asked for; 10 s of patience. 120 places in the
# queue are 15 s of work: who waits for the last of them is gone before his turn.
SLOTS, SERVICE_S, PATIENCE_S, LONG_QUEUE, SHORT_QUEUE = 16, 2.0, 10, 120, 40
CAPACITY = SLOTS / SERVICE_S
LOAD = 0.75
PATIENCE_US = PATIENCE_S * S
# The trigger is from 60 to 100 s; what comes after it is watched for twenty times the patience of a caller.
TRIGGER_S, OVER_S, WATCHED_S, END_S = 60, 100, 300, 400


def _others_take(peak: float) -> tuple[CurvePoint, ...]:
    """For half a minute the others hold this part of the slots; a minute of this evening takes 5 s."""
    minutes = {0: 0.0, 12: 0.0, 13: peak, 19: peak, 20: 0.0}
    return tuple(CurvePoint(20 * 60 + minute, fraction) for minute, fraction in minutes.items())


def _profile(queue: int, curve: tuple[CurvePoint, ...], *, abandon: bool) -> Profile:
    """0.5 s to the first token, then 100 tokens of 15 ms, on the average."""
    return Profile(
        "storm",
        evening=Evening(ClockWindow(20 * 60, 22 * 60), duration_s=600),
        ttft=Ttft(500 * math.exp(-(0.28**2) / 2), 0.28, slow_share=0),
        inter_token=InterToken(15, 0.15),
        length=Length(100 * math.exp(-(0.4**2) / 2), 0.4),
        capacity=CapacitySettings(SLOTS, queue, curve, abandon_when_client_gone=abandon),
    )


def _storm(
    caller: Caller,
    trigger: str = "others",
    *,
    queue: int = LONG_QUEUE,
    load: float = LOAD,
    abandon: bool = False,
    seed: int = 1,
) -> Play:
    """An evening in which the others take 90 % of the slots for a while, or calls come twice as often."""
    random, rate = Random(seed), load * CAPACITY
    surge = poisson_us(random, rate, TRIGGER_S, OVER_S) if trigger == "surge" else ()
    instants = sorted([*surge, *poisson_us(random, rate, 0, END_S)])
    curve = _others_take(0.9) if trigger == "others" else ()
    return play(Core(_profile(queue, curve, abandon=abandon), seed), requests(instants), caller)


def _goodput(played: Play, from_s: float, to_s: float) -> float:
    """The part of the calls that came in this time and ended well.

    But for the trigger, calls come at the same rate all evening: this is goodput without the noise of that.
    """
    came = [call for call in played.calls.values() if from_s * S <= call.sent_us < to_s * S]
    return sum(call.ok for call in came) / len(came)


def _best_after(played: Play) -> float:
    """The goodput in the best ten seconds while it was watched after the trigger."""
    starts = range(OVER_S, WATCHED_S, PATIENCE_S)
    return max(_goodput(played, start_s, start_s + PATIENCE_S) for start_s in starts)


def _recovered(played: Play, from_s: float) -> bool:
    """Whether the trigger was felt, and from then on goodput is 95 % of what it was before."""
    before = _goodput(played, 0, TRIGGER_S - PATIENCE_S)
    assert _goodput(played, TRIGGER_S, OVER_S) < 0.9 * before
    return _goodput(played, from_s, END_S) >= 0.95 * before


TRIGGERS = pytest.mark.parametrize("trigger", ["others", "surge"])


@TRIGGERS
@pytest.mark.parametrize("attempts", [3, 4, 5])
def test_unrestrained_retries_keep_the_provider_down_after_the_trigger(attempts: int, trigger: str) -> None:
    played = _storm(Caller(PATIENCE_US, attempts), trigger)
    assert _goodput(played, 0, TRIGGER_S - PATIENCE_S) > 0.99
    assert _best_after(played) < 0.1


def test_in_the_storm_the_slots_are_busy_for_callers_who_have_left() -> None:
    played = _storm(Caller(PATIENCE_US, 5))
    from_us, to_us, span_s = OVER_S * S, WATCHED_S * S, WATCHED_S - OVER_S
    sent = [tried for tried in played.tries if from_us <= tried.sent_us < to_us]
    new = sum(tried.arrival.attempt == 1 for tried in sent)
    assert new / span_s == pytest.approx(LOAD * CAPACITY, rel=0.1)
    assert len(sent) / span_s > 3 * CAPACITY
    done = [tried for tried in played.tries if from_us <= (tried.ended_us or 0) < to_us]
    assert len(done) / span_s == pytest.approx(CAPACITY, rel=0.05)
    left = sum((tried.ended_us or 0) > tried.sent_us + PATIENCE_US for tried in done)
    assert left / len(done) > 0.95


@TRIGGERS
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    "caller",
    [Caller(PATIENCE_US), Caller(PATIENCE_US, 5, budget=0.1)],
    ids=["no retries", "a retry for every tenth call"],
)
def test_without_retries_or_with_a_budget_it_recovers(caller: Caller, seed: int, trigger: str) -> None:
    """0.75 times 1.1 is below 1: the queue drains."""
    assert _recovered(_storm(caller, trigger, seed=seed), OVER_S + 10 * PATIENCE_S)


@TRIGGERS
def test_a_budget_of_a_fifth_recovers_later_than_one_of_a_tenth(trigger: str) -> None:
    """0.75 times 1.2 is nearer to 1."""
    fifth, tenth = (_storm(Caller(PATIENCE_US, 5, budget=ratio), trigger) for ratio in (0.2, 0.1))
    assert _goodput(fifth, OVER_S, OVER_S + 60) < _goodput(tenth, OVER_S, OVER_S + 60)
    assert _recovered(fifth, WATCHED_S)


@TRIGGERS
def test_waiting_longer_before_each_retry_is_no_cure(trigger: str) -> None:
    """In an open loop a wait (2, 4, 8 and 16 s) only moves an attempt; there are as many of them."""
    assert _best_after(_storm(Caller(PATIENCE_US, 5, lambda failed: 2**failed * S), trigger)) < 0.1


@TRIGGERS
def test_a_queue_shorter_than_the_patience_is_a_cure(trigger: str) -> None:
    """40 places are 5 s of work: who gets one is served in time, whoever is refused meanwhile."""
    played = _storm(Caller(PATIENCE_US, 5), trigger, queue=SHORT_QUEUE)
    assert any(isinstance(tried.decision, Overload) for tried in played.tries)
    assert _recovered(played, OVER_S + PATIENCE_S)


def test_at_a_load_that_bears_all_attempts_no_storm_lasts() -> None:
    """Bronson's stable state: 0.25 times 3 attempts is below 1, while 0.5 times 3 is not."""
    low, high = (_storm(Caller(PATIENCE_US, 3), load=load) for load in (0.25, 0.5))
    assert _recovered(low, OVER_S + 10 * PATIENCE_S)
    assert _best_after(high) < 0.1


def test_dropping_the_work_of_who_has_left_cures_a_queue_little_longer_than_the_patience() -> None:
    """80 places are 10 s of work. Those who left give up their places, and the rest come in time."""
    kept, dropped = (_storm(Caller(PATIENCE_US, 3), queue=80, abandon=abandon) for abandon in (False, True))
    assert _best_after(kept) < 0.5
    assert _recovered(dropped, OVER_S + 10 * PATIENCE_S)


def test_dropping_the_work_of_who_has_left_is_no_cure_by_itself() -> None:
    """First come, first served: under five attempts a call every turn comes so late that most callers leave
    in the middle of it, and the slots are busy with beginnings of replies that nobody gets.
    """
    assert _best_after(_storm(Caller(PATIENCE_US, 5), abandon=True)) < 0.5
