"""The client against a respx API, in virtual time."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

from harness import (
    COPYWRITER,
    AttemptFinished,
    CallError,
    CallFinished,
    ConfigError,
    DeadlineExceeded,
    Event,
    Fatal,
    Fault,
    LocalExhaustion,
    Malformed,
    Outcome,
    Overloaded,
    Rejected,
    Reply,
    RequestError,
    ResilientClient,
    StoppedBy,
    Tag,
    Throttled,
    TimedOut,
    Transient,
    Usage,
    Waited,
    next_tag,
)
from harness.policy.config import AdmissionConfig, BreakerConfig, ConcurrencyConfig, RetryConfig
from harness.record.recorder import Recorder
from harness.sim.loop import now_ns, run
from harness.transport.httpx_transport import HttpxTransport
from tests.harness.client.rig import (
    BASE,
    KEY,
    PLAIN,
    SECOND,
    assert_unseen,
    call_of,
    caught,
    completion,
    everything_of,
    play,
    refusal,
)


async def _one(client: ResilientClient) -> None:
    await client.generate_copy("เขียนแคปชัน")


def test_a_reply(api: respx.Route) -> None:
    api.mock(return_value=completion())

    async def scenario(client: ResilientClient) -> None:
        reply = await client.generate_copy("เขียนแคปชัน")
        assert reply == Reply("กาแฟหอมกรุ่น", "gpt-4.1-2025-04-14", "stop", Usage(57, 129), "req_ok")

    events = play(scenario)
    assert [type(e) for e in events] == [AttemptFinished, CallFinished]
    call = call_of(events)
    assert (call.outcome, call.stopped_by, call.attempts, call.status) == (Outcome.OK, None, 1, 200)
    assert (call.usage, call.model, call.detail) == (Usage(57, 129), "gpt-4.1", "")


def test_what_is_sent(api: respx.Route) -> None:
    api.mock(return_value=completion())
    play(_one)
    (sent,) = [call.request for call in api.calls]
    assert sent.method == "POST"
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert sent.headers["content-type"] == "application/json"
    assert json.loads(sent.content) == {
        "model": "gpt-4.1",
        "messages": [{"role": "system", "content": COPYWRITER}, {"role": "user", "content": "เขียนแคปชัน"}],
        "max_tokens": 1000,
        "temperature": 0.7,
    }
    assert [name for name in sent.headers if name.startswith("x-primetime")] == []


def test_what_is_asked_for_is_sent(api: respx.Route) -> None:
    api.mock(return_value=completion())

    async def scenario(client: ResilientClient) -> None:
        await client.generate_copy("a", "small", 5, system=None, temperature=None)

    play(scenario)
    assert json.loads(api.calls.last.request.content) == {
        "model": "small",
        "messages": [{"role": "user", "content": "a"}],
        "max_tokens": 5,
    }


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
def test_what_may_pass_is_retried(api: respx.Route, status: int) -> None:
    api.mock(side_effect=[refusal(status), refusal(status), completion()])
    events = play(_one)
    call = call_of(events)
    assert (call.outcome, call.stopped_by, call.attempts) == (Outcome.OK, None, 3)
    assert (call.start_ns, call.end_ns, call.backoff_ns) == (0, 3 * SECOND, 3 * SECOND)
    bodies = {c.request.content for c in api.calls}
    assert (len(bodies), api.call_count) == (1, 3)


def test_listeners_hear_every_event_in_order(api: respx.Route) -> None:
    api.mock(side_effect=[refusal(500), refusal(429), completion()])
    events = play(_one)
    kinds = [AttemptFinished, Waited, AttemptFinished, Waited, AttemptFinished, CallFinished]
    assert [type(e) for e in events] == kinds
    attempts = [e.attempt for e in events if isinstance(e, AttemptFinished)]
    assert [(a.number, a.outcome, a.status) for a in attempts] == [
        (1, Outcome.TRANSIENT, 500),
        (2, Outcome.THROTTLED, 429),
        (3, Outcome.OK, 200),
    ]
    assert [a.request_id for a in attempts] == ["req_500", "req_429", "req_ok"]
    assert [(a.sent_ns, a.headers_ns, a.end_ns) for a in attempts] == [(t * SECOND,) * 3 for t in (0, 1, 3)]


def test_retry_after_is_waited_for(api: respx.Route) -> None:
    api.mock(side_effect=[refusal(429, headers={"retry-after": "1", "retry-after-ms": "494"}), completion()])
    call = call_of(play(_one))
    # 494 ms, 2 ms to be clear of it, and the backoff of 1 s on top.
    assert call.backoff_ns == 1_496_000_000


def test_a_retry_after_beyond_the_deadline_fails_at_once(api: respx.Route) -> None:
    api.mock(return_value=refusal(429, headers={"retry-after": "3600"}))
    error, events = caught()
    assert isinstance(error, Throttled)
    assert (error.attempts, error.retry_after_s) == (1, 3600.0)
    call = call_of(events)
    assert (call.stopped_by, call.end_ns) == (StoppedBy.DEADLINE, 0)


@pytest.mark.parametrize(
    ("status", "kind", "outcome"),
    [
        (429, Throttled, Outcome.THROTTLED),
        (503, Overloaded, Outcome.OVERLOADED),
        (529, Overloaded, Outcome.OVERLOADED),
        (500, Transient, Outcome.TRANSIENT),
        (409, Transient, Outcome.TRANSIENT),
    ],
)
def test_no_retry_left_is_a_typed_error(
    api: respx.Route, status: int, kind: type[CallError], outcome: Outcome
) -> None:
    api.mock(return_value=refusal(status, "the_code", "try later", {"retry-after": "0"}))
    error, events = caught()
    assert type(error) is kind
    assert (error.status, error.code, error.request_id) == (status, "the_code", f"req_{status}")
    assert (error.attempts, error.retry_after_s) == (3, 0.0)
    assert str(error) == f"{outcome} after 3 attempts: HTTP {status}: try later"
    call = call_of(events)
    assert (call.outcome, call.stopped_by, call.attempts) == (outcome, StoppedBy.ATTEMPTS, 3)
    assert (call.status, call.code, call.usage) == (status, "the_code", None)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "bad"),
        (401, "invalid_api_key"),
        (403, "no"),
        (404, "model_not_found"),
        (429, "insufficient_quota"),
    ],
)
def test_what_cannot_succeed_is_not_retried(api: respx.Route, status: int, code: str) -> None:
    api.mock(return_value=refusal(status, code))
    error, events = caught()
    assert type(error) is Fatal
    assert (error.status, error.code, error.attempts) == (status, code, 1)
    assert call_of(events).stopped_by is StoppedBy.FATAL
    assert api.call_count == 1


def test_x_should_retry_false_is_obeyed(api: respx.Route) -> None:
    api.mock(return_value=refusal(500, headers={"x-should-retry": "false"}))
    error, _ = caught()
    assert (type(error), error.attempts) == (Transient, 1)


def test_a_redirect_is_fatal_and_the_key_goes_nowhere_else(api: respx.Route) -> None:
    api.mock(return_value=httpx.Response(307, headers={"location": "http://elsewhere.test/"}))
    error, _ = caught()
    assert (type(error), error.status, error.attempts) == (Fatal, 307, 1)


@pytest.mark.parametrize("body", [b"", b'{"choices": [', b"<html>", b'{"choices":[]}', b"\xff\xfe"])
def test_a_200_without_a_usable_reply_is_malformed_and_retried(api: respx.Route, body: bytes) -> None:
    api.mock(side_effect=[httpx.Response(200, content=body), completion()])
    events = play(_one)
    assert call_of(events).attempts == 2
    first = next(e.attempt for e in events if isinstance(e, AttemptFinished))
    assert (first.outcome, first.fault, first.status) == (Outcome.MALFORMED, Fault.BODY, 200)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_reply_that_counts_no_tokens_is_not_bought_again(api: respx.Route, mark: bytes) -> None:
    body = b'{"choices":[{"message":{"content":[{"type":"text","text":"copy"}]}}]}'
    api.mock(return_value=httpx.Response(200, content=mark + body))

    async def scenario(client: ResilientClient) -> None:
        reply = await client.generate_copy("a")
        assert (reply.text, reply.model, reply.usage) == ("copy", "", None)

    assert call_of(play(scenario)).attempts == 1
    assert api.call_count == 1


def test_a_quota_told_in_a_200_is_not_asked_again(api: respx.Route) -> None:
    api.mock(return_value=httpx.Response(200, json={"error": {"code": 402, "message": "top up"}}))
    error, _ = caught()
    assert (type(error), error.code, error.attempts) == (Fatal, "402", 1)


def test_malformed_to_the_end_is_a_typed_error(api: respx.Route) -> None:
    api.mock(return_value=httpx.Response(200, content=b"{"))
    error, _ = caught()
    assert (type(error), error.status, error.attempts) == (Malformed, 200, 3)


def test_a_body_of_seventeen_megabytes_is_malformed(api: respx.Route) -> None:
    async def chunks() -> Any:
        for _ in range(17):
            yield b"x" * 2**20

    api.mock(side_effect=lambda _: httpx.Response(200, content=chunks()))
    error, _ = caught(replace(PLAIN, retry=RetryConfig(attempts=1)))
    assert (type(error), error.status) == (Malformed, 200)
    assert str(16 * 2**20) in str(error)


@pytest.mark.parametrize(
    ("raised", "kind", "attempts"),
    [
        (httpx.ConnectError("refused"), Transient, 3),
        (httpx.ReadError("reset"), Transient, 3),
        (httpx.RemoteProtocolError("garbage"), Transient, 3),
        (httpx.ConnectTimeout("slow"), TimedOut, 3),
        (httpx.ReadTimeout("slow"), TimedOut, 3),
        (httpx.PoolTimeout("full"), LocalExhaustion, 1),
    ],
)
def test_transport_errors_are_typed(
    api: respx.Route, raised: Exception, kind: type[CallError], attempts: int
) -> None:
    api.mock(side_effect=raised)
    error, events = caught()
    assert (type(error), error.attempts, error.status) == (kind, attempts, None)
    assert call_of(events).status is None


def _hanging(seconds: float) -> Callable[[httpx.Request], Awaitable[httpx.Response]]:
    async def answer(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(seconds)
        return completion()

    return answer


def test_an_attempt_that_takes_too_long_is_cut_and_repeated(api: respx.Route) -> None:
    api.mock(side_effect=_hanging(11.0))
    error, events = caught()
    assert (type(error), error.attempts) == (TimedOut, 3)
    assert "no reply within 10 s" in str(error)
    assert call_of(events).end_ns == (10 + 1 + 10 + 2 + 10) * SECOND


def test_the_deadline_is_the_calls_end(api: respx.Route) -> None:
    api.mock(side_effect=_hanging(100.0))
    error, events = caught(replace(PLAIN, deadline_s=5.0))
    assert (type(error), error.attempts) == (DeadlineExceeded, 1)
    call = call_of(events)
    assert (call.outcome, call.stopped_by, call.end_ns) == (Outcome.DEADLINE, StoppedBy.DEADLINE, 5 * SECOND)


def test_a_body_that_drips_is_cut_like_a_reply_that_does_not_come(api: respx.Route) -> None:
    async def drip() -> Any:
        for _ in range(100):
            await asyncio.sleep(1.0)
            yield b" "

    api.mock(side_effect=lambda _: httpx.Response(200, content=drip()))
    error, events = caught(replace(PLAIN, retry=RetryConfig(attempts=1)))
    assert type(error) is TimedOut
    assert call_of(events).end_ns == 10 * SECOND


def test_a_cancelled_call_is_told_and_cancellation_goes_on(api: respx.Route) -> None:
    api.mock(side_effect=_hanging(9.0))

    async def scenario(client: ResilientClient) -> None:
        task = asyncio.create_task(client.generate_copy("a"))
        await asyncio.sleep(2.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert client.routes[0].pipeline.gate.held == 0

    events = play(scenario)
    attempt = next(e.attempt for e in events if isinstance(e, AttemptFinished))
    assert (attempt.outcome, attempt.end_ns) == (Outcome.CANCELLED, 2 * SECOND)
    call = call_of(events)
    assert (call.outcome, call.stopped_by, call.attempts) == (Outcome.CANCELLED, StoppedBy.USER, 1)


def test_an_open_breaker_is_a_rejection(api: respx.Route) -> None:
    api.mock(return_value=refusal(500))
    policy = replace(
        PLAIN, retry=RetryConfig(attempts=1), breaker=BreakerConfig(min_calls=2, open_s=5, failure_ratio=0.5)
    )

    async def scenario(client: ResilientClient) -> None:
        for _ in range(2):
            with pytest.raises(Transient):
                await client.generate_copy("a")
        with pytest.raises(Rejected, match="the circuit breaker is open") as error:
            await client.generate_copy("a")
        assert (error.value.attempts, error.value.status) == (0, None)

    events = play(scenario, policy)
    call = [e.call for e in events if isinstance(e, CallFinished)][-1]
    assert (call.outcome, call.stopped_by, call.attempts) == (Outcome.REJECTED, StoppedBy.BREAKER, 0)
    assert api.call_count == 2


def test_a_full_line_is_a_rejection(api: respx.Route) -> None:
    api.mock(side_effect=_hanging(1.0))
    policy = replace(PLAIN, concurrency=ConcurrencyConfig(limit=1), admission=AdmissionConfig(max_waiting=0))

    async def scenario(client: ResilientClient) -> None:
        running = asyncio.create_task(client.generate_copy("a"))
        await asyncio.sleep(0.5)
        with pytest.raises(Rejected, match="too many calls are waiting") as error:
            await client.generate_copy("b")
        assert error.value.attempts == 0
        await running

    stopped = [e.call.stopped_by for e in play(scenario, policy) if isinstance(e, CallFinished)]
    assert stopped == [StoppedBy.ADMISSION, None]


def test_a_deadline_in_the_line_is_told_apart_from_one_on_the_wire(api: respx.Route) -> None:
    api.mock(side_effect=_hanging(4.0))
    policy = replace(PLAIN, deadline_s=3.0, attempt_timeout_s=None, concurrency=ConcurrencyConfig(limit=1))

    async def scenario(client: ResilientClient) -> None:
        running = asyncio.create_task(client.generate_copy("a"))
        await asyncio.sleep(0)
        with pytest.raises(
            DeadlineExceeded,
            match="too little of its time was left when rate",
        ) as error:
            await client.generate_copy("b")
        assert (error.value.attempts, error.value.status) == (0, None)
        with pytest.raises(DeadlineExceeded, match="the call's deadline passed"):
            await running

    play(scenario, policy)


def test_a_body_that_does_not_unpack_is_a_protocol_error(api: respx.Route) -> None:
    async def garbage() -> Any:
        yield b"this is no gzip"

    api.mock(
        side_effect=lambda _: httpx.Response(200, headers={"content-encoding": "gzip"}, content=garbage())
    )
    error, events = caught()
    assert (type(error), error.attempts) == (Transient, 3)
    attempt = next(e.attempt for e in events if isinstance(e, AttemptFinished))
    assert (attempt.fault, attempt.status) == (Fault.PROTOCOL, 200)


def test_call_ids_count_up_and_every_call_finishes_once(api: respx.Route) -> None:
    api.mock(side_effect=[completion(), refusal(401), refusal(500), completion(), completion()])

    async def scenario(client: ResilientClient) -> None:
        await asyncio.gather(*(client.generate_copy("a") for _ in range(4)), return_exceptions=True)

    events = play(scenario, replace(PLAIN, concurrency=ConcurrencyConfig(limit=1)))
    calls = [e.call for e in events if isinstance(e, CallFinished)]
    assert sorted(c.call_id for c in calls) == [0, 1, 2, 3]
    assert sorted(c.attempts for c in calls) == [1, 1, 1, 2]
    assert sum(isinstance(e, AttemptFinished) for e in events) == sum(c.attempts for c in calls) == 5


def test_ids_are_sent_only_when_asked(api: respx.Route) -> None:
    api.mock(side_effect=[refusal(500), completion(), completion()])

    async def scenario(client: ResilientClient) -> None:
        next_tag.set(lambda: Tag(call_id=4711, reply_tokens=33))
        await client.generate_copy("a")
        next_tag.set(None)
        await client.generate_copy("b")

    play(scenario, send_ids=True)
    ids = [
        tuple(call.request.headers.get(f"x-primetime-{name}") for name in ("call", "attempt", "tokens"))
        for call in api.calls
    ]
    assert ids == [("4711", "1", "33"), ("4711", "2", "33"), ("0", "1", None)]
    assert all(call.request.headers["authorization"] == f"Bearer {KEY}" for call in api.calls)


def test_a_tag_names_the_call_and_its_intended_instant(api: respx.Route) -> None:
    api.mock(return_value=completion())
    tag = Tag(call_id=9, intended_ns=-5, shop="shop-001", kind="caption")
    asked: list[int] = []

    async def scenario(client: ResilientClient) -> None:
        def tags() -> Tag:
            asked.append(1)
            return tag

        next_tag.set(tags)
        await client.generate_copy("a")
        next_tag.set(None)
        await client.generate_copy("a")

    events = play(scenario)
    first, second = (e.call for e in events if isinstance(e, CallFinished))
    assert (first.call_id, first.intended_ns, first.start_ns, first.tag) == (9, -5, 0, tag)
    assert (second.call_id, second.intended_ns, second.tag) == (0, 0, Tag())
    assert asked == [1]


@pytest.mark.parametrize(
    ("prompt", "max_tokens", "message"),
    [
        ("", 10, "prompt is empty"),
        ("  \n", 10, "prompt is empty"),
        ("a", 0, "max_tokens = 0: expected at least 1"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_before_it_is_a_call(
    api: respx.Route, prompt: str, max_tokens: int, message: str
) -> None:
    async def scenario(client: ResilientClient) -> None:
        with pytest.raises(RequestError, match=message):
            await client.generate_copy(prompt, max_tokens=max_tokens)

    assert play(scenario) == []
    assert api.call_count == 0


@pytest.mark.parametrize(
    "url",
    [
        "api.openai.com/v1",
        "ftp://api.test/v1",
        "https://",
        "http:///v1",
        "nonsense",
        "http://[::1",
        "http://api.test:port/v1",
        "http://api.test:99999/v1",
    ],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError) as error:
        ResilientClient(url, KEY)
    assert f"base_url = {url!r}: expected an address such as https://" in str(error.value)


def test_no_key_is_refused() -> None:
    with pytest.raises(ConfigError, match="OPENAI_API_KEY is not set"):
        ResilientClient(BASE)
    with pytest.raises(ConfigError, match="OPENAI_API_KEY is not set"):
        ResilientClient(BASE, "")


@pytest.mark.parametrize("key", ["sk-a\nb", "sk-a\r\nx-evil: 1", " sk-a", "sk-a ", "คีย์ลับ", "sk-\x00"])
def test_a_key_that_cannot_stand_in_a_header_is_refused_unseen(key: str) -> None:
    with pytest.raises(ConfigError, match="api_key: expected printable ASCII") as error:
        ResilientClient(BASE, key)
    assert key.strip() not in str(error.value)


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'tuned'"):
        ResilientClient(BASE, KEY, policy="tunde")


def test_the_environment_gives_address_and_key(api: respx.Route, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", BASE + "/")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    api.mock(return_value=completion())
    play(_one, base_url=None, api_key=None)
    assert api.calls.last.request.headers["authorization"] == f"Bearer {KEY}"


def test_what_is_given_goes_before_the_environment(api: respx.Route, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://elsewhere.test/")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    api.mock(return_value=completion())
    play(_one)
    assert api.calls.last.request.headers["authorization"] == f"Bearer {KEY}"


def test_the_default_address_is_openais() -> None:
    client = ResilientClient(api_key=KEY)
    assert repr(client) == "ResilientClient('https://api.openai.com/v1', policy='tuned')"


def test_the_key_is_in_no_repr_error_or_event(api: respx.Route) -> None:
    api.mock(
        side_effect=[completion(), refusal(401), httpx.ConnectError("refused"), refusal(500), refusal(500)]
    )

    async def scenario(client: ResilientClient) -> None:
        assert_unseen(client, client.policy)
        await client.generate_copy("a")
        for _ in range(2):
            with pytest.raises(CallError) as error:
                await client.generate_copy("a")
            assert_unseen(*everything_of(error.value))

    events = play(scenario)
    assert len(events) > 5
    assert_unseen(*events)


def test_a_server_that_echoes_the_key_does_not_bring_it_into_errors_or_events(api: respx.Route) -> None:
    # Gateways do: "Invalid token: sk-...".
    api.mock(return_value=refusal(401, message=f"Incorrect API key provided: {KEY}"))
    error, events = caught()
    assert_unseen(*everything_of(error), *events)


def test_a_page_that_echoes_the_headers_does_not_bring_the_key_into_errors_or_events(
    api: respx.Route,
) -> None:
    api.mock(return_value=httpx.Response(502, text=f"<pre>authorization: Bearer {KEY}</pre>"))
    error, events = caught()
    assert_unseen(*everything_of(error), *events)


def test_a_client_the_user_brought_is_not_closed(api: respx.Route) -> None:
    api.mock(return_value=completion())

    async def main() -> None:
        async with httpx.AsyncClient() as http:
            async with ResilientClient(BASE, KEY, transport=HttpxTransport(http), now_ns=now_ns) as client:
                await client.generate_copy("a")
            assert not http.is_closed

    run(main())


@pytest.mark.parametrize("hint", ["1e300", "99999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_an_absurd_retry_after_can_be_recorded(api: respx.Route, tmp_path: Path, hint: str) -> None:
    date = "Sun, 06 Nov 1994 08:49:37 GMT"
    api.mock(return_value=refusal(429, headers={"retry-after": hint, "date": date}))
    _, events = caught()
    _record(tmp_path, events)


def test_an_absurd_count_of_tokens_is_not_recorded(api: respx.Route, tmp_path: Path) -> None:
    api.mock(return_value=completion(completion_tokens=3_000_000_000))
    events: list[Event] = []

    async def scenario(client: ResilientClient) -> None:
        assert (await client.generate_copy("a")).usage is None

    events = play(scenario)
    assert (call_of(events).outcome, call_of(events).usage) == (Outcome.OK, None)
    _record(tmp_path, events)


def _record(directory: Path, events: list[Event]) -> None:
    recorder = Recorder(directory, 0, 0)
    try:
        for event in events:
            recorder(event)
        recorder.close()
    finally:  # a failing close leaves files open, and their warnings would hide the failure
        for table in recorder._tables:
            table._file.close()
    assert len(list(directory.iterdir())) == 3
