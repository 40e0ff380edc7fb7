"""Nothing a caller, a server or a transport does leaves something held, or a call without an end."""

import asyncio
import multiprocessing
from dataclasses import replace

import httpx
import pytest

from harness import (
    CallError,
    DeadlineExceeded,
    HarnessError,
    Malformed,
    Outcome,
    Partial,
    Rejected,
    ResilientClient,
    StoppedBy,
    SyncClient,
    Transient,
)
from harness.exchange.peer import MAX_BODY_BYTES
from harness.policy.config import AdmissionConfig, BreakerConfig, BudgetConfig, ConcurrencyConfig, RetryConfig
from harness.transport.base import HttpRequest, HttpResponse
from tests.harness.client.rig import (
    BASE,
    END,
    KEY,
    PLAIN,
    ROLE,
    SECOND,
    Api,
    call_of,
    calls_of,
    caught,
    chunk,
    completion,
    play,
    read,
    refusal,
    streaming,
)

ONCE = replace(PLAIN, retry=RetryConfig(attempts=1))


def test_a_stream_nobody_reads_ends_at_its_deadline_and_holds_nothing_longer() -> None:
    async def scenario(client: ResilientClient) -> None:
        stream = client.stream("a")
        await stream.__aenter__()
        await asyncio.sleep(2.9)
        assert client.routes[0].pipeline.gate.held == 1
        await asyncio.sleep(0.2)
        assert client.routes[0].pipeline.gate.held == 0
        with pytest.raises(Partial) as error:
            await anext(stream)
        assert (error.value.outcome, error.value.text) == ("deadline", "a")  # all that had come
        await stream.__aexit__(None, None, None)

    policy = replace(ONCE, deadline_s=3.0, idle_timeout_s=None)
    call = call_of(play(scenario, policy, Api(streaming(ROLE + chunk("a"), 600.0, END))))
    assert (call.outcome, call.stopped_by, call.end_ns) == (Outcome.DEADLINE, StoppedBy.DEADLINE, 3 * SECOND)


def test_a_stream_of_comments_alone_is_not_held_in_memory_for_ever() -> None:
    comments = b": still thinking\n\n" * 65_536  # a little over 1 MB

    count = MAX_BODY_BYTES // len(comments) + 2
    error, _ = caught_streaming(streaming(*[comments] * count, chunk("a"), END))
    assert isinstance(error, Malformed)
    assert str(MAX_BODY_BYTES) in str(error)


def caught_streaming(answer: httpx.Response) -> tuple[CallError, list[object]]:
    errors: list[CallError] = []

    async def scenario(client: ResilientClient) -> None:
        with pytest.raises(CallError) as error:
            async with client.stream("a") as stream:
                await read(stream)
        errors.append(error.value)

    events: list[object] = list(play(scenario, ONCE, Api(answer)))
    return errors[0], events


class Rude:
    """A transport that raises what it should not."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def open(self, request: HttpRequest) -> HttpResponse:
        del request
        raise self.error

    async def aclose(self) -> None:
        return


RUDE = [OSError("no route"), TimeoutError(), RuntimeError("closed"), ValueError(KEY)]


@pytest.mark.parametrize("error", RUDE)
@pytest.mark.parametrize("streams", [False, True])
def test_whatever_a_transport_raises_is_how_the_attempt_ended(error: Exception, *, streams: bool) -> None:
    async def main() -> tuple[CallError, list[object]]:
        events: list[object] = []
        policy = replace(ONCE, attempt_timeout_s=None)
        client = ResilientClient(BASE, KEY, policy=policy, transport=Rude(error), listeners=[events.append])
        call = client.stream("a").__aenter__() if streams else client.generate_copy("a")
        with pytest.raises(Transient) as raised:
            await call
        return raised.value, events

    raised, events = asyncio.run(main())
    assert type(error).__name__ in str(raised)
    assert KEY not in str(raised)
    assert [type(event).__name__ for event in events] == ["AttemptFinished", "CallFinished"]


def test_a_closed_client_begins_no_call() -> None:
    async def scenario(client: ResilientClient) -> None:
        await client.aclose()
        with pytest.raises(HarnessError, match="this client is closed: make another"):
            await client.generate_copy("a")
        with pytest.raises(HarnessError, match="this client is closed: make another"):
            await client.stream("a").__aenter__()

    assert play(scenario, ONCE, Api(completion())) == []


def test_a_client_is_of_one_event_loop() -> None:
    http = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: completion()))
    from harness.transport.httpx_transport import HttpxTransport  # noqa: PLC0415

    client = ResilientClient(BASE, KEY, policy=ONCE, transport=HttpxTransport(http))
    asyncio.run(client.generate_copy("a"))  # type: ignore[arg-type]
    with pytest.raises(HarnessError, match="belongs to another event loop: make one for each"):
        asyncio.run(client.generate_copy("a"))  # type: ignore[arg-type]


def _ask(client: SyncClient, said: "multiprocessing.Queue[str]") -> None:
    try:
        client.generate_copy("a")
    except HarnessError as error:
        said.put(str(error))


def test_a_facade_carried_over_a_fork_says_so_and_does_not_hang() -> None:
    context = multiprocessing.get_context("fork")
    said: multiprocessing.Queue[str] = context.Queue()  # type: ignore[assignment]
    with SyncClient(ResilientClient("http://127.0.0.1:9/v1", KEY, policy=ONCE)) as client:
        child = context.Process(target=_ask, args=(client, said))
        child.start()
        assert "before the process was forked" in said.get(timeout=20)
        child.join(20)


def test_a_map_wider_than_its_line_turns_none_of_its_own_away() -> None:
    async def scenario(client: ResilientClient) -> None:
        results = [item.ok async for item in client.map(["a"] * 50, at_once=40)]
        assert results == [True] * 50

    policy = replace(ONCE, concurrency=ConcurrencyConfig(limit=3), admission=AdmissionConfig(max_waiting=2))
    play(scenario, policy, Api((1.0, completion())))


def test_an_error_says_why_the_call_went_no_further() -> None:
    broke = Api(refusal(500))
    poor = BudgetConfig(ratio=0.0, min_per_s=0.0, cap=1.0)
    error, events = caught(replace(PLAIN, budget=poor, retry=RetryConfig(attempts=9)), broke)
    assert (error.stopped_by, error.attempts) == ("budget", 2)
    assert str(error).endswith("HTTP 500: no; no retry: the retry budget is spent")
    assert call_of(events).detail.endswith("the retry budget is spent")

    error, _ = caught(replace(PLAIN, deadline_s=0.5), broke)
    assert (error.stopped_by, error.attempts) == ("deadline", 1)
    assert str(error).endswith("no retry would have ended before the deadline")

    error, _ = caught(PLAIN, broke)
    assert error.stopped_by == "attempts"


def test_an_open_breaker_says_for_how_long() -> None:
    async def scenario(client: ResilientClient) -> None:
        for kind in (Transient, Transient, Rejected):
            with pytest.raises(kind) as error:
                await client.generate_copy("a")
        assert error.value.retry_after_s is not None
        assert 4.0 <= error.value.retry_after_s <= 5.0  # and up to a quarter of it at random

    breaker = BreakerConfig(min_calls=2, failure_ratio=1.0, open_s=4.0)
    events = play(scenario, replace(ONCE, breaker=breaker), Api(refusal(500)))
    assert [call.outcome for call in calls_of(events)] == ["transient", "transient", "rejected"]


def test_a_call_that_waited_until_too_little_time_is_left_is_not_sent() -> None:
    async def scenario(client: ResilientClient) -> None:
        await client.generate_copy("a")  # takes 2 s: that is what is usual
        first = asyncio.create_task(client.generate_copy("b"))
        await asyncio.sleep(0.5)
        await asyncio.sleep(0)
        with pytest.raises(DeadlineExceeded) as error:
            await client.generate_copy("c")
        assert error.value.attempts == 0
        await first

    policy = replace(ONCE, deadline_s=3.0, concurrency=ConcurrencyConfig(limit=1))
    api = Api((2.0, completion()))
    play(scenario, policy, api)
    assert len(api.requests) == 2
