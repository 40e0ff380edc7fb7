"""Whether a worker that is handed a task may take it up; as claim.lua decides. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from harness.queue.memory.entry import Entry
from harness.queue.tasks import TaskStatus


class Why(Enum):
    """Why a task ends instead of being taken up."""

    CANCELLED = auto()
    EXPIRED = auto()
    LOST = auto()


@dataclass(frozen=True, slots=True)
class Ended:
    """It has ended before."""


@dataclass(frozen=True, slots=True)
class Mine:
    """This very try holds it: the reply to its first claim was lost."""


@dataclass(frozen=True, slots=True)
class Held:
    """Another try holds it for `left_ms`, unless its worker is heard of before."""

    left_ms: int


@dataclass(frozen=True, slots=True)
class Early:
    """It is not to be taken up for another `left_ms`."""

    left_ms: int


@dataclass(frozen=True, slots=True)
class Over:
    """It ends now. `reclaimed`: another try held it, and was not heard of for too long."""

    why: Why
    reclaimed: bool


@dataclass(frozen=True, slots=True)
class Free:
    """It is taken up; `reclaimed` as of Over."""

    reclaimed: bool


Found = Ended | Mine | Held | Early | Over | Free


def before_taking(task: Entry, token: str, now_ms: int, held_until_ms: int, most_tries: int) -> Found:
    """How a task stands to a try with this token. A deadline that has passed comes before any call."""
    if task.state.is_final:
        return Ended()
    held = task.state is TaskStatus.PROCESSING
    if held and task.token == token:
        return Mine()
    if held and held_until_ms > now_ms:
        return Held(held_until_ms - now_ms)
    if (why := _why_over(task, now_ms)) is not None:
        return Over(why, reclaimed=held)
    if not held and task.not_before_ms > now_ms:
        return Early(task.not_before_ms - now_ms)
    return Over(Why.LOST, reclaimed=held) if task.tries >= most_tries else Free(reclaimed=held)


def _why_over(task: Entry, now_ms: int) -> Why | None:
    if task.cancel:
        return Why.CANCELLED
    return Why.EXPIRED if 0 < task.deadline_ms <= now_ms else None
