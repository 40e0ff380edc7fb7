"""Locust's load shape: one driver a process in an open loop, `-u` users in a closed one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from locust import LoadTestShape

if TYPE_CHECKING:
    from harness.bridge.install import Bridge

#: Locust warns about more a second.
SPAWN_RATE = 100.0


class PlayShape(LoadTestShape):
    """Holds the users for as long as the run is on, then ends the test."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._bridge = bridge

    def tick(self) -> tuple[int, float] | None:
        """Asked about once a second."""
        if self._bridge.over:
            return None
        users = self._bridge.users_wanted()
        return users, min(SPAWN_RATE, float(users))


class ClosedShape(PlayShape):
    """The same with Locust's own form in the web UI: there, the number of users counts."""

    use_common_options = True
