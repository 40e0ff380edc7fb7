"""A transport with its events beside a mock server, and what must hold when all calls are over."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

import httpx2

from harness import Attempt, AttemptFinished, Call, CallError, CallFinished, Event, Policy
from harness.policy.config import BreakerConfig, BudgetConfig, RetryConfig
from harness.sdk.httpx2_transport import ResilientTransport
from tests.harness.sdk.asking import Sdk
from tests.mockserver.server.running import Mock

TOKENS = 30

#: Quick waits and long bounds; no breaker, no budget.
PLAIN = Policy(
    name="plain",
    deadline_s=20.0,
    attempt_timeout_s=6.0,
    idle_timeout_s=6.0,
    retry=RetryConfig(attempts=3, base_s=0.01, throttle_base_s=0.01),
    budget=BudgetConfig(kind="off"),
    breaker=BreakerConfig(kind="off"),
)
#: Of silence it does not wait for long.
IMPATIENT = replace(PLAIN, attempt_timeout_s=0.4, first_token_timeout_s=0.3, idle_timeout_s=0.3)
#: Not a second time.
ONCE = replace(PLAIN, retry=RetryConfig(attempts=1))

#: Statuses of outcomes that only a server can have said.
ANSWERED = {"ok", "throttled", "overloaded", "fatal"}


class Bench:
    """A ResilientTransport, and every event it told."""

    def __init__(self, policy: Policy | str = PLAIN, **options: Any) -> None:
        self.events: list[Event] = []
        settings: dict[str, Any] = {
            "send_ids": True,
            "rng": Random(1),
            "listeners": [self.events.append],
        } | options
        self.transport = ResilientTransport(policy, **settings)

    def client(self, sdk: Sdk, port: int, **options: Any) -> Any:
        """A client of that SDK on the transport, which it closes with itself."""
        http = httpx2.AsyncClient(transport=self.transport)
        return sdk.client(port, http_client=http, **options)

    @property
    def attempts(self) -> list[Attempt]:
        return [event.attempt for event in self.events if isinstance(event, AttemptFinished)]

    @property
    def calls(self) -> list[Call]:
        return [event.call for event in self.events if isinstance(event, CallFinished)]

    @property
    def call(self) -> Call:
        (call,) = self.calls
        return call

    @property
    def selectors(self) -> list[str]:
        return [attempt.selector for attempt in self.attempts]

    def assert_idle(self) -> None:
        """No permit is held and nobody waits for one."""
        for pipeline in self.transport.gateway.pipelines:
            assert (pipeline.gate.held, pipeline.gate.waiting) == (0, 0)


def rows(mock: Mock) -> list[dict[str, Any]]:
    """The server's log of everything since the test began, once nothing is under way."""
    mock.until("in_flight", 0)
    return list(mock.admin("GET", "/admin/requests?n=1000")["requests"])


def assert_conserved(mock: Mock, *benches: Bench, all_arrived: bool = True) -> None:
    """Law 1: what the server logged are attempts we recorded, and (here) all of them; nothing is held."""
    logged = Counter((row["call"], row["attempt"]) for row in rows(mock))
    attempts = [attempt for bench in benches for attempt in bench.attempts]
    sent = Counter((attempt.call_id, attempt.number) for attempt in attempts)
    assert max(sent.values(), default=0) <= 1
    assert not logged - sent, "requests the server saw and we did not record"
    told = sent if all_arrived else _ids(a for a in attempts if a.outcome in ANSWERED)
    assert not told - logged, "attempts we recorded and the server did not see"
    for bench in benches:
        bench.assert_idle()
        ended = Counter(call.call_id for call in bench.calls)
        assert max(ended.values(), default=0) <= 1
        by_call = Counter(attempt.call_id for attempt in bench.attempts)
        assert all(call.attempts == by_call[call.call_id] for call in bench.calls)


def played(main: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario; no task is left of it."""

    async def watched() -> None:
        before = asyncio.all_tasks()
        await main()
        for _ in range(50):  # connections close in turns of the loop
            await asyncio.sleep(0)
        left = asyncio.all_tasks() - before
        assert not left, left

    asyncio.run(watched())


def origin(error: BaseException | None) -> CallError:
    """The CallError an SDK's exception was raised from."""
    seen = list(chain(error))
    found = [link for link in seen if isinstance(link, CallError)]
    assert found, seen
    return found[0]


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and what it was raised from, explicitly."""
    while error is not None:
        yield error
        error = error.__cause__


def _ids(attempts: Iterator[Attempt]) -> Counter[tuple[int, int]]:
    return Counter((attempt.call_id, attempt.number) for attempt in attempts)
