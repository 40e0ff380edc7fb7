"""How a job tells that its task is not done with."""

from __future__ import annotations


class Later(Exception):  # noqa: N818 - what is done with it, not what went wrong
    """Raised by a job that is to be handed out again after `delay_s`."""

    def __init__(self, delay_s: float) -> None:
        super().__init__(f"again in {delay_s:g} s")
        self.delay_s = delay_s
