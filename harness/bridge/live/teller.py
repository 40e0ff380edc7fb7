"""A worker's side of the live page: it tells of each second of its run. Made only where somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.bridge.live.gates import gates_of
from harness.clock import now_ns
from harness.model import Event
from harness.play.pulse import Pulse, Pulses
from harness.play.tally import Tally


class Teller:
    """Gives `tell` a pulse a second. To be used on the hub; `late` may be called on the loop."""

    def __init__(self, origin_ns: int, caller: object, tell: Callable[[Pulse], None]) -> None:
        self._pulses = Pulses(origin_ns)
        self._caller = caller
        self._tell = tell
        self.late = self._pulses.late

    def hear(self, events: Sequence[Event], tally: Tally) -> None:
        """Take in what the client told; `tally` has counted it."""
        self._pulses.count(events)
        pulse = self._pulses.take(now_ns(), tally.scheduled, tally.in_flight, gates_of(self._caller))
        if pulse is not None:
            self._tell(pulse)

    def end(self, tally: Tally) -> None:
        """The run is over here."""
        self._tell(self._pulses.close(tally.scheduled, tally.in_flight, gates_of(self._caller)))
