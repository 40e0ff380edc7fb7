"""Limits, capacity, hints and the evening: what the server does in real time, it does in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest

from harness.client.endpoint import WireName
from harness.policy.config import RetryConfig
from mockserver import Arrival, Core, Decision
from mockserver.clock import Clock
from reports.virtual import provider
from tests.reports.virtual.sides import (
    Asker,
    Main,
    Seen,
    bare,
    in_virtual_time,
    late_s,
    on_sockets,
    profile,
)

WIRES = pytest.mark.parametrize("wire", ["openai", "anthropic"])

#: Every generation takes 100 ms to its first token, and 50 ms to each further one and to its end.
TIMES: dict[str, Any] = {
    "ttft": {"median_ms": 100, "sigma": 0, "slow_share": 0, "per_1k_prompt_ms": 0},
    "inter_token": {"mean_ms": 50, "cv": 0},
}
EARLY_S, LATE_S = 0.005, 0.25


def _both(
    main: Main, *, wire: WireName = "openai", retry: RetryConfig | None = None, **sections: Any
) -> Seen:
    """Play on both sides: the same attempts, the same stats when noted, the same times."""
    policy, played = bare(), profile(**sections)
    if retry is not None:
        policy = replace(policy, retry=retry)
    real = on_sockets(main, played, policy, wire=wire)
    virtual = in_virtual_time(main, played, policy, wire=wire)
    assert virtual.ends == real.ends
    assert virtual.stats == real.stats
    late = late_s(real, virtual)
    assert -EARLY_S < min(late) <= max(late) < LATE_S
    return virtual


@contextmanager
def _decided(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, int]]]:
    """When each request is decided on: microseconds of the server's clock, and of the wall."""
    arrive: Callable[[Core, Arrival, int], Decision] = Core.arrive
    instants: list[tuple[int, int]] = []
    wall = Clock()

    def noting(core: Core, arrival: Arrival, now_us: int) -> Decision:
        instants.append((now_us, wall.unix_us()))
        return arrive(core, arrival, now_us)

    with monkeypatch.context() as patch:
        patch.setattr(Core, "arrive", noting)
        yield instants


def _limits_told(heads: list[dict[str, str]]) -> list[dict[str, str]]:
    kinds = ("retry-after", "x-ratelimit", "anthropic-ratelimit", "x-should-retry")
    return [{name: value for name, value in head.items() if name.startswith(kinds)} for head in heads]


@WIRES
@pytest.mark.parametrize(
    "limits",
    [
        {"rpm": 3, "window_s": 10},
        {"rpm": 1000, "tpm": 300, "window_s": 5},
        {"itpm": 120, "otpm": 130, "rpm": 5, "window_s": 2},
        {"quota_tokens": 150},
    ],
    ids=["requests", "tokens", "apart", "quota"],
)
def test_limit_headers_are_those_of_the_server_for_the_same_instants(
    wire: WireName, limits: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real server is asked first; then its likeness, at the very microseconds it decided at."""

    async def ask(asker: Asker) -> None:
        for _ in range(8):
            await asker.ask(x_primetime_tokens="20")
            await asyncio.sleep(0.07)

    with _decided(monkeypatch) as instants:
        real = on_sockets(ask, profile(limits=limits), bare(), wire=wire)

    async def ask_then(asker: Asker) -> None:
        loop = asyncio.get_running_loop()
        for at_us, _ in instants:
            await asyncio.sleep(at_us / 1e6 - loop.time())
            await asker.ask(x_primetime_tokens="20")

    at_us, unix_us = instants[0]
    monkeypatch.setattr(provider, "EPOCH_US", unix_us - at_us)
    virtual = in_virtual_time(ask_then, profile(limits=limits), bare(), wire=wire)
    assert virtual.ends == real.ends
    assert _limits_told(virtual.heads) == _limits_told(real.heads)
    # A quota that is used up is a matter of billing at Anthropic: 400.
    assert {a.status for a in virtual.attempts} in ({200, 429}, {200, 400})


@WIRES
@pytest.mark.parametrize("status", [503, 429, 529])
def test_who_finds_no_place_is_refused_in_the_same_words(wire: WireName, status: int) -> None:
    async def main(asker: Asker) -> None:
        asked = []
        for _ in range(4):
            asked.append(asyncio.create_task(asker.ask(x_primetime_tokens="2")))
            await asyncio.sleep(0.01)
        await asyncio.gather(*asked)

    capacity = {"slots": 1, "queue": 1, "overload_status": status, "overload_retry_after_s": 2.5}
    seen = _both(main, wire=wire, capacity=capacity, **TIMES)
    told = 529 if (wire, status) == ("anthropic", 503) else status
    assert [a.status for a in seen.attempts] == [200, 200, told, told]
    assert {a.retry_after_s for a in seen.attempts[2:]} <= {2.5, 3.0}
    # 200 ms each, one after the other; the second came 10 ms after the first.
    assert [(a.end_ns - a.sent_ns) / 1e9 for a in seen.attempts[:2]] == pytest.approx([0.2, 0.39])


def test_a_caller_who_does_not_wait_is_noticed_as_by_the_server() -> None:
    """Retries after 10 ms, where 1 s was asked for: each of them is early, of its call and of its account."""

    async def main(asker: Asker) -> None:
        await asker.ask()
        asker.note()
        await asker.ask()

    hasty = RetryConfig(attempts=3, hints=False, jitter="none", throttle_base_s=0.01, base_s=0.01)
    rule = {"action": "status", "status": 503, "retry_after_s": 1}
    seen = _both(main, retry=hasty, request_faults=[rule])
    assert [(s["early_retries"], s["early_requests"]) for s in seen.stats] == [(2, 2), (4, 5)]


@pytest.mark.parametrize("abandon", [False, True])
@pytest.mark.parametrize("kind", ["whole", "stream"])
@pytest.mark.parametrize("fault", ["", "stall", "slow_drip; bytes_per_s=500"])
def test_the_work_of_a_caller_who_has_left_holds_its_slot_unless_it_is_abandoned(
    kind: Any, fault: str, *, abandon: bool
) -> None:
    """A reply of 400 ms, left after 150 ms; the next caller waits for its slot, or has it at once."""

    async def main(asker: Asker) -> None:
        asked = {"x_mock_fault": fault} if fault else {}
        with suppress(TimeoutError):
            async with asyncio.timeout(0.15):
                await asker.ask(kind, x_primetime_tokens="6", **asked)
        await asyncio.sleep(0.03)
        asker.note()
        next_one = asyncio.create_task(asker.ask(x_primetime_tokens="1"))
        await asyncio.sleep(0.03)
        asker.note()
        await next_one

    capacity = {"slots": 1, "queue": 5, "abandon_when_client_gone": abandon}
    seen = _both(main, capacity=capacity, **TIMES)
    assert [(s["running"], s["queued"]) for s in seen.stats] == [
        (0 if abandon else 1, 0),
        (1, 0 if abandon else 1),
        (0, 0),
    ]


@pytest.mark.parametrize("abandon", [False, True])
def test_who_leaves_the_queue_gives_up_its_place_only_where_work_is_abandoned(*, abandon: bool) -> None:
    async def main(asker: Asker) -> None:
        first = asyncio.create_task(asker.ask(x_primetime_tokens="6"))
        await asyncio.sleep(0.02)
        with suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await asker.ask(x_primetime_tokens="6")
        await asyncio.sleep(0.03)
        asker.note()
        last = asyncio.create_task(asker.ask(x_primetime_tokens="1"))
        await asyncio.gather(first, last)

    capacity = {"slots": 1, "queue": 5, "abandon_when_client_gone": abandon}
    seen = _both(main, capacity=capacity, **TIMES)
    assert seen.stats[0]["queued"] == (0 if abandon else 1)


@pytest.mark.parametrize("fault", ["reset_in_headers", "reset_mid", "stream_error; after_events=1"])
def test_a_stream_that_is_broken_off_frees_its_slot_at_once(fault: str) -> None:
    """A silent one goes on to its end behind the silence."""

    async def main(asker: Asker) -> None:
        await asker.ask("stream", x_primetime_tokens="6", x_mock_fault=fault)
        await asyncio.sleep(0.02)
        asker.note()

    seen = _both(main, capacity={"slots": 1, "queue": 1}, **TIMES)
    assert seen.stats[0]["running"] == 0


def test_those_who_wait_start_when_the_background_falls() -> None:
    """Of two slots the others hold both, until in the second half of an evening of 0.8 s they let go."""

    async def main(asker: Asker) -> None:
        await asker.ask(x_primetime_tokens="1")
        asker.note()

    background = [["20:00", 1.0], ["20:29", 1.0], ["20:30", 0.0], ["21:00", 0.0]]
    seen = _both(
        main,
        evening={"window": "20:00-21:00", "duration_s": 0.8},
        capacity={"slots": 2, "queue": 1, "background": background},
        **TIMES,
    )
    (one,) = seen.attempts
    # A slot is free from 20:29:30 on, which is 393 ms; the server looks every 50 ms; the reply takes 150 ms.
    assert (one.end_ns - one.sent_ns) / 1e9 == pytest.approx(0.4 + 0.15)


def test_a_rule_with_a_window_holds_in_its_part_of_the_evening() -> None:
    async def main(asker: Asker) -> None:
        for _ in range(5):
            await asker.ask()
            await asyncio.sleep(0.1)

    rule = {"action": "status", "status": 500, "window": "20:20-20:40"}
    seen = _both(main, evening={"window": "20:00-21:00", "duration_s": 0.45}, request_faults=[rule])
    assert [a.status for a in seen.attempts] == [200, 200, 500, 200, 200]


def test_only_the_first_attempts_of_a_call_meet_a_rule_that_says_so() -> None:
    async def main(asker: Asker) -> None:
        await asker.ask()

    again = RetryConfig(attempts=3, jitter="none", base_s=0.02)
    seen = _both(main, retry=again, request_faults=[{"action": "reset", "attempts": 2}])
    assert [a.selector for a in seen.attempts] == ["transient.read", "transient.read", "ok"]
