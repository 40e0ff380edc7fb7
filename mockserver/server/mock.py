"""The parts put together: one listening socket, one core, one journal."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

from mockserver.clock import Clock
from mockserver.core.decide import Core
from mockserver.http.message import HttpRequest
from mockserver.http.protocol import Rest, Service
from mockserver.http.reply import Reply
from mockserver.profile import Profile
from mockserver.server.admin import Admin
from mockserver.server.alarm import Alarm
from mockserver.server.api import Api, refuse
from mockserver.server.connections import Connections
from mockserver.server.engine import Engine
from mockserver.server.front import Front
from mockserver.server.journal import Journal
from mockserver.server.listener import Listener
from mockserver.server.request_log import FLUSH_EVERY_S, RequestLog
from mockserver.server.stopping import Stop
from mockserver.wire.request import MAX_BODY_BYTES

# Well above any client's idle timeout, so that it is the client who closes.
KEEPALIVE_S = 300.0
# How long a stop waits for those it cut.
STOP_S = 0.3
STOP_TURNS = 100
DRAIN_LOOK_S = 0.01


class MockServer:
    """Serves on a bound socket until stopped."""

    def __init__(
        self,
        listener: Listener,
        profile: Profile,
        seed: int,
        log_path: Path | None,
        tls: ssl.SSLContext | None = None,
        admin_token: str | None = None,
    ) -> None:
        clock = Clock()
        core = Core(profile, seed, clock.now_us())
        self._log = RequestLog(log_path)
        self._alarm = Alarm(clock)
        self._journal = Journal(clock, self._alarm, self._log)
        self._engine = Engine(core, clock)
        self._connections = Connections(
            Service(self._handle, refuse, self._journal.count_unread, MAX_BODY_BYTES, clock.unix_us),
            keepalive_s=KEEPALIVE_S,
        )
        self._front = Front(listener, core, clock, self._connections, tls)
        self._api = Api(self._engine, self._journal, clock)
        self._admin = Admin(core, clock, self._journal, self._front, admin_token)

    def start(self) -> None:
        """Listen: from now on a connection is let in as the profile says."""
        self._front.start()

    async def serve(self, stop: Stop, grace_s: float) -> None:
        """Serve until asked to stop, then let what is under way end within `grace_s`.

        Raises LogError when the log cannot be written any more.
        """
        accepting = asyncio.create_task(self._front.refuse_forever())
        chores = [
            asyncio.create_task(chore)
            for chore in (self._engine.tick_forever(), self._front.sweep_forever(), self._flush_forever())
        ]
        # None of these has an end: one that is done has failed, and is why we are here.
        await _first(accepting, *chores, asyncio.create_task(stop.asked.wait()))
        accepting.cancel()
        self._front.stop()
        self._connections.drain()
        draining = asyncio.create_task(self._drained(grace_s))
        await _first(draining, *chores, asyncio.create_task(stop.forced.wait()))
        failed = [task for task in (accepting, *chores) if task.done() and not task.cancelled()]
        for task in (draining, *chores):
            task.cancel()
        await self._stop()
        for task in failed:
            task.result()

    async def _drained(self, grace_s: float) -> None:
        """Until nothing is under way any more, on its way to a slow reader included, or the time is over."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + grace_s
        while (self._journal.in_flight or self._connections.unsent) and loop.time() < end_s:
            self._journal.cut_hopeless("shutdown")
            await asyncio.sleep(DRAIN_LOOK_S)

    def _handle(self, request: HttpRequest, reply: Reply) -> Rest | None:
        handle = self._command if self._admin.owns(request.path) else self._api.handle
        return handle(request, reply)

    async def _command(self, request: HttpRequest, reply: Reply) -> None:
        answer = await self._admin.handle(request)
        reply.whole(answer.status, {"content-type": answer.content_type}, answer.body)

    async def _flush_forever(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_EVERY_S)
            self._log.flush()

    async def _stop(self) -> None:
        """Every request that was read gets its line, then the connections go."""
        self._journal.cut_all("shutdown")
        for _ in range(STOP_TURNS):
            if self._journal.in_flight + self._journal.ending == 0:
                break
            await asyncio.sleep(STOP_S / STOP_TURNS)
        await self._connections.shutdown(STOP_S)
        self._alarm.close()
        self._log.close()


async def _first(*tasks: asyncio.Task[Any]) -> None:
    """Until one of them is done; whoever was only there to tell is let go."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    if tasks[-1] not in done:
        tasks[-1].cancel()
