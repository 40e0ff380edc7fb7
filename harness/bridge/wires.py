"""By what a session reaches the head of its run: made for one run, and good for no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.bridge.courier import Send
from harness.play.pulse import Pulse
from harness.play.tally import Tally
from harness.spending.treasury import Ask


@dataclass(frozen=True, slots=True)
class Wires:
    """`tell` is given the tally now and then, `ask` what is needed more of the budget, `show` a pulse a
    second of a run that is live, `send` records for a master that does not see them; None where this is
    their folder.
    """

    tell: Callable[[Tally], None]
    ask: Callable[[Ask], None]
    show: Callable[[Pulse], None]
    send: Send | None
