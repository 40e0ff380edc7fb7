"""A Locust user whose tasks are coroutines."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from gevent.event import Event
from locust import User
from locust.user.task import LOCUST_STATE_RUNNING

from harness.bridge.session import Session
from harness.client import ResilientClient
from harness.client.client import DEFAULT_MAX_TOKENS
from harness.client.messages import COPYWRITER
from harness.errors import ConfigError
from harness.model import Reply
from harness.play.context import current_arrival
from harness.rng import stream
from harness.workload.prompts import PromptBook
from harness.workload.schedule import Arrival


class Stage(Protocol):
    """What `install` returned: where the run under way, if any, is found."""

    @property
    def session(self) -> Session | None:
        """The run under way, if any."""

    @property
    def current_session(self) -> Session:
        """The run under way. Raises ConfigError when there is none."""


class AsyncUser(User):
    """Tasks are `async def` and run on a native asyncio loop, sharing one ResilientClient a process.

    `schedule` is what `install` returned. In an open loop one user a process plays the schedule and its
    tasks overlap on one `self`; in a closed loop every user loops, with Locust's `wait_time` between.
    """

    abstract = True
    schedule: ClassVar[Stage]

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self._left = Event()

    @property
    def client(self) -> ResilientClient:
        """The process's client. Raises ConfigError in a scenario that goes through a queue."""
        caller = self.schedule.current_session.caller
        if not isinstance(caller, ResilientClient):
            raise ConfigError("self.client: the queue's workers have the clients: ask with self.ask")
        return caller

    @property
    def arrival(self) -> Arrival:
        """The arrival the present task plays."""
        arrival = current_arrival.get()
        if arrival is None:
            raise ConfigError("self.arrival: there is one only inside a task")
        return arrival

    @property
    def prompts(self) -> PromptBook:
        """Prompts for the present arrival, the same in every run of the seed."""
        return PromptBook(stream(self.schedule.current_session.seed, "prompts", self.arrival.call_id))

    async def ask(
        self, prompt: str, max_tokens: int | None = DEFAULT_MAX_TOKENS, *, system: str | None = COPYWRITER
    ) -> Reply:
        """One piece of copy, as a stream read to its end where the run asks for streams (`--stream`).

        Through the queue where the scenario has one. Raises as the client's `generate_copy` and `stream` do.
        """
        session = self.schedule.current_session
        if not session.stream:
            return await session.caller.generate_copy(prompt, max_tokens=max_tokens, system=system)
        async with self.client.stream(prompt, max_tokens=max_tokens, system=system) as stream:
            async for _ in stream:
                pass
        return stream.reply

    def pause_s(self) -> float:
        """Locust's `wait_time`, for the closed loop."""
        return float(self.wait_time())

    def run(self) -> Any:  # type: ignore[misc]  # as Locust's own PytestUser overrides it
        """The user's greenlet: enter the run, then only wait to be stopped."""
        self._state = LOCUST_STATE_RUNNING
        session = self.schedule.session
        if session is None:
            return
        session.enter(self)
        try:
            self._left.wait()
        finally:
            session.leave(self)

    def stop(self, force: bool = False) -> bool:  # noqa: FBT001, FBT002 - as Locust's own
        """Locust takes the user away: it only waits, and ends at once."""
        self._left.set()
        return bool(super().stop(force))
