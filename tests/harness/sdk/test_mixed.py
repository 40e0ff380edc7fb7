"""Many calls of both SDKs at once, under every fault: nothing is lost, and nothing is left."""

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from harness.policy.config import BreakerConfig, BudgetConfig, ConcurrencyConfig, RetryConfig
from tests.harness.sdk.asking import SDKS, Said, Sdk, ask, pieces
from tests.harness.sdk.rig import IMPATIENT, Bench, assert_conserved, played
from tests.mockserver.server.running import Mock

CALLERS = 50
CALLS_EACH = 5
#: Anthropic's hint has whole seconds, and holds everybody: the one of OpenAI is enough.
STATUSES = (
    {"status": 429, "retry_after_s": 0.05, "path": "/v1/chat/completions"},
    {"status": 429},
    {"status": 500},
    {"status": 503},
)
#: After two events a stream is `partial`, before its first one it is sent again.
SPOILED = ("stall", "reset_mid", "truncate", "half_json", "malformed_sse", "stream_error")


def _faults() -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = [{"action": "status", "probability": 0.05} | keys for keys in STATUSES]
    rules += [{"action": action, "probability": 0.02} for action in ("hang", "reset", "garbage")]
    rules += [{"action": "hang_after_headers", "probability": 0.01}]
    rules += [
        {"action": action, "probability": 0.02, "after_events": events}
        for action in SPOILED
        for events in (0, 2)
    ]
    return rules


POLICY = replace(
    IMPATIENT,
    deadline_s=3.0,
    retry=RetryConfig(attempts=6, base_s=0.01, throttle_base_s=0.05, cap_s=0.2),
    budget=BudgetConfig(ratio=1.0, min_per_s=50),
    breaker=BreakerConfig(min_calls=30, failure_ratio=0.7, open_s=0.1, max_open_s=0.2),
    concurrency=ConcurrencyConfig(kind="aimd", initial=30, min=10, max=40),
)


async def _one(sdk: Sdk, client: Any, draw: Random) -> Said | None:
    """A call read whole or streamed to its end, left in its middle, or cancelled."""
    kind = draw.random()
    if kind < 0.1:
        async with await sdk.begin(client) as events:
            async for more, _, _ in pieces(sdk, events):
                if more:
                    break
        return None
    if kind < 0.2:
        with suppress(TimeoutError):
            async with asyncio.timeout(draw.random() * 0.1):
                await ask(sdk, client, stream=kind < 0.15)
        return None
    return await ask(sdk, client, stream=kind < 0.6)


@pytest.mark.parametrize("seed", [1])
def test_fifty_at_once_under_every_fault_leak_nothing(mock: Mock, right: Said, seed: int) -> None:
    mock.play(
        capacity={"slots": 60, "queue": 60},
        ttft={"median_ms": 10, "slow_median_ms": 30, "sigma": 0.3, "per_1k_prompt_ms": 0},
        inter_token={"mean_ms": 1, "cv": 0.1},
        request_faults=_faults(),
    )
    mock.admin("POST", "/admin/reset", {"seed": seed})
    bench = Bench(POLICY)
    ends: Counter[str] = Counter()

    async def main() -> None:
        async with bench.client(SDKS[0], mock.port) as one, bench.client(SDKS[1], mock.port) as other:

            async def caller(number: int) -> None:
                draw = Random(seed * 1000 + number)
                sdk, client = (SDKS[0], one) if number % 2 else (SDKS[1], other)
                for _ in range(CALLS_EACH):
                    try:
                        said = await _one(sdk, client, draw)
                    except Exception as error:  # noqa: BLE001 - each SDK has its own, and a stream httpx2's
                        ends[type(error).__name__] += 1
                    else:
                        assert said in {None, right}
                        ends["left" if said is None else "ok"] += 1

            await asyncio.gather(*map(caller, range(CALLERS)))
            bench.assert_idle()

    played(main)
    assert sum(ends.values()) == CALLERS * CALLS_EACH
    assert "AssertionError" not in ends, f"seed {seed}: {ends}"
    assert ends["ok"] > CALLERS * CALLS_EACH / 2, f"seed {seed}: {ends}"
    assert_conserved(mock, bench, all_arrived=False)
    assert len({call.call_id for call in bench.calls}) == len(bench.calls) <= CALLERS * CALLS_EACH
    stats = mock.stats()
    assert (stats["capacity"]["running"], stats["capacity"]["queued"]) == (0, 0)
    mock.until("connections.open", 1)  # the test's own
