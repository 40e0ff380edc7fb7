"""What one worker has done so far, for the progress line and the ending."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
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

    @property
    def in_flight(self) -> int:
        """Calls begun and not ended."""
        return self.scheduled - self.ok - self.failed

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


class TallyListener:
    """Listens on the loop; keeps ended calls for the hub to hand to Locust's statistics."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._ended: list[Call] = []

    def __call__(self, event: Event) -> None:
        """Take one event of the client."""
        if type(event) is CallFinished:
            if event.call.outcome is Outcome.OK:
                self._tally.ok += 1
            else:
                self._tally.failed += 1
            self._ended.append(event.call)
        elif type(event) is AttemptFinished:
            self._tally.attempts += 1

    def take(self) -> list[Call]:
        """The calls that ended since it was last asked. To be called on the hub."""
        # The loop may append meanwhile, from its own thread: take a prefix, never swap the list.
        ended = self._ended[:]
        del self._ended[: len(ended)]
        return ended
