"""Streams that break: before the first output they are tried again, after it never."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import httpx
import pytest

from harness import (
    CallError,
    Fatal,
    Fault,
    Malformed,
    Outcome,
    Overloaded,
    Partial,
    Policy,
    Rejected,
    ResilientClient,
    StoppedBy,
    Throttled,
    TimedOut,
    Transient,
    Usage,
)
from harness.policy.config import BreakerConfig
from tests.harness.client.rig import (
    DONE,
    END,
    ONCE,
    PLAIN,
    ROLE,
    SECOND,
    STOP,
    USAGE,
    Api,
    Step,
    attempts_of,
    call_of,
    chunk,
    error_event,
    play,
    read,
    refusal,
    streaming,
)

GOOD = (ROLE, chunk("กาแฟ"), chunk("หอม"), END)
PATIENT = replace(PLAIN, first_token_timeout_s=3.0, idle_timeout_s=5.0)
NO_STREAM = httpx.Response(200, text="data: x", headers={"content-type": "text/plain"})
RESET = httpx.ReadError("reset by peer")


@pytest.mark.parametrize(
    ("first", "selector", "status", "took_s"),
    [
        (refusal(500), "transient.status", 500, 0.0),
        (refusal(429), "throttled.status", 429, 0.0),
        (refusal(529), "overloaded.status", 529, 0.0),
        (httpx.ConnectError("refused"), "transient.connect", None, 0.0),
        (RESET, "transient.read", None, 0.0),
        (streaming(RESET), "transient.read", 200, 0.0),
        (streaming(ROLE, 1.0, RESET), "transient.read", 200, 1.0),
        (streaming(ROLE, httpx.ReadTimeout("silence")), "timeout.read_timeout", 200, 0.0),
        (streaming(httpx.RemoteProtocolError("bad chunk")), "transient.protocol", 200, 0.0),
        (streaming(), "transient.stream", 200, 0.0),
        (streaming(ROLE), "transient.stream", 200, 0.0),
        (streaming(b": ping\n\n", b": ping\n\n"), "transient.stream", 200, 0.0),
        (streaming(error_event("server_error")), "transient.stream", 200, 0.0),
        (streaming(ROLE + error_event("rate_limit_exceeded")), "throttled.stream", 200, 0.0),
        (streaming(ROLE, error_event("overloaded")), "overloaded.stream", 200, 0.0),
        (streaming(DONE), "malformed.body", 200, 0.0),
        (streaming(b"data: \xff\xfe\n\n"), "malformed.body", 200, 0.0),
        (streaming(b"x" * (2**20 + 1)), "malformed.body", 200, 0.0),
        (NO_STREAM, "malformed.body", 200, 0.0),
        ((99.0, streaming(*GOOD)), "timeout.first_token_timeout", None, 3.0),
        (streaming(99.0, *GOOD), "timeout.first_token_timeout", 200, 3.0),
        (streaming(ROLE, *[1.0, b": ping\n\n"] * 9, *GOOD), "timeout.first_token_timeout", 200, 3.0),
    ],
)  # fmt: skip
def test_what_fails_before_the_first_output_is_tried_again(
    first: httpx.Response | Exception | tuple[float, httpx.Response],
    selector: str,
    status: int | None,
    took_s: float,
) -> None:
    api = Api(first, streaming(*GOOD))

    async def scenario(client: ResilientClient) -> None:
        async with client.stream("a") as stream:
            assert await read(stream) == ["กาแฟ", "หอม"]

    events = play(scenario, PATIENT, api)
    failed, ok = attempts_of(events)
    assert (failed.selector, failed.status, failed.first_token_ns) == (selector, status, None)
    assert (failed.end_ns, ok.sent_ns) == (took_s * SECOND, (took_s + 1) * SECOND)
    assert (ok.outcome, ok.number) == (Outcome.OK, 2)
    call = call_of(events)
    assert (call.outcome, call.stopped_by, call.attempts) == (Outcome.OK, None, 2)


@pytest.mark.parametrize(
    ("answer", "kind", "attempts", "stopped_by"),
    [
        (refusal(500), Transient, 3, StoppedBy.ATTEMPTS),
        (refusal(429), Throttled, 3, StoppedBy.ATTEMPTS),
        (refusal(401), Fatal, 1, StoppedBy.FATAL),
        (refusal(429, "insufficient_quota"), Fatal, 1, StoppedBy.FATAL),
        (streaming(error_event("insufficient_quota")), Fatal, 1, StoppedBy.FATAL),
        (streaming(error_event("invalid_request_error")), Fatal, 1, StoppedBy.FATAL),
        (streaming(ROLE, error_event("overloaded")), Overloaded, 3, StoppedBy.ATTEMPTS),
        (streaming(b"data: {\n\n"), Malformed, 3, StoppedBy.ATTEMPTS),
        (streaming(99.0), TimedOut, 3, StoppedBy.ATTEMPTS),
        (streaming(RESET), Transient, 3, StoppedBy.ATTEMPTS),
    ],
)
def test_entering_raises_the_error_of_the_call(
    answer: httpx.Response, kind: type[CallError], attempts: int, stopped_by: StoppedBy
) -> None:
    async def scenario(client: ResilientClient) -> None:
        with pytest.raises(CallError) as error:
            await client.stream("a").__aenter__()
        assert (type(error.value), error.value.attempts, error.value.text) == (kind, attempts, "")

    call = call_of(play(scenario, PATIENT, Api(answer)))
    assert (call.stopped_by, call.attempts) == (stopped_by, attempts)


@pytest.mark.parametrize(
    ("steps", "selector", "end_s", "words"),
    [
        ((1.0, RESET), "partial.read", 1.0, "reset by peer"),
        ((1.0, httpx.RemoteProtocolError("bad chunk")), "partial.protocol", 1.0, "bad chunk"),
        ((1.0, httpx.ReadTimeout("silence")), "partial.read_timeout", 1.0, "silence"),
        ((error_event("server_error", "sorry"),), "partial.stream", 0.0, "error in the stream: sorry"),
        ((error_event("insufficient_quota", "no money"),), "partial.quota", 0.0, "no money"),
        ((b"data: {\n\n",), "partial.body", 0.0, "not a chunk of a chat completion"),
        ((b"x" * (2**20 + 1),), "partial.body", 0.0, "longer than 1048576 bytes"),
        ((), "partial.stream", 0.0, "the stream ended before the reply was complete"),
        ((2.0, b": ping\n\n", 9.0), "timeout.idle_timeout", 7.0, "the stream was silent for 5 s"),
        ((*[4.0, b": ping\n\n"] * 9,), "deadline", 20.0, "the call's deadline passed"),
    ],
)  # fmt: skip
def test_what_fails_after_the_first_output_is_partial_and_never_repeated(
    steps: tuple[Step, ...], selector: str, end_s: float, words: str
) -> None:
    api = Api(streaming(ROLE, chunk("กาแฟ"), chunk("หอม"), *steps), streaming(*GOOD))
    seen: list[str] = []

    async def scenario(client: ResilientClient) -> None:
        async with client.stream("a") as stream:
            while len(seen) < 2:
                seen.append(await anext(stream))
            with pytest.raises(Partial) as error:
                await anext(stream)
            assert asyncio.get_running_loop().time() == end_s
            assert client.routes[0].pipeline.gate.held == 0
        outcome = selector.partition(".")[0]
        assert (error.value.text, error.value.outcome) == ("กาแฟหอม", outcome)
        assert (error.value.status, error.value.attempts) == (200, 1)
        assert error.value.request_id == "req_stream"
        assert str(error.value).startswith(f"{outcome} after 1 attempts: ")
        assert words in str(error.value)

    events = play(scenario, replace(PATIENT, deadline_s=20.0), api)
    assert seen == ["กาแฟ", "หอม"]
    (attempt,) = attempts_of(events)
    assert (attempt.selector, attempt.first_token_ns) == (selector, 0)
    call = call_of(events)
    stopped_by = StoppedBy.DEADLINE if selector == "deadline" else StoppedBy.FATAL
    assert (call.outcome, call.stopped_by) == (attempt.outcome, stopped_by)
    assert (call.end_ns, call.attempts) == (end_s * SECOND, 1)
    assert len(api.requests) == 1


def test_what_came_with_the_error_is_handed_out_before_it() -> None:
    # One chunk holds output and the error after it.
    answer = streaming(ROLE + chunk("กาแฟ") + error_event("overloaded", "too busy"))

    async def scenario(client: ResilientClient) -> None:
        async with client.stream("a") as stream:
            assert await anext(stream) == "กาแฟ"
            for _ in range(2):  # once broken, it stays broken
                with pytest.raises(Partial, match="too busy") as error:
                    await anext(stream)
                assert (error.value.text, error.value.code) == ("กาแฟ", "overloaded")

    assert attempts_of(play(scenario, handler=Api(answer)))[0].selector == "partial.stream"


def test_usage_told_before_the_break_is_kept() -> None:
    async def scenario(client: ResilientClient) -> None:
        async with client.stream("a") as stream:
            with pytest.raises(Partial):
                await read(stream)

    events = play(scenario, handler=Api(streaming(ROLE, chunk("a"), USAGE, RESET)))
    assert attempts_of(events)[0].usage == call_of(events).usage == Usage(57, 129)


def test_a_connection_that_breaks_after_the_end_hurts_nobody() -> None:
    async def scenario(client: ResilientClient) -> None:
        async with client.stream("a") as stream:
            assert await read(stream) == ["a"]
        assert stream.reply.usage == Usage(57, 129)

    events = play(scenario, handler=Api(streaming(ROLE, chunk("a"), END, RESET)))
    assert (attempts_of(events)[0].selector, call_of(events).outcome) == ("ok", Outcome.OK)


@pytest.mark.parametrize("policy", [PATIENT, replace(PATIENT, idle_timeout_s=None, deadline_s=8.0)])
def test_a_server_that_never_closes_after_the_end_hurts_nobody(policy: Policy) -> None:
    async def scenario(client: ResilientClient) -> None:
        async with client.stream("a") as stream:
            assert await read(stream) == ["a"]
        assert stream.reply.text == "a"

    events = play(scenario, policy, Api(streaming(ROLE, chunk("a"), END, 99.0)))
    assert (attempts_of(events)[0].selector, call_of(events).outcome) == ("ok", Outcome.OK)


def test_a_server_that_never_closes_after_the_end_holds_nobody_up() -> None:
    async def scenario(client: ResilientClient) -> None:
        async with client.stream("a") as stream:
            assert await read(stream) == ["a"]

    call = call_of(play(scenario, PATIENT, Api(streaming(ROLE, chunk("a"), END, 99.0))))
    assert call.end_ns <= SECOND  # all was said at 0; what is left is a connection to give back


def test_the_attempt_timeout_ends_with_the_first_output() -> None:
    policy = replace(PLAIN, attempt_timeout_s=2.0, first_token_timeout_s=None, idle_timeout_s=9.0)

    async def scenario(client: ResilientClient) -> None:
        async with client.stream("a") as stream:
            assert await read(stream) == ["a", "b"]

    steps = (1.5, chunk("a"), 8.0, chunk("b"), 8.0, STOP + DONE)
    call = call_of(play(scenario, policy, Api(streaming(*steps))))
    assert (call.outcome, call.end_ns) == (Outcome.OK, 17.5 * SECOND)


@pytest.mark.parametrize(
    ("attempt_timeout_s", "first_token_timeout_s", "fault", "end_s"),
    [
        (2.0, None, Fault.ATTEMPT_TIMEOUT, 2),
        (2.0, 3.0, Fault.ATTEMPT_TIMEOUT, 2),
        (4.0, 3.0, Fault.FIRST_TOKEN_TIMEOUT, 3),
        (None, 3.0, Fault.FIRST_TOKEN_TIMEOUT, 3),
    ],
)
def test_the_shorter_of_the_two_bounds_the_wait_for_output(
    attempt_timeout_s: float | None, first_token_timeout_s: float | None, fault: Fault, end_s: int
) -> None:
    policy = replace(ONCE, attempt_timeout_s=attempt_timeout_s, first_token_timeout_s=first_token_timeout_s)

    async def scenario(client: ResilientClient) -> None:
        with pytest.raises(TimedOut, match=f"no reply within {end_s} s"):
            await client.stream("a").__aenter__()

    (attempt,) = attempts_of(play(scenario, policy, Api(streaming(ROLE, 99.0))))
    assert (attempt.fault, attempt.end_ns) == (fault, end_s * SECOND)


def test_a_stream_asked_for_under_an_open_breaker_is_rejected() -> None:
    policy = replace(ONCE, breaker=BreakerConfig(min_calls=2, failure_ratio=0.5))
    api = Api(streaming(RESET))

    async def scenario(client: ResilientClient) -> None:
        for _ in range(2):
            with pytest.raises(Transient):
                await client.stream("a").__aenter__()
        with pytest.raises(Rejected, match="the circuit breaker is open"):
            await client.stream("a").__aenter__()

    play(scenario, policy, api)
    assert len(api.requests) == 2


def test_every_way_to_break_closes_the_connection() -> None:
    answers = [
        streaming(RESET),
        streaming(99.0),
        streaming(error_event("server_error"), 99.0),
        streaming(ROLE, chunk("a"), error_event("server_error"), 99.0),
        streaming(ROLE, chunk("a"), 99.0),
        streaming(ROLE, chunk("a"), RESET),
    ]

    async def scenario(client: ResilientClient) -> None:
        for _ in answers:
            with pytest.raises(CallError):
                async with client.stream("a") as stream:
                    await read(stream)

    play(scenario, replace(PATIENT, retry=ONCE.retry), Api(*answers))
    assert [answer.stream.closed > 0 for answer in answers] == [True] * len(answers)  # type: ignore[union-attr]
