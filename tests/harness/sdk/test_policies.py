"""Policies over an SDK: rate, permits, fallback, presets; and transports shared, brought and closed."""

import asyncio
from dataclasses import replace
from itertools import pairwise

import httpx
import httpx2
import pytest

from harness import ConfigError, Outcome, Policy, StoppedBy
from harness.policy.config import BreakerConfig, ConcurrencyConfig, FallbackConfig, RateConfig
from harness.sdk.httpx2_transport import ResilientTransport
from harness.transport.httpx_transport import HttpxTransport
from tests.harness.sdk.asking import ANTHROPIC, EACH_SDK, EACH_WAY, OPENAI, SDKS, Said, Sdk, ask
from tests.harness.sdk.rig import ONCE, PLAIN, Bench, assert_conserved, played, rows
from tests.mockserver.server.running import Mock


@EACH_SDK
@EACH_WAY
def test_requests_a_minute_hold(mock: Mock, sdk: Sdk, *, stream: bool) -> None:
    """1200 a minute and a burst of one: 50 ms between any two."""
    bench = Bench(replace(PLAIN, rate=RateConfig(rpm=1200, burst_s=0.05)))

    async def main() -> None:
        async with bench.client(sdk, mock.port) as client:
            await asyncio.gather(*(ask(sdk, client, stream=stream) for _ in range(6)))

    played(main)
    sent_ns = sorted(attempt.sent_ns for attempt in bench.attempts)
    assert len(sent_ns) == 6
    assert sent_ns[-1] - sent_ns[0] >= 5 * 49_000_000
    assert all(after - before >= 45_000_000 for before, after in pairwise(sent_ns))
    assert_conserved(mock, bench)


def test_tokens_a_minute_hold_with_what_was_used_given_back(mock: Mock) -> None:
    """Each asks for 50 of output and is given 30: what it did not use is there for the next."""
    policy = replace(PLAIN, rate=RateConfig(tpm=12_000, burst_s=0.5))  # 100 at once, 200 a second
    bench = Bench(policy)

    async def main() -> None:
        async with bench.client(OPENAI, mock.port) as client:
            for _ in range(4):
                await ask(OPENAI, client, stream=False)

    played(main)
    span_s = (bench.attempts[-1].sent_ns - bench.attempts[0].sent_ns) / 1e9
    assert span_s >= (3 * 42 + 50 - 100) / 200 - 0.05  # 12 + 30 each, and the last one's own maximum
    assert_conserved(mock, bench)


@EACH_SDK
@EACH_WAY
def test_the_second_model_answers_when_the_first_cannot(
    mock: Mock, right: Said, sdk: Sdk, *, stream: bool
) -> None:
    mock.play(request_faults=[{"action": "status", "status": 500, "model": "gpt-4.1"}])
    retry = replace(PLAIN.retry, attempts=2)
    bench = Bench(replace(PLAIN, retry=retry, fallback=FallbackConfig(model="small-one")))

    async def main() -> None:
        async with bench.client(sdk, mock.port) as client:
            assert await ask(sdk, client, stream=stream) == right

    played(main)
    assert [row["model"] for row in rows(mock)] == ["gpt-4.1", "gpt-4.1", "small-one"]
    assert [attempt.route for attempt in bench.attempts] == [0, 0, 1]
    assert_conserved(mock, bench)


def test_a_request_without_a_model_is_not_given_one(mock: Mock) -> None:
    mock.play(request_faults=[{"action": "status", "status": 500, "first": 1}])
    bench = Bench(replace(ONCE, fallback=FallbackConfig(model="small-one")))

    async def main() -> None:
        async with bench.client(OPENAI, mock.port) as client:
            assert (await client.models.list()).data

    played(main)
    assert [attempt.route for attempt in bench.attempts] == [0, 1]
    assert_conserved(mock, bench)


@EACH_SDK
@pytest.mark.parametrize("name", ["tuned", "naive", "article"])
def test_a_preset_by_its_name(mock: Mock, right: Said, sdk: Sdk, name: str) -> None:
    bench = Bench(name)
    assert bench.transport.gateway.policy.name == name

    async def main() -> None:
        async with bench.client(sdk, mock.port) as client:
            assert [await ask(sdk, client, stream=stream) for stream in (False, True)] == [right, right]

    played(main)
    assert_conserved(mock, bench)


@EACH_SDK
@EACH_WAY
def test_tuned_is_the_default_and_survives(mock: Mock, right: Said, sdk: Sdk, *, stream: bool) -> None:
    mock.play(request_faults=[{"action": "status", "status": 500, "first": 1}])

    async def main() -> None:
        transport = ResilientTransport()
        assert transport.gateway.policy.name == "tuned"
        async with sdk.client(mock.port, http_client=httpx2.AsyncClient(transport=transport)) as client:
            assert await ask(sdk, client, stream=stream) == right

    played(main)
    assert [row["status"] for row in rows(mock)] == [500, 200]


def test_a_wrong_name_of_a_policy_fails_at_construction() -> None:
    with pytest.raises(ConfigError, match=r"unknown policy preset 'tund', did you mean 'tuned'\?"):
        ResilientTransport("tund")


def test_a_reserve_without_a_second_model_fails_at_construction() -> None:
    with pytest.raises(ConfigError, match=r"fallback\.reserve_s = 5"):
        ResilientTransport(Policy(fallback=FallbackConfig(reserve_s=5.0)))


def test_closing_the_client_closes_every_connection(mock: Mock) -> None:
    bench = Bench()

    async def main() -> None:
        async with bench.client(OPENAI, mock.port) as client:
            await asyncio.gather(*(ask(OPENAI, client, stream=False) for _ in range(5)))
            assert mock.stats()["connections"]["open"] > 1

    played(main)
    mock.until("connections.open", 1)  # the test's own


def test_a_transport_brought_along_is_left_open(mock: Mock, right: Said) -> None:
    async def main() -> None:
        async with httpx.AsyncClient(timeout=5) as http:
            for _ in range(2):
                bench = Bench(transport=HttpxTransport(http))
                async with bench.client(OPENAI, mock.port) as client:
                    assert await ask(OPENAI, client, stream=True) == right
            assert not http.is_closed

    played(main)


def test_closing_twice_is_closing_once(mock: Mock) -> None:
    bench = Bench()

    async def main() -> None:
        async with bench.client(OPENAI, mock.port) as client:
            await ask(OPENAI, client, stream=False)
        await bench.transport.aclose()

    played(main)


def test_two_sdks_on_one_transport_share_its_permits(mock: Mock, right: Said) -> None:
    mock.play(ttft={"median_ms": 50, "slow_median_ms": 50, "sigma": 0, "per_1k_prompt_ms": 0})
    bench = Bench(replace(PLAIN, concurrency=ConcurrencyConfig(limit=1)))

    async def main() -> None:
        async with bench.client(OPENAI, mock.port) as one, bench.client(ANTHROPIC, mock.port) as other:
            asked = [
                ask(sdk, client, stream=stream)
                for sdk, client in zip(SDKS, (one, other), strict=True)
                for stream in (False, True)
            ]
            assert await asyncio.gather(*asked) == [right] * 4

    played(main)
    spans = sorted((attempt.sent_ns, attempt.end_ns) for attempt in bench.attempts)
    assert len(spans) == 4
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert_conserved(mock, bench)


def test_two_sdks_on_one_transport_share_its_breaker(mock: Mock) -> None:
    mock.play(request_faults=[{"action": "status", "status": 500}])
    breaker = BreakerConfig(min_calls=2, failure_ratio=0.5, open_s=30, max_open_s=30)
    bench = Bench(replace(ONCE, breaker=breaker))

    async def main() -> None:
        async with bench.client(OPENAI, mock.port) as one, bench.client(ANTHROPIC, mock.port) as other:
            for _ in range(2):
                with pytest.raises(OPENAI.errors.InternalServerError):
                    await ask(OPENAI, one, stream=False)
            with pytest.raises(ANTHROPIC.errors.APIConnectionError):
                await ask(ANTHROPIC, other, stream=False)

    played(main)
    assert (bench.calls[-1].outcome, bench.calls[-1].stopped_by) == (Outcome.REJECTED, StoppedBy.BREAKER)
    assert_conserved(mock, bench)


@EACH_SDK
def test_an_error_inside_a_stream_counts_against_the_breaker_though_the_sdk_reads_it_first(
    mock: Mock, sdk: Sdk
) -> None:
    mock.play(request_faults=[{"action": "stream_error", "after_events": 2}])
    breaker = BreakerConfig(counts=("partial",), min_calls=2, failure_ratio=0.5, open_s=30, max_open_s=30)
    bench = Bench(replace(ONCE, breaker=breaker))

    async def main() -> None:
        async with bench.client(sdk, mock.port) as client:
            for _ in range(2):
                with pytest.raises(sdk.errors.APIError):
                    await ask(sdk, client, stream=True)
            with pytest.raises(sdk.errors.APIConnectionError):
                await ask(sdk, client, stream=True)

    played(main)
    assert len(rows(mock)) == 2
