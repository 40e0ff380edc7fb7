"""Tenacity around attempts that are results, not exceptions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tenacity import AsyncRetrying, RetryCallState, retry_if_result, stop_never

from harness.model import Attempt
from harness.pipeline.attempting import Opened
from harness.policy.retry import Again, Stop

Decide = Callable[[Attempt, int], Again | Stop]

#: How a try went; None when it was not let through.
Result = Attempt | Opened | None


async def retry(
    first: Attempt,
    again: Callable[[int], Awaitable[Result]],
    decide: Decide,
    waiting: Callable[[Attempt, float], None],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Result:
    """Repeat `again(tries)` while `decide(attempt, tries)` says so; the last result.

    Tenacity is entered after the first attempt, whose result is its first: the hot path of a call that
    succeeds at once stays clear of it, and its attempt numbers are ours. `decide` is asked once an attempt
    (it draws jitter and pays from the budget). `waiting(attempt, wait_s)` is told of each wait
    and `sleep(wait_s)` waits it.
    A fresh AsyncRetrying a call: a shared one mixes its callers' state.
    """
    decision: Again | Stop = Stop(None)
    tries = 0  # tenacity counts them, too; but to ask it would tie a knot that only the collector unties

    async def attempt() -> Result:
        nonlocal tries
        tries += 1
        return first if tries == 1 else await again(tries)

    def wanted(result: Result) -> bool:
        nonlocal decision
        decision = decide(result, tries) if isinstance(result, Attempt) else Stop(None)
        return isinstance(decision, Again)

    def wait_s(_: RetryCallState) -> float:
        return decision.wait_s if isinstance(decision, Again) else 0.0

    def before_sleep(state: RetryCallState) -> None:
        if state.outcome is not None:
            waiting(state.outcome.result(), wait_s(state))

    retrying = AsyncRetrying(
        retry=retry_if_result(wanted),
        wait=wait_s,
        stop=stop_never,
        before_sleep=before_sleep,
        sleep=sleep,
    )
    try:
        return await retrying(attempt)
    finally:
        retrying.iter_state.reset()  # its actions hold it, and it holds them
