"""What a caller asks of one call: less time, and a key."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from harness import DeadlineExceeded, RequestError, ResilientClient, Tag, next_tag
from harness.model import CallFinished, Event
from harness.sim.loop import now_ns, run
from harness.transport.httpx_transport import HttpxTransport
from tests.harness.client.rig import BASE, KEY, PLAIN, SECOND, completion


def test_a_calls_own_deadline_holds_where_it_is_the_smaller() -> None:
    async def main() -> None:
        def refuse(_: httpx.Request) -> httpx.Response:
            return httpx.Response(503, headers={"retry-after": "4"})

        http = httpx.AsyncClient(transport=httpx.MockTransport(refuse))
        client = ResilientClient(BASE, KEY, policy=PLAIN, transport=HttpxTransport(http), now_ns=now_ns)
        ended: list[int] = []
        client.listen(lambda event: ended.append(event.call.attempts) if is_end(event) else None)
        # Three attempts, four and a bit seconds apart: within 60 s all, within 7 s two, within 3 s one.
        for deadline_s in (None, 100.0, 7.0, 3.0):
            with pytest.raises(Exception, match="overloaded"):
                await client.generate_copy("a", deadline_s=deadline_s)
        assert ended == [3, 3, 2, 1]

    def is_end(event: Event) -> bool:
        return isinstance(event, CallFinished)

    run(main())


def test_a_calls_deadline_cuts_its_attempt() -> None:
    async def main() -> None:
        async def hang(_: httpx.Request) -> httpx.Response:
            await asyncio.sleep(100)
            return completion()

        http = httpx.AsyncClient(transport=httpx.MockTransport(hang))
        client = ResilientClient(BASE, KEY, policy=PLAIN, transport=HttpxTransport(http), now_ns=now_ns)
        before = now_ns()
        with pytest.raises(DeadlineExceeded):
            await client.chat([{"role": "user", "content": "a"}], deadline_s=2.5)
        assert now_ns() - before == pytest.approx(2.5 * SECOND, rel=1e-6)

    run(main())


def test_a_key_goes_with_every_attempt_and_attempts_are_numbered_on() -> None:
    seen: list[tuple[str | None, ...]] = []

    async def main() -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            names = ("idempotency-key", "x-primetime-call", "x-primetime-attempt")
            seen.append(tuple(request.headers.get(name) for name in names))
            return completion() if len(seen) >= 3 else httpx.Response(500)

        http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
        client = ResilientClient(
            BASE, KEY, policy=PLAIN, transport=HttpxTransport(http), now_ns=now_ns, send_ids=True
        )
        next_tag.set(lambda: Tag(call_id=5, attempts_before=1000))
        await client.generate_copy("a", idempotency_key="order-17")
        await client.generate_copy("b")

    run(main())
    assert seen == [
        ("order-17", "5", "1001"),
        ("order-17", "5", "1002"),
        ("order-17", "5", "1003"),
        (None, "5", "1001"),
    ]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"deadline_s": 0}, "deadline_s = 0: expected seconds"),
        ({"deadline_s": float("nan")}, "deadline_s = nan"),
        ({"deadline_s": "5"}, "deadline_s = '5'"),
        ({"deadline_s": True}, "deadline_s = True"),
        ({"idempotency_key": ""}, "idempotency_key = ''"),
        ({"idempotency_key": "a\r\nb: c"}, "idempotency_key = "),
        ({"idempotency_key": "กาแฟ"}, "idempotency_key = "),
        ({"idempotency_key": "x" * 256}, "idempotency_key = "),
        ({"priority": 1.5}, "priority = 1.5"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_before_anything_is_sent(
    asked: dict[str, object], words: str
) -> None:
    async def main() -> None:
        http = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: completion()))
        client = ResilientClient(BASE, KEY, policy=PLAIN, transport=HttpxTransport(http), now_ns=now_ns)
        with pytest.raises(RequestError, match=words):
            await client.generate_copy("a", **asked)  # type: ignore[arg-type]

    run(main())
