"""The whole core as paths: fault, limit, slot, queue, overload."""

from dataclasses import replace

from msgspec import structs

from mockserver.core.decide import Core
from mockserver.core.decisions import Arrival, Fault, Generate, Overload, Throttle
from mockserver.core.gaps import draw_gaps
from mockserver.core.latency import reply_tokens, ttft_us
from mockserver.profile import CapacitySettings, CurvePoint, Evening, Limits, Profile
from mockserver.rules import ClockWindow, RequestRule

S = 1_000_000


def _arrival(call: int = 0, **changes: int | None) -> Arrival:
    base = Arrival("/v1/chat/completions", "m", "k", prompt_tokens=100, max_tokens=300, call=call)
    return structs.replace(base, **changes)  # type: ignore[arg-type]  # whole numbers only, by the callers here


def _generate(core: Core, arrival: Arrival, now_us: int = 0) -> Generate:
    decision = core.arrive(arrival, now_us)
    assert isinstance(decision, Generate)
    return decision


def test_a_reply_takes_what_the_latency_model_says() -> None:
    core = Core(Profile("p"), seed=1)
    reply = _generate(core, _arrival(7))
    tokens = min(300, reply_tokens(core.profile.length, 1, 7))
    assert reply.tokens == tokens
    assert reply.start is not None
    assert reply.start.first_us == ttft_us(core.profile.ttft, 1, 7, 1, 100)
    assert reply.start.total_us - reply.start.first_us == draw_gaps(
        core.profile.inter_token, 1, 7, 1, 1.0
    ).sum_us(tokens)


def test_max_tokens_cuts_and_says_so() -> None:
    core = Core(Profile("p"), seed=1)
    cut = _generate(core, _arrival(wanted_tokens=50, max_tokens=20))
    assert (cut.tokens, cut.finish_reason) == (20, "length")
    exact = _generate(core, _arrival(wanted_tokens=20, max_tokens=20))
    assert (exact.tokens, exact.finish_reason) == (20, "stop")
    unlimited = _generate(core, _arrival(wanted_tokens=5_000, max_tokens=None))
    assert (unlimited.tokens, unlimited.finish_reason) == (5_000, "stop")


def test_every_attempt_of_a_call_has_the_same_length_and_its_own_latency() -> None:
    core = Core(Profile("p"), seed=1)
    first, second = (_generate(core, _arrival(3, attempt=attempt)) for attempt in (1, 2))
    assert first.tokens == second.tokens
    assert first.start is not None
    assert second.start is not None
    assert first.start.total_us != second.start.total_us


def test_the_order_of_arrival_does_not_matter() -> None:
    calls = list(range(20))
    forward, backward = Core(Profile("p"), seed=1), Core(Profile("p"), seed=1)
    there = {call: _generate(forward, _arrival(call)) for call in calls}
    back = {call: _generate(backward, _arrival(call)) for call in reversed(calls)}
    for call in calls:
        one, other = there[call].start, back[call].start
        assert one is not None
        assert other is not None
        assert (there[call].tokens, one.total_us) == (back[call].tokens, other.total_us)


def test_a_full_queue_is_refused_and_its_tokens_come_back() -> None:
    capacity = CapacitySettings(slots=1, queue=1, overload_status=429, overload_retry_after_s=2)
    core = Core(Profile("p", capacity=capacity, limits=Limits(tpm=10_000)), seed=1)
    _generate(core, _arrival(0))
    waiting = _generate(core, _arrival(1))
    assert waiting.start is None
    refused = core.arrive(_arrival(2), 0)
    assert isinstance(refused, Overload)
    assert (refused.status, refused.retry_after_s) == (429, 2)
    assert refused.levels == waiting.levels


def test_an_ending_starts_who_waited_and_reconciles_the_tokens() -> None:
    core = Core(Profile("p", capacity=CapacitySettings(slots=1, queue=5), limits=Limits(tpm=10_000)), seed=1)
    running = _generate(core, _arrival(0, wanted_tokens=50))
    waiting = _generate(core, _arrival(1, wanted_tokens=50))
    starts = core.finish(running.ticket, 0)
    assert [start.ticket for start in starts] == [waiting.ticket]
    # Reserved 2 * (100 + 300), then one of them became 100 + 50: 550 used.
    levels = _generate(core, _arrival(2, max_tokens=1)).levels
    assert levels.tokens is not None
    assert levels.tokens.remaining == 10_000 - 550 - 101


def test_a_ticket_ends_once() -> None:
    core = Core(Profile("p", capacity=CapacitySettings(slots=1, queue=5)), seed=1)
    first = _generate(core, _arrival(0))
    _generate(core, _arrival(1))
    _generate(core, _arrival(2))
    assert len(core.finish(first.ticket, 0)) == 1
    assert core.finish(first.ticket, 0) == ()
    assert (core.running, core.queued) == (1, 1)


def test_who_leaves_the_queue_is_never_started() -> None:
    core = Core(Profile("p", capacity=CapacitySettings(slots=1, queue=5)), seed=1)
    first, gone, last = (_generate(core, _arrival(call)) for call in range(3))
    assert core.abandon(gone.ticket, 0) == ()
    assert [start.ticket for start in core.finish(first.ticket, 0)] == [last.ticket]


def test_a_fuller_batch_writes_slower() -> None:
    capacity = CapacitySettings(slots=10, slowdown=0.5, background=(CurvePoint(0, 0.4),))
    core = Core(Profile("p", capacity=capacity), seed=1)
    start = _generate(core, _arrival(0)).start
    free = _generate(Core(Profile("p"), seed=1), _arrival(0)).start
    assert start is not None
    assert free is not None
    # One of ten slots is ours, the others hold 0.4: half full, a quarter slower.
    slowed, plain = start.total_us - start.first_us, free.total_us - free.first_us
    assert abs(slowed - 1.25 * plain) <= 1


def test_a_tick_starts_those_who_wait_when_the_background_falls() -> None:
    capacity = CapacitySettings(
        slots=10, queue=10, background=(CurvePoint(19 * 60, 0.5), CurvePoint(20 * 60, 0.2))
    )
    profile = Profile("p", evening=Evening(ClockWindow(19 * 60, 20 * 60), 60), capacity=capacity)
    core = Core(profile, seed=1)
    decisions = [_generate(core, _arrival(call)) for call in range(7)]
    assert [decision.start is None for decision in decisions] == [False] * 5 + [True] * 2
    assert core.tick(10 * S) == ()  # 10 * (1 - 0.45) is 5 and a half
    assert [start.ticket for start in core.tick(20 * S)] == [decisions[5].ticket]


def test_a_fault_comes_before_the_limits_and_counts_a_request() -> None:
    rule = RequestRule("boom", "status", status=500)
    core = Core(Profile("p", limits=Limits(rpm=100), request_faults=(rule,)), seed=1)
    for call in range(3):
        decision = core.arrive(_arrival(call), 0)
        assert isinstance(decision, Fault)
        assert decision.rule is rule
        assert decision.levels.requests is not None
        assert decision.levels.requests.remaining == 99 - call
    assert core.running == 0


def test_a_fault_on_the_way_takes_its_slot_and_its_tokens_as_any_reply() -> None:
    rule = RequestRule("cut", "truncate", after_events=3)
    plain = Core(Profile("p", limits=Limits(tpm=10_000)), seed=1)
    core = Core(Profile("p", limits=Limits(tpm=10_000), request_faults=(rule,)), seed=1)
    reply, expected = _generate(core, _arrival(4)), _generate(plain, _arrival(4))
    assert reply.fault is rule
    assert structs.replace(reply, fault=None) == expected
    assert core.running == 1


def test_a_fault_of_the_request_itself_is_met_in_place_of_the_profiles() -> None:
    own = RequestRule("own", "status", status=418)
    core = Core(Profile("p", request_faults=(RequestRule("once", "hang", first=1),)), seed=1)
    first = core.arrive(structs.replace(_arrival(0), fault=own), 0)
    assert isinstance(first, Fault)
    assert first.rule is own
    second = core.arrive(_arrival(1), 0)
    assert isinstance(second, Fault)
    assert second.rule.name == "once"
    assert isinstance(core.arrive(_arrival(2), 0), Generate)


def test_a_reset_and_other_rules_count_the_first_anew() -> None:
    once = Profile("p", request_faults=(RequestRule("once", "hang", first=1),))
    core = Core(once, seed=1)
    assert [type(core.arrive(_arrival(call), 0)) for call in (0, 1)] == [Fault, Generate]
    core.set_profile(replace(once, name="same rules"), 0)
    assert isinstance(core.arrive(_arrival(2), 0), Generate)
    core.reset(1)
    assert [type(core.arrive(_arrival(call), 0)) for call in (3, 4)] == [Fault, Generate]
    core.set_profile(replace(once, request_faults=(RequestRule("again", "hang", first=1),)), 0)
    assert [type(core.arrive(_arrival(call), 0)) for call in (5, 6)] == [Fault, Generate]


def test_over_the_limit_no_slot_is_taken() -> None:
    core = Core(Profile("p", limits=Limits(rpm=1)), seed=1)
    _generate(core, _arrival(0))
    assert isinstance(core.arrive(_arrival(1), 0), Throttle)
    assert core.running == 1


def test_a_new_profile_keeps_what_runs_and_the_clock() -> None:
    core = Core(Profile("p", capacity=CapacitySettings(slots=1, queue=1)), seed=1)
    running = _generate(core, _arrival(0))
    waiting = _generate(core, _arrival(1))
    clock = core.clock
    core.set_profile(Profile("q", capacity=CapacitySettings(slots=2, queue=1)), 5 * S)
    assert core.clock is clock
    assert [start.ticket for start in core.tick(5 * S)] == [waiting.ticket]
    core.finish(running.ticket, 6 * S)
    assert core.running == 1


def test_a_profile_with_another_evening_begins_it() -> None:
    core = Core(Profile("p"), seed=1)
    core.set_profile(Profile("q", evening=Evening(ClockWindow(60, 120), 10)), 5 * S)
    assert core.clock.minute(5 * S) == 60


def test_the_clock_can_begin_later() -> None:
    core = Core(Profile("p"), seed=1)
    core.set_clock(Evening(ClockWindow(60, 120), 60), -0.5, 10 * S)
    assert core.clock.minute(10 * S + 500_000) == 60
    assert core.clock.minute(11 * S + 500_000) == 61


def test_a_reset_forgets_everything_but_never_reuses_a_ticket() -> None:
    core = Core(Profile("p", limits=Limits(rpm=1), capacity=CapacitySettings(slots=1)), seed=1)
    before = _generate(core, _arrival(0))
    core.reset(seed=2)
    after = _generate(core, _arrival(0))
    assert after.ticket != before.ticket
    assert core.finish(before.ticket, 0) == ()
    assert core.running == 1
