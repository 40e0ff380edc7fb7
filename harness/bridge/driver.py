"""What a session needs of a Locust user."""

from __future__ import annotations

from typing import Any, Protocol


class Driver(Protocol):
    """A user whose `tasks` are coroutine functions of the user."""

    tasks: list[Any]

    def on_start(self) -> Any:
        """Before its first task; plain or async."""

    def pause_s(self) -> float:
        """Between two tasks of a closed loop."""
