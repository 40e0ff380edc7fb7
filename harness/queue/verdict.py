"""What becomes of a task whose call did not end in a reply: pure."""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import CallError, Fatal, RequestError
from harness.model import Outcome, StoppedBy
from harness.queue.settings import WorkerSettings
from harness.transport.till import BUDGET_SPENT

#: The API's trouble, or ours, and not the task's: such a try is not counted.
_NOT_ITS_FAULT = frozenset({Outcome.THROTTLED, Outcome.OVERLOADED, Outcome.LOCAL, Outcome.REJECTED})

#: Why a call goes no further, whatever the task is.
_REFUSED = frozenset({StoppedBy.BREAKER, StoppedBy.ADMISSION})

#: A Retry-After longer than this is not waited for in full: the API may have recovered long before.
MOST_HINT_S = 300.0

#: Doublings beyond this are beyond any cap.
_MOST_DOUBLINGS = 30


@dataclass(frozen=True, slots=True)
class Again:
    """It is taken up again after `delay_s`; `free` if this try does not count."""

    delay_s: float
    free: bool


@dataclass(frozen=True, slots=True)
class Failed:
    """It has failed, for good or, `dead`, until somebody drives it again. `why` follows the error's words."""

    dead: bool
    why: str = ""


def judge(
    error: Exception,
    settings: WorkerSettings,
    *,
    tries: int,
    returns: int,
    left_s: float | None,
    uniform: float,
) -> Again | Failed:
    """What follows from the error of a task's call.

    `tries` counts this one, `returns` how often it was put back before; `left_s` is its time to its deadline,
    `uniform` a draw from [0, 1). What no wait can help is a dead letter at once. A try in which the API was
    down for everybody, or that was not even sent, does not count: only the task's deadline ends those. One
    that was not sent has burdened nobody: its wait does not grow. What only this worker may not send is
    another's at once.
    """
    if is_spent(error):
        return Again(0.0, free=True)
    if isinstance(error, Fatal | RequestError):
        return Failed(dead=True)
    free = is_free(error)
    if not free and tries >= settings.tries:
        return Failed(dead=True, why=f"the last of {tries} tries")
    doublings = returns if was_sent(error) else 0
    delay_s = wait_s(settings, doublings, uniform) + min(hint_s(error), MOST_HINT_S)
    if left_s is not None and delay_s >= left_s:
        return Failed(dead=False, why="no further try would begin before its deadline")
    return Again(delay_s, free)


def is_spent(error: Exception) -> bool:
    """Whether this worker may send nothing more: its part of the budget is used up."""
    return isinstance(error, Fatal) and error.status is None and error.code == BUDGET_SPENT


def is_free(error: Exception) -> bool:
    """Whether a try that ended so is not the task's fault."""
    if not isinstance(error, CallError):
        return False
    return not was_sent(error) or error.outcome in _NOT_ITS_FAULT or error.stopped_by in _REFUSED


def was_sent(error: Exception) -> bool:
    """Whether the API was asked; of an error that is not the client's it has to be supposed."""
    return not isinstance(error, CallError) or error.attempts > 0


def wait_s(settings: WorkerSettings, doublings: int, uniform: float) -> float:
    """Full jitter: drawn from 0 to a bound that doubles so often, from the base up to the cap.

    Source: Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
    """
    doubled = settings.retry_base_s * 2.0 ** min(doublings, _MOST_DOUBLINGS)
    return uniform * min(settings.retry_cap_s, doubled)


def hint_s(error: Exception) -> float:
    """How long the API, or an open breaker, wants to be left alone."""
    return (error.retry_after_s or 0.0) if isinstance(error, CallError) else 0.0
