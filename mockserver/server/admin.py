"""The admin interface: look at the server, and tell it what evening to play.

It is never faulted, limited or delayed, but shares the port: under a saturated front a new connection waits
like any other, so an admin client should keep one connection open.
"""

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mockserver.clock import Clock
from mockserver.core.decide import Core
from mockserver.core.injected import MOST_INJECTED, Injection
from mockserver.errors import AdminError
from mockserver.http.message import HttpRequest
from mockserver.keys import TOKEN_VARIABLE
from mockserver.profile_document import as_document
from mockserver.profile_file import bundled_names
from mockserver.rule_document import request_rule_document
from mockserver.server.front import Front
from mockserver.server.journal import KEPT_REQUESTS, Journal
from mockserver.server.metrics import clock_state, prometheus, stats
from mockserver.server.orders import read_clock, read_count, read_fault, read_profile, read_reset
from mockserver.units import US_PER_S
from mockserver.wire.key import bearer

# Turns of the loop a reset gives the requests it cuts to write their lines.
_DRAIN_TURNS = 100
_SHOWN_REQUESTS = 100


@dataclass(frozen=True, slots=True)
class AdminAnswer:
    """What an admin request is answered with."""

    status: int
    body: bytes
    content_type: str = "application/json"


class Admin:
    """Handles the paths of `routes`."""

    def __init__(
        self, core: Core, clock: Clock, journal: Journal, front: Front, token: str | None = None
    ) -> None:
        self._token = None if token is None else token.encode()
        self._core = core
        self._clock = clock
        self._journal = journal
        self._front = front
        self._routes: dict[str, dict[str, Callable[[HttpRequest], Awaitable[AdminAnswer]]]] = {
            "/healthz": {"GET": self._health},
            "/metrics": {"GET": self._metrics},
            "/admin/stats": {"GET": self._stats},
            "/admin/requests": {"GET": self._requests},
            "/admin/profile": {"GET": self._profile, "PUT": self._put_profile},
            "/admin/profiles": {"GET": self._profiles},
            "/admin/clock": {"GET": self._clock_state, "POST": self._set_clock},
            "/admin/faults": {"GET": self._faults, "POST": self._inject, "DELETE": self._clear},
            "/admin/reset": {"POST": self._reset},
        }

    def owns(self, path: str) -> bool:
        return path in self._routes or path.startswith("/admin/")

    async def handle(self, request: HttpRequest) -> AdminAnswer:
        if not self._allowed(request):
            return _problem(401, f"wrong or no token: expected authorization: Bearer <{TOKEN_VARIABLE}>")
        methods = self._routes.get(request.path)
        if methods is None:
            return _problem(404, f"no such admin path; known: {', '.join(self._routes)}")
        method = methods.get("GET" if request.method == "HEAD" else request.method)
        if method is None:
            return _problem(405, f"{request.path} takes {' or '.join(methods)}")
        if request.body is None:
            return _problem(413, "the body is too large")
        try:
            return await method(request)
        except AdminError as error:
            return _problem(400, str(error))

    def _allowed(self, request: HttpRequest) -> bool:
        """Health and metrics are for everybody; the rest is for those who know the token, if there is one."""
        if self._token is None or not request.path.startswith("/admin/"):
            return True
        # Header text is read as latin-1, whatever it was.
        given = bearer(request.headers).encode("latin-1")
        return hmac.compare_digest(given, self._token)

    async def _health(self, _request: HttpRequest) -> AdminAnswer:
        return _json({"status": "ok", "profile": self._core.profile.name, "seed": self._core.seed})

    async def _metrics(self, _request: HttpRequest) -> AdminAnswer:
        text = prometheus(self._core, self._journal, self._front)
        return AdminAnswer(200, text.encode(), "text/plain; version=0.0.4; charset=utf-8")

    async def _stats(self, _request: HttpRequest) -> AdminAnswer:
        return _json(stats(self._core, self._clock, self._journal, self._front))

    async def _requests(self, request: HttpRequest) -> AdminAnswer:
        count = read_count(request.query.get("n"), _SHOWN_REQUESTS, KEPT_REQUESTS)
        return _json({"requests": list(self._journal.latest)[-count:]})

    async def _profile(self, _request: HttpRequest) -> AdminAnswer:
        return _json(as_document(self._core.profile))

    async def _put_profile(self, request: HttpRequest) -> AdminAnswer:
        profile = read_profile(request.body or b"")
        self._core.set_profile(profile, self._clock.now_us())
        self._front.configure(profile.front)
        return _json(as_document(self._core.profile))

    async def _profiles(self, _request: HttpRequest) -> AdminAnswer:
        return _json({"names": list(bundled_names())})

    async def _clock_state(self, _request: HttpRequest) -> AdminAnswer:
        return _json(clock_state(self._core, self._clock))

    async def _set_clock(self, request: HttpRequest) -> AdminAnswer:
        order = read_clock(request.body or b"", self._core.profile.evening)
        self._core.set_clock(order.evening, order.elapsed_s, self._clock.now_us())
        if order.seed is not None:
            self._core.seed = order.seed
        return _json(clock_state(self._core, self._clock) | {"seed": self._core.seed})

    async def _faults(self, _request: HttpRequest) -> AdminAnswer:
        now_us = self._clock.now_us()
        return _json({"faults": [_shown(one, now_us) for one in self._core.injected.in_force(now_us)]})

    async def _inject(self, request: HttpRequest) -> AdminAnswer:
        order = read_fault(request.body or b"")
        now_us = self._clock.now_us()
        injection = self._core.injected.add(order.rule, round(order.seconds * US_PER_S), now_us)
        if injection is None:
            raise AdminError(f"{MOST_INJECTED} injected faults are in force: expected a DELETE first")
        return _json(_shown(injection, now_us))

    async def _clear(self, _request: HttpRequest) -> AdminAnswer:
        self._core.injected.clear()
        return _json({"faults": []})

    async def _reset(self, request: HttpRequest) -> AdminAnswer:
        """Cut what is under way (each in the log as `admin_reset`), then begin again from nothing."""
        seed = read_reset(request.body or b"")
        # In one step: whoever comes next belongs to what begins.
        self._journal.begin_anew("admin_reset")
        self._core.reset(self._core.seed if seed is None else seed)
        self._front.reset()
        for _ in range(_DRAIN_TURNS):
            if self._journal.ending == 0:
                break
            await asyncio.sleep(0)
        self._journal.flush()
        return _json({"status": "ok", "profile": self._core.profile.name, "seed": self._core.seed})


def _shown(injection: Injection, now_us: int) -> dict[str, object]:
    """The rule as a profile would hold it, and how long it will still be in force."""
    left_s = (injection.until_us - now_us) / US_PER_S
    return {"number": injection.number, **request_rule_document(injection.rule), "left_s": round(left_s, 3)}


def _json(document: object, status: int = 200) -> AdminAnswer:
    return AdminAnswer(status, json.dumps(document, ensure_ascii=False).encode())


def _problem(status: int, message: str) -> AdminAnswer:
    return _json({"error": {"message": message}}, status)
