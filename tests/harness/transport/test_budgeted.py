"""Requests are paid for before they are sent, at their worst, and settled by what the API counted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest

from harness.model import Fault, Outcome
from harness.prices import Price, Prices
from harness.spending.amount import NOTHING, ONE_REQUEST, UNLIMITED, Amount
from harness.spending.meter import Meter
from harness.spending.purse import Purse
from harness.spending.treasury import Grant
from harness.transport import till as till_module
from harness.transport.base import HttpRequest, HttpResponse, TransportError
from harness.transport.budgeted import COST_UNBOUNDED, BudgetedTransport
from harness.transport.till import BUDGET_HELD, BUDGET_SPENT, Till
from tests.harness.transport.faults import BODY, DONE, LAST, PIECE, ROLE, USAGE

PRICES = Prices("paper.toml", {"m": Price(1_000_000, 2_000_000)})
METER = Meter(tokens=True, prices=PRICES, strict=True)

ASKED = json.dumps({"model": "m", "max_tokens": 50}).encode()
REQUEST = HttpRequest("POST", "https://api.example/v1/chat/completions", {}, ASKED)
MOST = METER.most(ASKED)

#: Of BODY and USAGE: 3 tokens of prompt and 3 of reply.
COST = Amount(1, 6, 3 * 1_000_000 + 3 * 2_000_000)

JSON, EVENTS = {"content-type": "application/json"}, {"content-type": "text/event-stream"}


class Response:
    """A reply in these pieces; after the last one comes `then`."""

    read_ns: int | None = 7

    def __init__(self, status: int, headers: Mapping[str, str], *pieces: bytes, then: Any = None) -> None:
        self.status, self.headers = status, headers
        self._pieces = pieces
        self._then = then

    def header_lines(self) -> list[tuple[str, str]]:
        return list(self.headers.items())

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
        if self._then is not None:
            raise self._then

    async def aclose(self) -> None:
        """Nothing to give back."""


class Api:
    """Answers each request with the next of `answers`: a reply, or an error to raise."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.sent = 0

    async def open(self, request: HttpRequest) -> HttpResponse:
        del request
        self.sent += 1
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        if callable(answer):
            answer = await answer()
        assert isinstance(answer, Response)
        return answer

    async def aclose(self) -> None:
        """Nothing to close."""


class Desk:
    """A budget of `most`, and what was spent of it."""

    def __init__(self, api: Api, most: Amount = MOST, meter: Meter = METER, *, final: bool = True) -> None:
        self.told = 0
        self.till = Till(Purse(Grant(most, final=final)), meter, self.spent)
        self.transport = BudgetedTransport(api, self.till)

    def spent(self) -> None:
        self.told += 1

    @property
    def purse(self) -> Purse:
        return self.till.purse

    async def ask(self, request: HttpRequest = REQUEST, reads: int | None = None) -> bytes:
        """Read a reply to its end, or so many pieces of it."""
        response = await self.transport.open(request)
        assert response.read_ns == 7
        got = []
        chunks = response.chunks()
        try:
            while reads is None or len(got) < reads:
                piece = await anext(chunks, None)
                if piece is None:
                    break
                got.append(piece)
        finally:
            await response.aclose()
            await response.aclose()  # a second time changes nothing
        return b"".join(got)


def run(main: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(10):
            await main()

    asyncio.run(bounded())


def spent_after(answer: Any, *, reads: int | None = None) -> Amount:
    """What one request costs that ends so."""
    desk = Desk(Api(answer))

    async def main() -> None:
        with suppress(TransportError, TimeoutError):
            await desk.ask(reads=reads)
        assert desk.purse.held == NOTHING

    run(main)
    return desk.purse.spent


def test_a_reply_is_handed_on_as_it_is_and_settled_by_its_usage() -> None:
    desk = Desk(Api(Response(200, JSON, BODY[:10], BODY[10:])))

    async def main() -> None:
        assert await desk.ask() == BODY

    run(main)
    assert (desk.purse.spent, desk.purse.held) == (COST, NOTHING)


def test_a_stream_is_settled_by_the_usage_in_it() -> None:
    events = (ROLE, PIECE + PIECE[:7], PIECE[7:], LAST, USAGE, DONE)
    assert spent_after(Response(200, EVENTS, *events)) == COST
    assert spent_after(Response(200, EVENTS, *events), reads=6) == COST  # all that counts had come


@pytest.mark.parametrize(
    ("answer", "reads"),
    [
        (Response(200, EVENTS, ROLE, PIECE, LAST, DONE), None),  # a server that counts no tokens
        (Response(200, EVENTS, ROLE, PIECE, USAGE, DONE), 2),  # left early
        (Response(200, EVENTS, ROLE, PIECE), None),  # it just ended
        (Response(200, JSON, BODY), 0),
        (Response(200, JSON, BODY[:9], then=TransportError(Outcome.TRANSIENT, Fault.READ, "broke")), None),
        (Response(200, JSON, b"<html>"), None),
        (Response(500, JSON, b"{}"), None),
        (TransportError(Outcome.TRANSIENT, Fault.READ, "reset"), None),
        (TimeoutError(), None),  # given up from this side
    ],
)
def test_what_may_have_been_billed_is_paid_at_its_worst(answer: Any, reads: int | None) -> None:
    assert spent_after(answer, reads=reads) == MOST


@pytest.mark.parametrize(
    "answer",
    [
        Response(429, JSON, b"{}"),
        Response(503, JSON, b"{}"),
        Response(401, {}, b""),
        TransportError(Outcome.TRANSIENT, Fault.CONNECT, "refused"),
        TransportError(Outcome.LOCAL, Fault.POOL, "full"),
    ],
)
def test_what_surely_was_not_billed_comes_back_but_for_the_request(answer: Any) -> None:
    assert spent_after(answer) == ONE_REQUEST


def test_a_budget_that_does_not_cover_another_request_refuses_it_and_says_so_once() -> None:
    api = Api(Response(200, JSON, BODY))
    desk = Desk(api, Amount(1, UNLIMITED, UNLIMITED))

    async def main() -> None:
        await desk.ask()
        for _ in range(3):
            with pytest.raises(TransportError, match="does not cover") as caught:
                await desk.ask()
            assert (caught.value.outcome, caught.value.code) == (Outcome.FATAL, BUDGET_SPENT)

    run(main)
    assert (api.sent, desk.told) == (1, 1)


def test_a_request_waits_for_what_is_in_flight_to_come_back() -> None:
    """The second is covered only once the first has cost less than it might have."""
    slow = asyncio.Event()

    async def first() -> Response:
        await slow.wait()
        return Response(200, JSON, BODY)

    api = Api(first, Response(200, JSON, BODY))
    desk = Desk(api, MOST + COST)

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(desk.ask())
            await asyncio.sleep(0)
            group.create_task(desk.ask())
            for _ in range(5):
                await asyncio.sleep(0)
            assert api.sent == 1
            slow.set()

    run(main)
    assert (api.sent, desk.purse.spent, desk.told) == (2, COST + COST, 0)


def test_it_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(till_module, "WAIT_S", 0.01)
    api = Api(lambda: asyncio.Event().wait())
    desk = Desk(api)

    async def main() -> None:
        first = asyncio.create_task(desk.ask())
        await asyncio.sleep(0)
        with pytest.raises(TransportError, match="too much is in flight") as caught:
            await desk.ask()
        assert (caught.value.outcome, caught.value.code) == (Outcome.LOCAL, BUDGET_HELD)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first

    run(main)
    assert desk.purse.spent == MOST  # the cancelled one may have been billed
    assert desk.told == 0


def test_another_portion_lets_a_request_go() -> None:
    api = Api(Response(200, JSON, BODY))
    desk = Desk(api, NOTHING, final=False)

    async def main() -> None:
        asking = asyncio.create_task(desk.ask())
        await asyncio.sleep(0)
        asked = desk.purse.ask()
        assert asked is not None
        assert asked.need == MOST
        desk.till.take(Grant(MOST))
        assert await asking == BODY

    run(main)


def test_the_word_that_there_is_none_ends_the_wait() -> None:
    desk = Desk(Api(), NOTHING, final=False)

    async def main() -> None:
        asking = asyncio.create_task(desk.ask())
        await asyncio.sleep(0)
        desk.till.take(Grant(NOTHING, final=True))
        with pytest.raises(TransportError, match="used up"):
            await asking

    run(main)


def test_a_request_whose_cost_nobody_can_bound_is_not_sent() -> None:
    api = Api()
    desk = Desk(api)

    async def main() -> None:
        with pytest.raises(TransportError, match="max_tokens") as caught:
            await desk.ask(HttpRequest("POST", REQUEST.url, {}, b'{"model": "m"}'))
        assert caught.value.code == COST_UNBOUNDED

    run(main)
    assert (api.sent, desk.purse.spent) == (0, NOTHING)


def test_requests_alone_are_counted_without_a_look_at_them() -> None:
    response = Response(200, JSON, BODY)
    desk = Desk(Api(response), Amount(1, 0, 0), Meter())

    async def main() -> None:
        assert await desk.transport.open(HttpRequest("GET", "x", {}, b"")) is response

    run(main)
    assert desk.purse.spent == ONE_REQUEST
