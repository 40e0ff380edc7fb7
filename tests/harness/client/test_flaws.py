"""The article's flaws that live in the client, a test a row: ARTICLE shows the flaw, TUNED does not.

Both presets meet the same API at the same virtual instants.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from itertools import pairwise
from random import Random

import httpx
import pytest

from harness import (
    CallError,
    DeadlineExceeded,
    Event,
    Fatal,
    Outcome,
    Partial,
    Policy,
    Reply,
    ResilientClient,
    StoppedBy,
    Throttled,
    Transient,
)
from harness.policy.config import BreakerConfig
from harness.policy.presets import ARTICLE, NAIVE, TUNED
from harness.sim.loop import run
from tests.harness.article_client import HolySheepAIClient
from tests.harness.client.rig import (
    END,
    ROLE,
    SECOND,
    Api,
    Handler,
    attempts_of,
    call_of,
    calls_of,
    chunk,
    completion,
    play,
    read,
    refusal,
    streaming,
)

TIMES_OUT = httpx.ReadTimeout("silence")


def asked(policy: Policy, handler: Handler, seed: int = 1) -> tuple[Reply | CallError, list[Event]]:
    """What one call ended in."""
    ends: list[Reply | CallError] = []

    async def scenario(client: ResilientClient) -> None:
        try:
            ends.append(await client.generate_copy("เขียน"))
        except CallError as error:
            ends.append(error)

    events = play(scenario, policy, handler, rng=Random(seed))
    return ends[0], events


def waits_s(events: list[Event]) -> list[float]:
    """From the end of each attempt to the next one's sending."""
    attempts = attempts_of(events)
    return [(after.sent_ns - before.end_ns) / SECOND for before, after in pairwise(attempts)]


def test_waits_are_neither_exponential_nor_jittered_row() -> None:
    article = [waits_s(asked(ARTICLE, Api(TIMES_OUT), seed)[1]) for seed in range(20)]
    assert article == [[2.0, 2.0]] * 20

    tuned = [waits_s(asked(TUNED, Api(TIMES_OUT), seed)[1]) for seed in range(200)]
    for index in range(7):
        waits = [wait[index] for wait in tuned]
        ceiling_s = min(5.24, 0.778 * 2**index)
        assert len(set(waits)) > 190
        assert max(waits) <= ceiling_s
        # Full jitter's mean is half the ceiling; of 200 draws its standard error is 2 % of the ceiling.
        assert sum(waits) / 200 == pytest.approx(ceiling_s / 2, rel=0.15)


def test_retry_after_ignored_row() -> None:
    api = Api(refusal(429, headers={"retry-after": "7"}), completion())
    _, events = asked(ARTICLE, api)
    assert waits_s(events) == [2.0]

    for seed in range(20):
        api = Api(refusal(429, headers={"retry-after": "7"}), completion())
        reply, events = asked(TUNED, api, seed)
        assert isinstance(reply, Reply)
        (wait_s,) = waits_s(events)
        assert 7 < wait_s <= 7 + 0.002 + 1.43  # a floor, the jitter of a base of 1.43 s on top


@pytest.mark.parametrize("seconds", ["25", "3600"])
def test_retry_after_beyond_the_deadline_row(seconds: str) -> None:
    _, events = asked(ARTICLE, Api(refusal(429, headers={"retry-after": seconds})))
    assert (call_of(events).attempts, call_of(events).end_ns) == (3, 4 * SECOND)

    error, events = asked(TUNED, Api(refusal(429, headers={"retry-after": seconds})))
    assert isinstance(error, Throttled)
    call = call_of(events)
    assert (call.attempts, call.end_ns, call.stopped_by) == (1, 0, StoppedBy.DEADLINE)


def test_x_should_retry_ignored_row() -> None:
    answer = refusal(429, headers={"x-should-retry": "false"})
    assert call_of(asked(ARTICLE, Api(answer))[1]).attempts == 3
    assert call_of(asked(TUNED, Api(answer))[1]).attempts == 1


@pytest.mark.parametrize("code", ["insufficient_quota", "credit_balance_exhausted"])
def test_all_429_alike_row(code: str) -> None:
    error, events = asked(ARTICLE, Api(refusal(429, code)))
    assert call_of(events).attempts == 3  # and each of them for nothing

    error, events = asked(TUNED, Api(refusal(429, code)))
    assert (type(error), call_of(events).attempts, call_of(events).end_ns) == (Fatal, 1, 0)


@pytest.mark.parametrize("status", [408, 409, 500, 502, 503, 529])
def test_5xx_never_retried_row(status: int) -> None:
    error, events = asked(ARTICLE, Api(refusal(status), completion()))
    assert (isinstance(error, CallError), call_of(events).attempts) == (True, 1)

    reply, events = asked(TUNED, Api(refusal(status), completion()))
    assert (isinstance(reply, Reply), call_of(events).attempts) == (True, 2)


def test_transport_errors_other_than_connect_never_retried_row() -> None:
    error, events = asked(ARTICLE, Api(httpx.ReadError("reset"), completion()))
    assert (type(error), call_of(events).attempts) == (Transient, 1)

    reply, events = asked(TUNED, Api(httpx.ReadError("reset"), completion()))
    assert (isinstance(reply, Reply), call_of(events).attempts) == (True, 2)


def test_no_total_deadline_row() -> None:
    # The article's HTTP client gives up after 60 s of silence; so does this API.
    async def silent(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        raise TIMES_OUT

    _, events = asked(ARTICLE, silent)
    assert call_of(events).end_ns == (60 + 2 + 60 + 2 + 60) * SECOND

    error, events = asked(TUNED, silent)
    assert isinstance(error, DeadlineExceeded)
    assert call_of(events).end_ns == round(24.9 * SECOND)


def test_429_counted_as_a_failure_row() -> None:
    async def scenario(client: ResilientClient) -> None:
        for _ in range(8):
            await asyncio.gather(client.generate_copy("a"), return_exceptions=True)

    api = Api(refusal(429))
    calls = calls_of(play(scenario, ARTICLE, api))
    # Ten attempts open the breaker: the fourth call's first is the last let through.
    assert (len(api.requests), calls[-1].stopped_by) == (10, StoppedBy.BREAKER)

    calls = calls_of(play(scenario, TUNED, Api(refusal(429))))
    assert StoppedBy.BREAKER not in {call.stopped_by for call in calls}
    assert {call.outcome for call in calls} == {Outcome.THROTTLED}


def test_the_breaker_checked_before_the_queue_only_row() -> None:
    # 300 calls stand in line when the API goes down: with the breaker open, the article sends them all.
    async def down(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(1)
        raise TIMES_OUT

    def sent(policy: Policy) -> int:
        async def scenario(client: ResilientClient) -> None:
            calls = (client.generate_copy("a") for _ in range(300))
            await asyncio.gather(*calls, return_exceptions=True)

        return len(attempts_of(play(scenario, policy, down)))

    once = {"retry": NAIVE.retry, "admission": ARTICLE.admission}
    assert sent(replace(ARTICLE, **once)) == 300  # type: ignore[arg-type]
    assert sent(replace(TUNED, **once)) == 138  # type: ignore[arg-type] - one round of permits


def test_sixty_seconds_open_then_everything_at_once_row() -> None:
    # After its open time the API is still down: how many find that out?
    def probes(policy: Policy) -> int:
        api = Api((0.5, TIMES_OUT))

        async def scenario(client: ResilientClient) -> None:
            await asyncio.gather(*(client.generate_copy("a") for _ in range(60)), return_exceptions=True)
            await asyncio.sleep(120)
            before = len(api.requests)
            await asyncio.gather(*(client.generate_copy("a") for _ in range(60)), return_exceptions=True)
            api.answers = (api.answers[0],) * (len(api.requests) + 1)
            counts.append(len(api.requests) - before)

        counts: list[int] = []
        play(scenario, replace(policy, retry=NAIVE.retry), api)
        return counts[0]

    assert isinstance(TUNED.breaker, BreakerConfig)
    assert probes(ARTICLE) == 60
    assert probes(TUNED) == TUNED.breaker.probes == 5


def test_retry_amplification_row() -> None:
    # 100 calls a second for 10 s while everything fails with what both presets retry; no breaker.
    def amplification(policy: Policy) -> tuple[float, float]:
        """Attempts a call, and when the last call ended."""

        async def one(client: ResilientClient, at_s: float) -> None:
            await asyncio.sleep(at_s)
            await asyncio.gather(client.generate_copy("a"), return_exceptions=True)

        async def scenario(client: ResilientClient) -> None:
            await asyncio.gather(*(one(client, n / 100) for n in range(1000)))

        off = replace(policy, breaker=BreakerConfig(kind="off"))
        calls = calls_of(play(scenario, off, Api(httpx.ConnectError("refused"))))
        ended_s = max(call.end_ns for call in calls) / SECOND
        return sum(call.attempts for call in calls) / len(calls), ended_s

    assert amplification(ARTICLE)[0] == 3.0
    # Finagle's bound: 1 + ratio + (cap + min_per_s * T) / calls, T being 10 s and the last call's waits.
    attempts, ended_s = amplification(TUNED)
    assert ended_s < 10 + 24.9
    assert attempts <= 1 + 0.0744 + (100 + 10 * ended_s) / 1000


def test_unbounded_gather_row() -> None:
    # The article's batch: gather(*[client.generate_copy(p) for p in prompts]). Its waiters are one a prompt.
    async def handler(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(1)
        return completion()

    prompts = [f"prompt {n}" for n in range(600)]
    waiting: dict[str, int] = {}

    async def article() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as http:
            client = HolySheepAIClient(http, asyncio.get_running_loop().time, 100)
            batch = asyncio.gather(*(client.generate_copy(prompt) for prompt in prompts))
            await asyncio.sleep(0.5)
            waiting["article"] = len(asyncio.all_tasks()) - 1
            await batch

    async def scenario(client: ResilientClient) -> None:
        batch = asyncio.create_task(client.batch_generate(prompts))
        await asyncio.sleep(0.5)
        waiting["tuned"] = len(asyncio.all_tasks()) - 2
        assert client.routes[0].pipeline.gate.waiting == 0
        assert all(isinstance(result, Reply) for result in await batch)

    run(article())
    play(scenario, TUNED, handler)
    assert waiting == {"article": 600, "tuned": 138}


def test_one_failure_of_a_batch_loses_the_others_row() -> None:
    async def handler(request: httpx.Request) -> httpx.Response:
        prompt = json.loads(request.content)["messages"][-1]["content"]
        return refusal(400) if prompt == "bad" else completion(prompt)

    async def article() -> list[object]:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as http:
            client = HolySheepAIClient(http, asyncio.get_running_loop().time, 100)
            return list(await asyncio.gather(*(client.generate_copy(p) for p in ("a", "bad", "b"))))

    with pytest.raises(Exception, match="API Error: 400"):
        run(article())

    async def scenario(client: ResilientClient) -> None:
        results = await client.batch_generate(["a", "bad", "b"])
        assert [type(result) for result in results] == [Reply, Fatal, Reply]

    play(scenario, TUNED, handler)


@pytest.mark.parametrize("status", [401, 500])
def test_bare_exception_row(status: int) -> None:
    async def article() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(Api(refusal(status)))) as http:
            await HolySheepAIClient(http, asyncio.get_running_loop().time, 100).generate_copy("a")

    with pytest.raises(Exception, match=str(status)) as bare:
        run(article())
    assert type(bare.value) is Exception

    error, _ = asked(TUNED, Api(refusal(status, "the_code")))
    assert type(error) is (Fatal if status == 401 else Transient)
    assert isinstance(error, CallError)
    assert (error.status, error.code, error.request_id) == (status, "the_code", f"req_{status}")


def test_cancellation_is_counted_as_nothing_row() -> None:
    async def scenario(client: ResilientClient) -> None:
        for _ in range(50):
            task = asyncio.create_task(client.generate_copy("a"))
            await asyncio.sleep(1)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        api.answers = (completion(),)
        assert (await client.generate_copy("a")).text == "กาแฟหอมกรุ่น"

    for policy in (ARTICLE, TUNED):
        api = Api((99.0, completion()))
        calls = calls_of(play(scenario, policy, api))
        assert [call.outcome for call in calls] == ["cancelled"] * 50 + ["ok"]


def test_streaming_row_a_stall_is_waited_out_or_cut() -> None:
    async def scenario(client: ResilientClient) -> None:
        with pytest.raises(CallError):
            async with client.stream("a") as stream:
                await read(stream)

    stalled = (ROLE, chunk("a"), 300.0, httpx.ReadTimeout("silence"))
    assert call_of(play(scenario, ARTICLE, Api(streaming(*stalled)))).end_ns == 300 * SECOND
    call = call_of(play(scenario, TUNED, Api(streaming(*stalled))))
    assert (call.outcome, call.end_ns) == (Outcome.TIMEOUT, 15 * SECOND)


def test_streaming_row_a_slow_first_token_is_waited_for_or_tried_again() -> None:
    async def scenario(client: ResilientClient) -> None:
        async with client.stream("a") as stream:
            assert await read(stream) == ["a"]

    slow, quick = streaming(ROLE, 100.0, chunk("a"), END), streaming(ROLE, chunk("a"), END)
    assert call_of(play(scenario, ARTICLE, Api(slow, quick))).end_ns == 100 * SECOND
    call = call_of(play(scenario, TUNED, Api(slow, quick)))
    assert (call.outcome, call.attempts) == (Outcome.OK, 2)
    assert 15 * SECOND <= call.end_ns <= 15.778 * SECOND  # and a wait of up to its base


def test_streaming_row_a_broken_stream_is_a_typed_error_with_what_was_received() -> None:
    async def scenario(client: ResilientClient) -> None:
        async with client.stream("a") as stream:
            with pytest.raises(Partial) as error:
                await read(stream)
        assert (error.value.text, error.value.attempts) == ("กาแฟ", 1)

    api = Api(streaming(ROLE, chunk("กาแฟ"), httpx.ReadError("reset")))
    play(scenario, TUNED, api)
    assert len(api.requests) == 1
