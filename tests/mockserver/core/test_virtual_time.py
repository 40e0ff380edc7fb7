"""The core driven in virtual time, as a simulator does: laws over whole random evenings."""

import heapq

from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.core.decide import TICK_US, Core
from mockserver.core.decisions import Arrival, Generate, Overload
from mockserver.profile import CapacitySettings, CurvePoint, Evening, Limits, Profile, Ttft
from mockserver.rules import ClockWindow, RequestRule

S = 1_000_000
SLOTS, QUEUE, RPM = 6, 4, 600

PROFILE = Profile(
    "virtual",
    evening=Evening(ClockWindow(20 * 60, 20 * 60 + 10), 20),
    ttft=Ttft(per_1k_prompt_ms=0),
    limits=Limits(rpm=RPM, window_s=1),
    capacity=CapacitySettings(
        slots=SLOTS,
        queue=QUEUE,
        background=(CurvePoint(20 * 60, 0.2), CurvePoint(20 * 60 + 5, 1.0), CurvePoint(20 * 60 + 10, 0.0)),
        slowdown=0.5,
    ),
    request_faults=(RequestRule("boom", "status", 0.1),),
)


def _play(pauses_us: list[int], seed: int) -> list[tuple[int, int, str]]:
    """The history of one evening: (time, call, what happened), checked against the laws on the way."""
    core = Core(PROFILE, seed)
    history: list[tuple[int, int, str]] = []
    calls: dict[int, int] = {}
    endings: list[tuple[int, int]] = []
    arrivals: list[tuple[int, int]] = []
    now_us = 0
    for call, pause_us in enumerate(pauses_us):
        now_us += pause_us
        arrivals.append((now_us, call))
    now_us = 0
    while arrivals or endings or core.queued:
        tick_us = now_us + TICK_US if core.queued else 10**15
        now_us = min(tick_us, *(item[0] for item in (*arrivals[:1], *endings[:1])), 10**15)
        if endings and endings[0][0] == now_us:
            _, ticket = heapq.heappop(endings)
            history.append((now_us, calls.pop(ticket), "ended"))
            starts = core.finish(ticket, now_us)
        elif arrivals and arrivals[0][0] == now_us:
            _, call = arrivals.pop(0)
            decision = core.arrive(Arrival("/p", "m", "k", 10, 100, call), now_us)
            history.append((now_us, call, type(decision).__name__))
            starts = ()
            if isinstance(decision, Generate):
                calls[decision.ticket] = call
                starts = () if decision.start is None else (decision.start,)
            if isinstance(decision, Overload):
                assert core.queued == QUEUE
        else:
            starts = core.tick(now_us)
        for start in starts:
            history.append((now_us, calls[start.ticket], "started"))
            heapq.heappush(endings, (now_us + start.total_us, start.ticket))
        assert core.running == len(endings) <= SLOTS
        assert core.queued <= QUEUE
    assert not calls
    return history


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, S), min_size=1, max_size=80), st.integers(0, 3))
def test_every_call_ends_once_in_the_order_it_came(pauses_us: list[int], seed: int) -> None:
    history = _play(pauses_us, seed)
    happened: dict[int, list[str]] = {}
    for _, call, what in history:
        happened.setdefault(call, []).append(what)
    assert set(happened) == set(range(len(pauses_us)))
    for story in happened.values():
        assert story in (["Fault"], ["Throttle"], ["Overload"], ["Generate", "started", "ended"])
    started = [call for _, call, what in history if what == "started"]
    assert started == sorted(started)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(0, S), min_size=1, max_size=40), st.integers(0, 3))
def test_the_same_evening_twice_is_the_same_to_the_microsecond(pauses_us: list[int], seed: int) -> None:
    assert _play(pauses_us, seed) == _play(pauses_us, seed)
