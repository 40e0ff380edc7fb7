"""The arrival that the present asyncio task plays."""

from __future__ import annotations

from contextvars import ContextVar

from harness.workload.schedule import Arrival

current_arrival: ContextVar[Arrival | None] = ContextVar("current_arrival", default=None)
