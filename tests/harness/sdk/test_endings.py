"""A call that cannot be saved: the SDK raises its own typed error, and asks no second time by itself."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from harness import (
    CallError,
    Fatal,
    LocalExhaustion,
    Malformed,
    Outcome,
    Overloaded,
    Rejected,
    StoppedBy,
    TimedOut,
    Transient,
)
from harness.errors import DeadlineExceeded
from harness.policy.config import AdmissionConfig, BreakerConfig, ConcurrencyConfig, ConnectionsConfig
from tests.harness.sdk.answering import answering, reply
from tests.harness.sdk.asking import EACH_SDK, EACH_WAY, Sdk, ask
from tests.harness.sdk.rig import IMPATIENT, ONCE, PLAIN, Bench, assert_conserved, origin, played, rows
from tests.mockserver.server.running import Mock


async def failure(bench: Bench, sdk: Sdk, port: int, *, stream: bool, **options: Any) -> Any:
    """What the SDK raises on the transport."""
    async with bench.client(sdk, port, **options) as client:
        with pytest.raises((sdk.errors.APIError, ValueError)) as caught:
            await ask(sdk, client, stream=stream)
    return caught.value


@EACH_SDK
@EACH_WAY
@pytest.mark.parametrize(
    ("status", "name", "attempts"),
    [
        (429, "RateLimitError", 3),
        (500, "InternalServerError", 3),
        (409, "ConflictError", 3),
        (401, "AuthenticationError", 1),
    ],
)
def test_the_last_reply_becomes_the_sdk_s_own_error_once(
    mock: Mock, sdk: Sdk, status: int, name: str, attempts: int, *, stream: bool
) -> None:
    """With the SDK's retries left at their default, too: what we gave up is not begun again."""
    mock.play(request_faults=[{"action": "status", "status": status}])
    bench = Bench()
    errors: list[Any] = []

    async def main() -> None:
        errors.append(await failure(bench, sdk, mock.port, stream=stream, max_retries=2))

    played(main)
    (error,) = errors
    assert type(error) is getattr(sdk.errors, name)
    assert error.status_code == error.response.status_code == status
    assert error.request_id == bench.attempts[-1].request_id
    assert isinstance(error.body, dict)
    assert error.response.json().get("error")
    assert error.response.headers["content-type"] == "application/json"
    assert error.response.headers.get_list("x-should-retry") == ["false"]
    assert len(rows(mock)) == attempts
    assert (bench.call.attempts, bench.call.status) == (attempts, status)
    assert_conserved(mock, bench)


@EACH_SDK
def test_a_rate_limit_error_keeps_the_hint_of_the_last_reply(mock: Mock, sdk: Sdk) -> None:
    mock.play(request_faults=[{"action": "status", "status": 429, "retry_after_s": 7}])
    bench = Bench(ONCE)

    async def main() -> None:
        error = await failure(bench, sdk, mock.port, stream=False, max_retries=5)
        assert isinstance(error, sdk.errors.RateLimitError)
        assert error.response.headers["retry-after"] == "7"

    played(main)
    assert len(rows(mock)) == 1


@EACH_SDK
@EACH_WAY
@pytest.mark.parametrize(
    ("fault", "expected", "name"),
    [
        ("reset", Transient, "APIConnectionError"),
        ("garbage", Transient, "APIConnectionError"),
        ("hang", TimedOut, "APITimeoutError"),
    ],
)
def test_a_call_without_a_reply_is_a_connection_error_from_ours(
    mock: Mock, sdk: Sdk, fault: str, expected: type[CallError], name: str, *, stream: bool
) -> None:
    mock.play(request_faults=[{"action": fault}])
    policy = IMPATIENT if fault == "hang" else PLAIN
    bench = Bench(replace(policy, retry=replace(policy.retry, attempts=2)))

    async def main() -> None:
        error = await failure(bench, sdk, mock.port, stream=stream)
        assert type(error) is getattr(sdk.errors, name)
        ours = origin(error)
        assert (type(ours), ours.attempts) == (expected, 2)

    played(main)
    assert bench.call.stopped_by is StoppedBy.ATTEMPTS
    assert_conserved(mock, bench)
    assert len(rows(mock)) == 2


@EACH_SDK
def test_an_error_reported_in_place_of_output_is_a_connection_error_from_ours(mock: Mock, sdk: Sdk) -> None:
    mock.play(request_faults=[{"action": "stream_error", "after_events": 0}])
    bench = Bench()

    async def main() -> None:
        error = await failure(bench, sdk, mock.port, stream=True)
        assert type(error) is sdk.errors.APIConnectionError
        assert type(origin(error)) is (Transient if sdk.name == "openai" else Overloaded)

    played(main)
    assert_conserved(mock, bench)
    assert len(rows(mock)) == 3


@EACH_SDK
def test_a_stream_that_cannot_be_read_from_its_beginning_is_malformed(mock: Mock, sdk: Sdk) -> None:
    mock.play(request_faults=[{"action": "malformed_sse", "after_events": 0}])
    bench = Bench()

    async def main() -> None:
        error = await failure(bench, sdk, mock.port, stream=True)
        assert type(error) is sdk.errors.APIConnectionError
        assert type(origin(error)) is Malformed

    played(main)
    assert bench.selectors == ["malformed.body"] * 3
    assert_conserved(mock, bench)


@EACH_SDK
def test_half_a_body_is_an_error_and_the_call_says_malformed(mock: Mock, sdk: Sdk) -> None:
    mock.play(request_faults=[{"action": "half_json"}])
    bench = Bench()

    async def main() -> None:
        error = await failure(bench, sdk, mock.port, stream=False)
        assert not isinstance(error, sdk.errors.APIStatusError)

    played(main)
    assert (bench.call.outcome, bench.call.attempts) == (Outcome.MALFORMED, 3)
    assert_conserved(mock, bench)


#: What comes with a 200, and how each attempt ends.
NO_REPLIES = {
    "a page": (reply(200, b"<html>please wait</html>", kind="text/html"), "malformed.body"),
    "an error": (reply(200, b'{"error": {"message": "no", "type": "server_error"}}'), "transient.body"),
    "an error nobody knows": (reply(200, b'{"error": {"message": "no"}}'), "malformed.body"),
    "another schema": (reply(200, b'{"ok": true}'), "malformed.body"),
}


@EACH_SDK
@EACH_WAY
@pytest.mark.parametrize("body", NO_REPLIES)
def test_a_200_that_is_no_reply_is_an_error_and_not_an_empty_one(
    sdk: Sdk, body: str, *, stream: bool
) -> None:
    """By itself an SDK takes it for a stream without events, or for a completion without choices."""
    bench = Bench()
    answer, selector = NO_REPLIES[body]

    async def main() -> None:
        async with answering(answer) as server:
            error = await failure(bench, sdk, server.port, stream=stream)
            assert isinstance(error, sdk.errors.APIError)
            assert type(origin(error)) is (Malformed if selector == "malformed.body" else Transient)

    played(main)
    assert bench.selectors == [selector] * 3


@EACH_SDK
def test_a_refused_connection_is_a_connection_error(sdk: Sdk) -> None:
    bench = Bench()

    async def main() -> None:
        error = await failure(bench, sdk, 1, stream=False)
        assert type(error) is sdk.errors.APIConnectionError
        assert type(origin(error)) is Transient
        assert type(error.__cause__).__name__ == "ConnectError"

    played(main)
    assert bench.selectors == ["transient.connect"] * 3


@EACH_SDK
@EACH_WAY
def test_an_open_breaker_refuses_at_once(mock: Mock, sdk: Sdk, *, stream: bool) -> None:
    mock.play(request_faults=[{"action": "status", "status": 500}])
    breaker = BreakerConfig(min_calls=2, failure_ratio=0.5, open_s=30, max_open_s=30)
    bench = Bench(replace(ONCE, breaker=breaker))

    async def main() -> None:
        async with bench.client(sdk, mock.port) as client:
            for _ in range(2):
                with pytest.raises(sdk.errors.InternalServerError):
                    await ask(sdk, client, stream=stream)
            with pytest.raises(sdk.errors.APIConnectionError) as caught:
                await ask(sdk, client, stream=stream)
        ours = origin(caught.value)
        assert (type(ours), ours.attempts) == (Rejected, 0)
        assert "the circuit breaker is open" in str(ours)

    played(main)
    assert (bench.calls[-1].outcome, bench.calls[-1].stopped_by) == (Outcome.REJECTED, StoppedBy.BREAKER)
    assert_conserved(mock, bench)
    assert len(rows(mock)) == 2


@EACH_SDK
def test_a_full_line_refuses_at_once(mock: Mock, sdk: Sdk) -> None:
    mock.play(ttft={"median_ms": 80, "slow_median_ms": 80, "sigma": 0, "slow_sigma": 0})
    policy = replace(PLAIN, concurrency=ConcurrencyConfig(limit=1), admission=AdmissionConfig(max_waiting=1))
    bench = Bench(policy)

    async def main() -> None:
        async with bench.client(sdk, mock.port) as client:
            asked = [ask(sdk, client, stream=False) for _ in range(4)]
            ends = await asyncio.gather(*asked, return_exceptions=True)
        refused = [end for end in ends if isinstance(end, BaseException)]
        assert len(refused) == 2
        for error in refused:
            assert type(error) is sdk.errors.APIConnectionError
            assert type(origin(error)) is Rejected

    played(main)
    assert_conserved(mock, bench)
    assert len(rows(mock)) == 2


@EACH_SDK
@EACH_WAY
def test_the_deadline_ends_a_call_as_a_timeout(mock: Mock, sdk: Sdk, *, stream: bool) -> None:
    mock.play(request_faults=[{"action": "hang"}])
    bench = Bench(replace(PLAIN, deadline_s=0.2))

    async def main() -> None:
        error = await failure(bench, sdk, mock.port, stream=stream)
        assert type(error) is sdk.errors.APITimeoutError
        assert type(origin(error)) is DeadlineExceeded

    played(main)
    assert (bench.call.outcome, bench.call.stopped_by) == (Outcome.DEADLINE, StoppedBy.DEADLINE)
    assert_conserved(mock, bench)


@EACH_SDK
@EACH_WAY
def test_the_sdk_s_read_timeout_bounds_each_attempt(mock: Mock, sdk: Sdk, *, stream: bool) -> None:
    mock.play(request_faults=[{"action": "hang"}])
    bench = Bench(replace(PLAIN, retry=replace(PLAIN.retry, attempts=2)))

    async def main() -> None:
        error = await failure(bench, sdk, mock.port, stream=stream, timeout=0.5)
        assert type(error) is sdk.errors.APITimeoutError
        assert type(origin(error)) is TimedOut

    played(main)
    assert bench.selectors == ["timeout.attempt_timeout"] * 2
    for attempt in bench.attempts:
        assert 0.49 <= (attempt.end_ns - attempt.sent_ns) / 1e9 < 2
    assert_conserved(mock, bench)


@EACH_SDK
def test_a_pool_of_our_own_that_is_full_is_told_as_such(mock: Mock, sdk: Sdk) -> None:
    mock.play(inter_token={"mean_ms": 10, "cv": 0})  # a stream of 0.3 s that is never silent for long
    connections = ConnectionsConfig(max=1, read_timeout_s=0.1)
    bench = Bench(replace(ONCE, connections=connections))

    async def main() -> None:
        async with bench.client(sdk, mock.port) as client:
            async with await sdk.begin(client):
                with pytest.raises(sdk.errors.APITimeoutError) as caught:
                    await ask(sdk, client, stream=False)
            assert type(origin(caught.value)) is LocalExhaustion
            assert type(caught.value.__cause__).__name__ == "PoolTimeout"

    played(main)
    assert bench.selectors == ["local.pool", "cancelled"]
    assert_conserved(mock, bench, all_arrived=False)


@EACH_SDK
def test_a_used_up_quota_is_not_asked_for_again(sdk: Sdk) -> None:
    """As both providers say it: a 429 that no wait can help."""
    body = (
        b'{"type":"error","error":{"type":"insufficient_quota","code":"insufficient_quota","message":"pay"}}'
    )
    bench = Bench()

    async def main() -> None:
        async with answering(reply(429, body)) as server:
            error = await failure(bench, sdk, server.port, stream=False, max_retries=2)
            assert type(error) is sdk.errors.RateLimitError
            assert len(server.asked) == 1

    played(main)
    assert (bench.selectors, bench.call.stopped_by) == (["fatal.quota"], StoppedBy.FATAL)
    assert bench.call.outcome == Fatal.__name__.lower()
