"""A second choice: which ends of the first fall over to it, and what each host is told."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from harness import (
    AttemptFinished,
    BreakerChanged,
    CallError,
    CallFinished,
    ConfigError,
    DeadlineExceeded,
    Endpoint,
    Fatal,
    Outcome,
    Partial,
    Policy,
    Reply,
    RequestError,
    ResilientClient,
    StoppedBy,
    Throttled,
    Transient,
    Usage,
    Waited,
)
from harness.policy.config import (
    AdmissionConfig,
    BreakerConfig,
    BudgetConfig,
    ConcurrencyConfig,
    FallbackConfig,
    RetryConfig,
)
from tests.harness.client.rig import (
    END,
    KEY,
    PLAIN,
    ROLE,
    SECOND,
    Answer,
    Api,
    assert_unseen,
    attempts_of,
    call_of,
    caught,
    chunk,
    completion,
    error_event,
    everything_of,
    message,
    play,
    read,
    refusal,
    streaming,
)

OTHER_KEY = "sk-ant-0815-other-secret"
OTHER = Endpoint("http://other.test/v1", OTHER_KEY, "anthropic")
RESET = httpx.ReadError("reset")

#: Two attempts a route.
TWICE = replace(PLAIN, retry=RetryConfig(attempts=2, base_s=1.0, throttle_base_s=1.0, jitter="none"))
SMALL = replace(TWICE, fallback=FallbackConfig(model="small"))
CLAUDE = replace(TWICE, fallback=FallbackConfig(model="claude-sonnet-4-5"))


class Hosts:
    """An API a host, and the order in which they were asked."""

    def __init__(self, first: Api, second: Api) -> None:
        self.apis = {"api.test": first, "other.test": second}
        self.asked: list[str] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.host)
        return await self.apis[request.url.host](request)


def by_model(**answers: Answer | tuple[float, Answer]) -> Any:
    """Answers by the model asked for; a dash in its name is written as an underscore."""
    apis = {model.replace("_", "-"): Api(answer) for model, answer in answers.items()}

    async def handler(request: httpx.Request) -> httpx.Response:
        return await apis[json.loads(request.content)["model"]](request)

    return handler


async def ask(client: ResilientClient) -> None:
    await client.generate_copy("เขียน", "big")


def test_a_second_model_serves_what_the_first_could_not() -> None:
    async def scenario(client: ResilientClient) -> None:
        assert (await client.generate_copy("เขียน", "big")).text == "สั้น"

    events = play(scenario, SMALL, by_model(big=refusal(500), small=completion("สั้น")))
    assert [type(e) for e in events] == [
        AttemptFinished,
        Waited,
        AttemptFinished,
        AttemptFinished,
        CallFinished,
    ]
    assert [(a.number, a.route, a.status, a.end_ns) for a in attempts_of(events)] == [
        (1, 0, 500, 0),
        (2, 0, 500, SECOND),
        (3, 1, 200, SECOND),
    ]
    call = call_of(events)
    assert (call.outcome, call.stopped_by, call.attempts, call.model) == (Outcome.OK, None, 3, "big")
    assert (call.usage, call.backoff_ns) == (Usage(57, 129), SECOND)


def test_only_the_model_differs_on_the_second_route() -> None:
    api = Api(refusal(503), refusal(503), completion())

    async def scenario(client: ResilientClient) -> None:
        await client.chat([{"role": "user", "content": "ก"}], "big", 9, temperature=0.1, extra={"top_p": 1})

    play(scenario, SMALL, api)
    first, again, second = api.bodies
    assert first == again == {**second, "model": "big"}
    assert second["model"] == "small"
    assert {str(request.url) for request in api.requests} == {"http://api.test/v1/chat/completions"}


def test_a_second_endpoint_speaks_its_own_format_with_its_own_key() -> None:
    hosts = Hosts(Api(refusal(500)), Api(message("ชา")))

    async def scenario(client: ResilientClient) -> None:
        reply = await client.generate_copy("เขียน", "big", system="ก")
        assert reply == Reply("ชา", "claude-sonnet-4-5-20250929", "end_turn", Usage(31, 17), "req_msg")

    events = play(scenario, CLAUDE, hosts, fallback=OTHER)
    assert hosts.asked == ["api.test", "api.test", "other.test"]
    (sent,) = hosts.apis["other.test"].requests
    assert (str(sent.url), sent.headers["x-api-key"]) == ("http://other.test/v1/messages", OTHER_KEY)
    assert json.loads(sent.content) == {
        "model": "claude-sonnet-4-5",
        "system": "ก",
        "messages": [{"role": "user", "content": "เขียน"}],
        "max_tokens": 1000,
        "temperature": 0.7,
    }
    for host, own, foreign in (("api.test", KEY, OTHER_KEY), ("other.test", OTHER_KEY, KEY)):
        for request in hosts.apis[host].requests:
            sent_bytes = repr(request.headers.raw) + str(request.url) + request.content.decode()
            assert own in sent_bytes
            assert foreign not in sent_bytes
    assert_unseen(*events)
    assert_unseen(*events, secret=OTHER_KEY)
    assert [a.request_id for a in attempts_of(events)] == ["req_500", "req_500", "req_msg"]


def test_a_fallback_endpoint_alone_keeps_the_model() -> None:
    hosts = Hosts(Api(refusal(500)), Api(completion()))
    play(ask, TWICE, hosts, fallback=Endpoint("http://other.test/v1", OTHER_KEY))
    assert [body["model"] for body in hosts.apis["other.test"].bodies] == ["big"]


def test_the_second_key_is_kept_out_of_errors_too() -> None:
    hosts = Hosts(
        Api(refusal(500, message=f"with {KEY}")), Api(refusal(500, OTHER_KEY, message=f"with {OTHER_KEY}"))
    )
    error, events = caught(CLAUDE, hosts, fallback=OTHER)
    for secret in (KEY, OTHER_KEY):
        assert_unseen(*everything_of(error), *events, secret=secret)


@pytest.mark.parametrize(
    ("answer", "policy", "attempts", "expected"),
    [
        (refusal(429), SMALL, 2, True),
        (refusal(500), SMALL, 2, True),
        (refusal(529), SMALL, 2, True),
        (RESET, SMALL, 2, True),
        ((99.0, completion()), SMALL, 2, True),
        (httpx.Response(200, content=b"{"), SMALL, 2, True),
        (refusal(429, "insufficient_quota"), SMALL, 1, True),
        (refusal(402), SMALL, 1, True),
        (refusal(500), replace(SMALL, budget=BudgetConfig(ratio=0, min_per_s=0, cap=1)), 2, True),
        (refusal(429, headers={"retry-after": "3600"}), SMALL, 1, True),
        (refusal(400), SMALL, 1, False),
        (refusal(401), SMALL, 1, False),
        (refusal(403), SMALL, 1, False),
        (refusal(404), SMALL, 1, False),
        (httpx.Response(307, headers={"location": "http://elsewhere.test"}), SMALL, 1, False),
        ((99.0, completion()), replace(SMALL, deadline_s=5.0), 1, False),
    ],
)
def test_which_ends_fall_over(
    answer: Answer | tuple[float, Answer], policy: Policy, attempts: int, *, expected: bool
) -> None:
    async def scenario(client: ResilientClient) -> None:
        try:
            reply = await client.generate_copy("เขียน", "big")
        except CallError:
            assert not expected
        else:
            assert (expected, reply.text) == (True, "สั้น")

    events = play(scenario, policy, by_model(big=answer, small=completion("สั้น")))
    routes = [a.route for a in attempts_of(events)]
    assert routes == [0] * attempts + [1] * expected
    assert [a.number for a in attempts_of(events)] == list(range(1, len(routes) + 1))
    assert call_of(events).attempts == len(routes)


def test_an_exhausted_budget_falls_over() -> None:
    policy = replace(SMALL, budget=BudgetConfig(ratio=0, min_per_s=0, cap=1), retry=RetryConfig(attempts=9))

    async def scenario(client: ResilientClient) -> None:
        for _ in range(2):
            await ask(client)

    events = play(scenario, policy, by_model(big=refusal(500), small=completion()))
    # One retry is paid for; each route has a budget of its own.
    assert [a.route for a in attempts_of(events)] == [0, 0, 1, 0, 1]


def test_an_open_breaker_falls_over_without_an_attempt() -> None:
    policy = replace(
        SMALL, retry=RetryConfig(attempts=1), breaker=BreakerConfig(min_calls=2, failure_ratio=0.5)
    )

    async def scenario(client: ResilientClient) -> None:
        for _ in range(4):
            await ask(client)

    events = play(scenario, policy, by_model(big=refusal(500), small=completion()))
    assert [a.route for a in attempts_of(events)] == [0, 1, 0, 1, 1, 1]
    assert [(e.after, e.route) for e in events if isinstance(e, BreakerChanged)] == [("open", 0)]
    calls = [e.call for e in events if isinstance(e, CallFinished)]
    assert [(c.outcome, c.attempts, c.stopped_by) for c in calls] == [
        ("ok", 2, None),
        ("ok", 2, None),
        ("ok", 1, None),
        ("ok", 1, None),
    ]


def test_full_admission_falls_over() -> None:
    policy = replace(SMALL, concurrency=ConcurrencyConfig(limit=1), admission=AdmissionConfig(max_waiting=0))

    async def scenario(client: ResilientClient) -> None:
        first = asyncio.create_task(ask(client))
        await asyncio.sleep(0.5)
        await ask(client)
        assert asyncio.get_running_loop().time() == 0.5
        await first

    events = play(scenario, policy, by_model(big=(2.0, completion()), small=completion()))
    assert [(a.route, a.number) for a in attempts_of(events)] == [(1, 1), (0, 1)]


def test_what_is_kept_of_the_deadline_is_the_fallback_s() -> None:
    policy = replace(
        SMALL,
        deadline_s=10.0,
        attempt_timeout_s=None,
        fallback=FallbackConfig(model="small", reserve_s=4.0),
    )

    async def scenario(client: ResilientClient) -> None:
        await ask(client)
        assert asyncio.get_running_loop().time() == 6 + 3

    events = play(scenario, policy, by_model(big=(99.0, completion()), small=(3.0, completion())))
    assert [(a.route, a.outcome, a.end_ns) for a in attempts_of(events)] == [
        (0, Outcome.DEADLINE, 6 * SECOND),
        (1, Outcome.OK, 9 * SECOND),
    ]
    assert call_of(events).outcome is Outcome.OK


def test_the_fallback_ends_with_the_deadline_too() -> None:
    policy = replace(SMALL, deadline_s=10.0, fallback=FallbackConfig(model="small", reserve_s=4.0))
    error, events = caught(
        policy,
        by_model(gpt_4=refusal(500), **{"gpt-4.1": (99.0, completion()), "small": (99.0, completion())}),
    )
    assert (type(error), error.attempts) == (DeadlineExceeded, 2)
    call = call_of(events)
    assert (call.end_ns, call.stopped_by) == (10 * SECOND, StoppedBy.DEADLINE)


def test_when_both_fail_the_last_is_told() -> None:
    hosts = Hosts(Api(refusal(500)), Api(httpx.Response(429, json={"error": {"type": "rate_limit_error"}})))
    error, events = caught(CLAUDE, hosts, fallback=OTHER)
    assert (type(error), error.status, error.attempts) == (Throttled, 429, 4)
    assert error.code == "rate_limit_error"
    call = call_of(events)
    assert (call.outcome, call.stopped_by, call.status) == (Outcome.THROTTLED, StoppedBy.ATTEMPTS, 429)


def test_a_fatal_end_of_the_fallback_is_fatal() -> None:
    hosts = Hosts(Api(refusal(500)), Api(httpx.Response(401)))
    error, events = caught(CLAUDE, hosts, fallback=OTHER)
    assert (type(error), error.status, error.attempts) == (Fatal, 401, 3)
    assert call_of(events).stopped_by is StoppedBy.FATAL


def test_a_cancelled_call_does_not_fall_over() -> None:
    async def scenario(client: ResilientClient) -> None:
        task = asyncio.create_task(ask(client))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    events = play(scenario, SMALL, by_model(big=(9.0, completion()), small=completion()))
    assert [(a.route, a.outcome) for a in attempts_of(events)] == [(0, Outcome.CANCELLED)]
    assert call_of(events).outcome is Outcome.CANCELLED


def test_each_route_has_permits_of_its_own() -> None:
    policy = replace(SMALL, retry=RetryConfig(attempts=1), concurrency=ConcurrencyConfig(limit=1))

    async def scenario(client: ResilientClient) -> None:
        first, second = (route.pipeline.gate for route in client.routes)
        task = asyncio.create_task(ask(client))
        await asyncio.sleep(1)
        assert (first.held, second.held) == (0, 1)
        await task

    play(scenario, policy, by_model(big=refusal(500), small=(2.0, completion())))


def test_a_stream_falls_over_before_its_first_output() -> None:
    hosts = Hosts(Api(streaming(ROLE, RESET)), Api(streaming(chunk("ก"), END)))

    async def scenario(client: ResilientClient) -> None:
        async with client.stream("a", "big") as stream:
            assert [route.pipeline.gate.held for route in client.routes] == [0, 1]
            assert await read(stream) == ["ก"]

    events = play(scenario, TWICE, hosts, fallback=Endpoint("http://other.test/v1", OTHER_KEY))
    assert [(a.route, a.number, a.outcome) for a in attempts_of(events)] == [
        (0, 1, "transient"),
        (0, 2, "transient"),
        (1, 3, "ok"),
    ]
    assert call_of(events).outcome is Outcome.OK


def test_a_stream_does_not_fall_over_after_its_first_output() -> None:
    hosts = Hosts(Api(streaming(chunk("ก"), error_event("overloaded"))), Api(streaming(chunk("ข"), END)))

    async def scenario(client: ResilientClient) -> None:
        async with client.stream("a", "big") as stream:
            with pytest.raises(Partial):
                await read(stream)

    play(scenario, TWICE, hosts, fallback=Endpoint("http://other.test/v1", OTHER_KEY))
    assert hosts.asked == ["api.test"]


def test_what_the_fallback_could_not_send_is_refused_before_anything_is() -> None:
    async def scenario(client: ResilientClient) -> None:
        with pytest.raises(RequestError, match=r"temperature = 1\.5: expected a number from 0 to 1"):
            await client.generate_copy("a", temperature=1.5)  # fine for OpenAI, not for Anthropic

    assert play(scenario, CLAUDE, Api(completion()), fallback=OTHER) == []


def test_a_reserve_without_a_fallback_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match=r"fallback\.reserve_s = 2\.0: expected 0 where there is no"):
        ResilientClient("http://api.test", KEY, policy=replace(PLAIN, fallback=FallbackConfig(reserve_s=2.0)))
    other = Endpoint("http://other.test/v1", OTHER_KEY)
    for with_fallback in (FallbackConfig("small", 2.0), FallbackConfig(None, 2.0)):
        policy = replace(PLAIN, fallback=with_fallback)
        assert len(ResilientClient("http://api.test", KEY, policy=policy, fallback=other).routes) == 2


def test_another_format_without_a_model_of_its_own_is_a_mistake() -> None:
    with pytest.raises(
        ConfigError, match=r"fallback\.model = None: expected a model of the fallback"
    ) as error:
        ResilientClient("http://api.test", KEY, fallback=OTHER)
    assert "anthropic" in str(error.value)


def test_without_a_fallback_there_is_one_route() -> None:
    error, events = caught(TWICE, Api(refusal(500)))
    assert (type(error), {a.route for a in attempts_of(events)}) == (Transient, {0})
