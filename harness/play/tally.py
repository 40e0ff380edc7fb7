"""What one worker has done so far, for the progress line and the ending."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from harness.model import AttemptFinished, Call, CallFinished, Event, Outcome


@dataclass(slots=True)
class Tally:
    """Counts of one worker; `scheduled` are the arrivals that came due."""

    scheduled: int = 0
    ok: int = 0
    failed: int = 0
    attempts: int = 0
    recorded: int = 0
    finished: bool = False
    arrivals_end_ns: int = 0
    degraded: str = ""
    left: bool = False  # the worker stopped by itself, before the run's end
    spent: list[int] = field(default_factory=list)  # of its budget, if it has one: an Amount's message
    exhausted: bool = False  # the budget did not cover a request any more

    @property
    def in_flight(self) -> int:
        """Calls begun and not ended."""
        return self.scheduled - self.ok - self.failed

    def count(self, events: Sequence[Event]) -> list[Call]:
        """Take in what the client told; the calls that ended with it."""
        calls = [event.call for event in events if type(event) is CallFinished]
        ok = sum(call.outcome is Outcome.OK for call in calls)
        self.ok += ok
        self.failed += len(calls) - ok
        self.attempts += sum(type(event) is AttemptFinished for event in events)
        return calls

    def message(self) -> dict[str, Any]:
        """As sent from a worker to the master."""
        return asdict(self)


def from_message(message: dict[str, Any]) -> Tally:
    """The tally a worker sent."""
    return Tally(**{f.name: message[f.name] for f in fields(Tally)})


def total(tallies: Iterable[Tally]) -> Tally:
    """All workers together; finished when every one is."""
    parts = list(tallies)
    return Tally(
        scheduled=sum(t.scheduled for t in parts),
        ok=sum(t.ok for t in parts),
        failed=sum(t.failed for t in parts),
        attempts=sum(t.attempts for t in parts),
        recorded=sum(t.recorded for t in parts),
        finished=all(t.finished for t in parts),
        arrivals_end_ns=max((t.arrivals_end_ns for t in parts), default=0),
    )


class Gathered:
    """What the client told on the loop, for the hub to take in batches.

    `listen` is the list's own `append`: a call costs it a few nanoseconds.
    """

    def __init__(self) -> None:
        self._events: list[Event] = []
        self.listen: Callable[[Event], None] = self._events.append

    def take(self) -> list[Event]:
        """Everything told since it was last asked."""
        # The loop may append meanwhile, from its own thread: take a prefix, never swap the list.
        events = self._events[:]
        del self._events[: len(events)]
        return events
