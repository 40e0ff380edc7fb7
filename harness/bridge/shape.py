"""Locust's load shape: one driver a process in an open loop, `-u` users in a closed one."""

from __future__ import annotations

from typing import Protocol

from locust import LoadTestShape

#: Locust warns about more a second.
SPAWN_RATE = 100.0


class Show(Protocol):
    """What the shape asks: how many users, and whether it is over."""

    over: bool

    def users_wanted(self) -> int:
        """How many Locust users the run needs."""


class PlayShape(LoadTestShape):
    """Holds the users for as long as the run is on, then ends the test."""

    def __init__(self, show: Show) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._show = show

    def tick(self) -> tuple[int, float] | None:
        """Asked about once a second."""
        if self._show.over:
            return None
        users = self._show.users_wanted()
        return users, min(SPAWN_RATE, max(1.0, float(users)))


class ClosedShape(PlayShape):
    """The same with Locust's own form in the web UI: there, the number of users counts."""

    use_common_options = True
