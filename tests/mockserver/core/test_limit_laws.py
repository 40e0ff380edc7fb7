"""The laws of the rate limits through the whole core: all four limits at once, models of their own, choices.

What is admitted between any two instants is no more than the bucket and what drained meanwhile; a hint is
exactly as long as it has to be; what was reserved and not used comes back.
"""

from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from mockserver.core.decide import Core
from mockserver.core.decisions import Arrival, Decision, Fault, Generate, Throttle
from mockserver.core.limits import LimitKind
from mockserver.profile import Limits, ModelLimits, Profile
from mockserver.rules import RequestRule
from mockserver.wire import anthropic_reply, openai_reply
from mockserver.wire.answer import Moment
from mockserver.wire.request import ParsedRequest

S = 1_000_000
MS = 1_000
MINUTE_US = 60 * S

_LIMITS = st.builds(
    Limits,
    rpm=st.sampled_from([0, 3, 20, 600]),
    tpm=st.sampled_from([0, 700, 4_000]),
    itpm=st.sampled_from([0, 500, 2_000]),
    otpm=st.sampled_from([0, 400, 3_000]),
    window_s=st.sampled_from([0.5, 7.5, 60.0]),
    models=st.just((ModelLimits("own", rpm=10, otpm=900),)),
)
_STEPS = st.lists(
    st.builds(
        lambda pause_us, arrival: (pause_us, arrival),
        st.sampled_from([0, 0, 1, 999, 40 * MS, 2 * S, 20 * S]) | st.integers(0, 5 * S),
        st.builds(
            Arrival,
            path=st.just("/p"),
            model=st.sampled_from(["own", "common"]),
            key=st.sampled_from(["a", "a", "b"]),
            prompt_tokens=st.integers(0, 600),
            max_tokens=st.none() | st.integers(1, 300),
            call=st.integers(0, 99),
            choices=st.integers(1, 3),
        ),
    ),
    min_size=1,
    max_size=40,
)
Steps = list[tuple[int, Arrival]]


def _timed(steps: Steps) -> Steps:
    """The arrivals with their instants in place of the pauses before them."""
    now_us, timed = 0, []
    for pause_us, arrival in steps:
        now_us += pause_us
        timed.append((now_us, arrival))
    return timed


def _core_after(limits: Limits, timed: Steps) -> tuple[Core, Decision | None]:
    """A core that has seen all this, and what it said last."""
    core, said = Core(Profile("p", limits=limits), seed=1), None
    for at_us, arrival in timed:
        said = core.arrive(arrival, at_us)
    return core, said


def _asked(arrival: Arrival, kind: LimitKind) -> int:
    """What a request asks of a limit: one request; its prompt; and for each choice the most it may write."""
    output = arrival.choices * (arrival.max_tokens or 0)
    amounts: dict[LimitKind, int] = {
        "requests": 1,
        "tokens": arrival.prompt_tokens + output,
        "input_tokens": arrival.prompt_tokens,
        "output_tokens": output,
    }
    return amounts[kind]


def _a_minute(limits: Limits, model: str) -> dict[LimitKind, int]:
    """The model "own" has 10 requests and 900 output tokens a minute, and the rest in common."""
    own = model == "own"
    return {
        "requests": 10 if own else limits.rpm,
        "tokens": limits.tpm,
        "input_tokens": limits.itpm,
        "output_tokens": 900 if own else limits.otpm,
    }


@settings(max_examples=150, deadline=None)
@given(_LIMITS, _STEPS)
def test_between_any_two_instants_no_more_is_admitted_than_burst_and_rate(
    limits: Limits, steps: Steps
) -> None:
    """sum(amounts in [a, b]) <= max(burst, the last of them) + rate * (b - a), burst = limit * window / 60 s.

    The last one alone may be larger than the bucket: it is let into an empty one.
    """
    core = Core(Profile("p", limits=limits), seed=1)
    admitted: dict[tuple[str, str], Steps] = {}
    for at_us, arrival in _timed(steps):
        if isinstance(core.arrive(arrival, at_us), Generate):
            admitted.setdefault((arrival.key, arrival.model), []).append((at_us, arrival))
    for (_, model), passed in admitted.items():
        for kind, limit in _a_minute(limits, model).items():
            if limit:
                burst = limit * Fraction(limits.window_s) / 60
                amounts = [(at_us, _asked(arrival, kind)) for at_us, arrival in passed]
                _assert_within(amounts, burst, Fraction(limit, MINUTE_US), limit)


def _assert_within(amounts: list[tuple[int, int]], burst: Fraction, rate: Fraction, limit: int) -> None:
    for index, (until_us, last) in enumerate(amounts):
        assert last <= limit
        total = 0
        for at_us, amount in reversed(amounts[: index + 1]):
            total += amount
            assert total <= max(burst, Fraction(last)) + rate * (until_us - at_us)


@pytest.mark.parametrize(("window_s", "choices"), [(60.0, 1), (60.0, 4), (7.5, 2), (1.0, 1)])
def test_a_caller_who_never_stops_asking_is_given_all_of_it_but_one_request(
    window_s: float, choices: int
) -> None:
    """Of 6,000 tokens a minute, 100 a second: refusals take none, so nothing of the bucket stays unused."""
    core = Core(Profile("p", limits=Limits(tpm=6_000, window_s=window_s)), seed=1)
    arrival = Arrival("/p", "m", "k", 10, 20, call=0, choices=choices)
    asked, admitted = 10 + 20 * choices, 0
    for now_us in range(0, 60 * S + 1, 50 * MS):
        while isinstance(core.arrive(arrival, now_us), Generate):
            admitted += asked
    assert 0 <= 100 * window_s + 6_000 - admitted < asked


@dataclass(frozen=True, slots=True)
class Told:
    """The first refusal of a history that says when to come back, and all up to it."""

    limits: Limits
    seen: Steps
    decision: Throttle
    wait_us: int

    def again(self, after_us: int) -> Decision:
        """On a core of its own that has seen the same, the same request so long after it was refused."""
        core, _ = _core_after(self.limits, self.seen)
        at_us, arrival = self.seen[-1]
        return core.arrive(arrival, at_us + after_us)


def _told(limits: Limits, steps: Steps) -> Told:
    timed = _timed(steps)
    core = Core(Profile("p", limits=limits), seed=1)
    for count, (at_us, arrival) in enumerate(timed, start=1):
        said = core.arrive(arrival, at_us)
        if isinstance(said, Throttle) and said.exceeded.wait_us is not None:
            return Told(limits, timed[:count], said, said.exceeded.wait_us)
    return reject()


@settings(max_examples=150, deadline=None)
@given(_LIMITS, _STEPS)
def test_who_waits_the_milliseconds_told_is_let_in_and_who_comes_earlier_is_not(
    limits: Limits, steps: Steps
) -> None:
    told = _told(limits, steps)
    answer = openai_reply.throttled(told.decision, ParsedRequest("m", 1, None), Moment("id", 0))
    wait_ms = int(answer.headers["retry-after-ms"])
    assert (wait_ms - 1) * MS < told.wait_us <= wait_ms * MS
    assert isinstance(told.again(wait_ms * MS), Generate)
    if wait_ms >= 10:
        assert isinstance(told.again((wait_ms - 10) * MS), Throttle)
    assert isinstance(told.again(told.wait_us), Generate)
    assert isinstance(told.again(told.wait_us - 1), Throttle)


@settings(max_examples=50, deadline=None)
@given(_LIMITS, _STEPS)
def test_the_seconds_told_are_the_milliseconds_rounded_up(limits: Limits, steps: Steps) -> None:
    told = _told(limits, steps)
    parsed, moment = ParsedRequest("m", 1, None), Moment("id", 0)
    openai = openai_reply.throttled(told.decision, parsed, moment).headers
    anthropic = anthropic_reply.throttled(told.decision, parsed, moment).headers
    seconds = int(openai["retry-after"])
    assert (seconds - 1) * 1_000 < int(openai["retry-after-ms"]) <= seconds * 1_000
    assert anthropic["retry-after"] == openai["retry-after"]
    assert isinstance(told.again(seconds * S), Generate)


def _used(core: Core, now_us: int = 0) -> dict[str, int]:
    """What is used of the limits of one key and model, read off a request that takes no tokens."""
    probe = Arrival("/p", "m", "k", 0, None, 0, fault=RequestRule("probe", "status"))
    said = core.arrive(probe, now_us)
    assert isinstance(said, Fault)
    levels = (said.levels.tokens, said.levels.input_tokens, said.levels.output_tokens)
    assert None not in levels
    names = ("tokens", "input", "output")
    return {name: level.limit - level.remaining for name, level in zip(names, levels, strict=True) if level}


AMPLE = Limits(tpm=10**6, itpm=10**6, otpm=10**6)


@given(
    prompt=st.integers(0, 4_000),
    wanted=st.integers(1, 3_000),
    most=st.none() | st.integers(1, 3_000),
    choices=st.integers(1, 8),
)
def test_after_the_end_of_a_reply_its_real_usage_is_used_and_no_more(
    prompt: int, wanted: int, most: int | None, choices: int
) -> None:
    """Whatever was reserved: the prompt once, and each choice as long as it came out."""
    core = Core(Profile("p", limits=AMPLE), seed=1)
    decision = core.arrive(Arrival("/p", "m", "k", prompt, most, 0, 1, wanted, choices), 0)
    assert isinstance(decision, Generate)
    reserved = choices * (most or 0)
    assert _used(core) == {"tokens": prompt + reserved, "input": prompt, "output": reserved}
    core.finish(decision.ticket, 0)
    written = choices * min(wanted, most or wanted)
    assert _used(core) == {"tokens": prompt + written, "input": prompt, "output": written}


def _asking(call: int, tokens: int, wanted: int) -> Arrival:
    return Arrival("/p", "m", "k", 0, tokens, call, wanted_tokens=wanted)


def test_a_late_ending_gives_back_no_more_than_is_left_of_its_reservation() -> None:
    """1,000 tokens a minute. A call reserves them all, takes a minute, and has written 10. By then its
    reservation has drained, and another call has reserved the next 1,000: there is nothing to give back.
    """
    core = Core(Profile("p", limits=Limits(tpm=1_000)), seed=1)
    slow = core.arrive(_asking(0, 1_000, wanted=10), 0)
    assert isinstance(slow, Generate)
    assert isinstance(core.arrive(_asking(1, 1_000, wanted=1_000), MINUTE_US), Generate)
    core.finish(slow.ticket, MINUTE_US)
    assert isinstance(core.arrive(_asking(2, 900, wanted=900), MINUTE_US), Throttle)


def test_an_ending_gives_nothing_back_to_limits_that_never_held_its_reservation() -> None:
    core = Core(Profile("p", limits=Limits(tpm=1_000)), seed=1)
    before = core.arrive(_asking(0, 1_000, wanted=10), 0)
    assert isinstance(before, Generate)
    core.set_profile(Profile("q", limits=Limits(tpm=1_100)), 0)
    assert isinstance(core.arrive(_asking(1, 1_100, wanted=1_100), 0), Generate)
    core.finish(before.ticket, 0)
    assert isinstance(core.arrive(_asking(2, 900, wanted=900), 0), Throttle)
