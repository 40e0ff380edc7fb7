"""One request and its reply under way: what is known of it, and what it waits for."""

import asyncio
from typing import Any

from mockserver.core.decisions import Start
from mockserver.http.reply import Reply
from mockserver.server.alarm import Alarm


class Exchange:
    """A request that was read, until its reply is handed over or will never be. Times in microseconds."""

    __slots__ = (
        "_alarm",
        "_waiters",
        "arrival",
        "attempt",
        "call",
        "client_gone",
        "completion_tokens",
        "connection",
        "cut",
        "drawn_us",
        "early_us",
        "events",
        "fault",
        "finished_us",
        "first_us",
        "heeds_departure",
        "model",
        "path",
        "planned_tokens",
        "prompt_tokens",
        "received_us",
        "refused",
        "reply",
        "request_id",
        "silent",
        "start",
        "started_us",
        "status",
        "stream",
    )

    def __init__(
        self, arrival: int, path: str, received_us: int, reply: Reply, request_id: str, alarm: Alarm
    ) -> None:
        self.arrival = arrival
        self.path = path
        self.received_us = received_us
        self.reply = reply
        self.connection = reply.connection
        self.request_id = request_id
        self.call = arrival
        self.attempt = 1
        self.model: str | None = None
        self.prompt_tokens: int | None = None
        self.completion_tokens: int | None = None
        self.planned_tokens: int | None = None
        self.start: Start | None = None
        self.started_us: int | None = None
        self.drawn_us: int | None = None
        self.first_us: int | None = None
        self.finished_us: int | None = None
        self.status: int | None = None
        self.stream = False
        self.events: int | None = None
        self.fault: str | None = None
        self.refused: str | None = None
        self.early_us: int | None = None
        self.client_gone = False
        self.cut: str | None = None
        self.heeds_departure = False
        self.silent = False
        self._alarm = alarm
        self._waiters: list[asyncio.Future[None]] = []

    async def wait_for_departure(self) -> None:
        """Until the caller has left, or the exchange is cut: there is nothing more to say to it."""
        self.heeds_departure = self.silent = True
        while not self.ended_early:
            await self.wait(None)

    @property
    def ended_early(self) -> bool:
        """Whether there is nobody left to answer, by force or because a departure matters here."""
        return self.cut is not None or (self.heeds_departure and self.connection.gone)

    async def wait(self, until_us: int | None) -> None:
        """Return when woken, or at that time; the caller looks again at what has changed."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        if until_us is not None:
            self._alarm.at(until_us, waiter)
        try:
            await waiter
        finally:
            self._waiters.remove(waiter)

    def wake(self) -> None:
        """Something has changed: whoever waits looks again."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def row(self) -> dict[str, Any]:
        """The line of the request log. No header and no text of the request is in it."""
        return {
            "call": self.call,
            "attempt": self.attempt,
            "arrival": self.arrival,
            "path": self.path,
            "received_us": self.received_us,
            "started_us": self.started_us,
            "first_us": self.first_us,
            "finished_us": self.finished_us,
            "drawn_us": self.drawn_us,
            "status": self.status,
            "fault": self.fault,
            "refused": self.refused,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "model": self.model,
            "stream": self.stream,
            "events": self.events,
            "early_us": self.early_us,
            "client_gone": self.client_gone,
        }
