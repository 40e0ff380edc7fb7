"""The fast transport's connections: how many, how long, for whom, and in what order."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

import pytest

from harness.transport import pool
from harness.transport.base import HttpRequest
from tests.harness.transport.asking import ON_BOTH_LOOPS, ask, failure, fast_transport, ok, run, take_request
from tests.harness.transport.faults import serving


@dataclass(slots=True)
class Counting:
    """Echoes after a while, and counts its connections: in all, open now, and open at most."""

    after_s: float = 0.0
    opened: int = 0
    now: int = 0
    most: int = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            with suppress(asyncio.IncompleteReadError):
                while True:
                    _, body = await take_request(reader)
                    await asyncio.sleep(self.after_s)
                    writer.write(ok(body))
        finally:
            self.now -= 1

    async def until(self, now: int) -> None:
        """Wait until so many are open."""
        async with asyncio.timeout(2):
            while self.now != now:  # noqa: ASYNC110 - it is the server's loop that counts
                await asyncio.sleep(0.001)


@ON_BOTH_LOOPS
@pytest.mark.parametrize("most", [1, 7, 60])
def test_no_more_connections_than_max_are_ever_open(most: int, loop: str) -> None:
    server = Counting(after_s=0.004)

    async def main() -> None:
        async with serving(server) as url, fast_transport(max=most, keepalive=most) as transport:
            bodies = [b"%d" % number for number in range(50)]
            for _ in range(2):
                got = await asyncio.gather(*(ask(transport, url, body) for body in bodies))
                assert [one.body for one in got] == bodies
        assert server.most == server.opened == min(most, 50)

    run(main(), loop)


@ON_BOTH_LOOPS
@pytest.mark.parametrize("keepalive", [0, 3])
def test_no_more_than_keepalive_are_kept_idle(keepalive: int, loop: str) -> None:
    server = Counting(after_s=0.01)

    async def main() -> None:
        async with serving(server) as url, fast_transport(max=8, keepalive=keepalive) as transport:
            await asyncio.gather(*(ask(transport, url) for _ in range(8)))
            assert server.most == 8
            await server.until(keepalive)
            await ask(transport, url)
            assert server.opened == (8 if keepalive else 9)

    run(main(), loop)


@ON_BOTH_LOOPS
def test_without_reuse_a_connection_is_closed_after_its_reply(loop: str) -> None:
    server = Counting()

    async def main() -> None:
        async with serving(server) as url, fast_transport(reuse=False) as transport:
            for number in range(3):
                await ask(transport, url)
                await server.until(0)
                assert server.opened == number + 1

    run(main(), loop)


@ON_BOTH_LOOPS
def test_an_idle_connection_expires_and_one_in_use_or_used_since_does_not(
    loop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "KEEPALIVE_S", 0.2)
    server = Counting()

    async def main() -> None:
        async with serving(server) as url, fast_transport() as transport:
            used = await transport.open(HttpRequest("POST", url, {}, b""))
            await asyncio.gather(*(ask(transport, url) for _ in range(2)))  # idle from now on
            assert server.now == 3
            clock = asyncio.get_running_loop()
            began_s = clock.time()
            await asyncio.sleep(0.1)
            await ask(transport, url)  # the one that was used last
            await server.until(2)
            assert clock.time() - began_s >= 0.19
            await server.until(1)
            assert clock.time() - began_s >= 0.29
            await used.aclose()
            assert server.opened == 3

    run(main(), loop)


@ON_BOTH_LOOPS
def test_origins_share_max_and_an_idle_connection_makes_way(loop: str) -> None:
    one, two = Counting(after_s=0.002), Counting(after_s=0.002)

    async def main() -> None:
        async with (
            serving(one) as first,
            serving(two) as second,
            fast_transport(max=3, keepalive=3) as transport,
        ):
            await asyncio.gather(*(ask(transport, first) for _ in range(9)))
            assert (one.now, two.now) == (3, 0)
            await ask(transport, second)
            await one.until(2)
            assert two.now == 1
            await asyncio.gather(*(ask(transport, url) for url in (first, second) * 15))
            assert len(transport._pool._places) <= 3
            assert transport._pool._in_use == 0
        assert max(one.most, two.most) <= 3

    run(main(), loop)


def test_the_connection_that_makes_way_is_the_one_idle_for_longest() -> None:
    servers = [Counting() for _ in range(3)]

    async def main() -> None:
        async with (
            serving(servers[0]) as a,
            serving(servers[1]) as b,
            serving(servers[2]) as c,
            fast_transport(max=2) as transport,
        ):
            for url in (a, b, a, c):
                await ask(transport, url)
                await asyncio.sleep(0.005)
            await servers[1].until(0)
            assert (servers[0].now, servers[2].now) == (1, 1)

    run(main())


@ON_BOTH_LOOPS
def test_those_who_wait_go_in_the_order_they_came(loop: str) -> None:
    order: list[bytes] = []

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:
                _, body = await take_request(reader)
                order.append(body)
                await asyncio.sleep(0.002)
                writer.write(ok(body))

    async def main() -> None:
        async with serving(keep) as url, fast_transport(max=2) as transport:
            calls = []
            for number in range(20):
                calls.append(asyncio.create_task(ask(transport, url, b"%02d" % number)))
                await asyncio.sleep(0)
            for given_up in (calls[5], calls[11]):
                given_up.cancel()
            await asyncio.sleep(0.005)
            late = asyncio.create_task(ask(transport, url, b"99"))  # may not go before those in line
            await asyncio.gather(*calls, late, return_exceptions=True)
        assert order == sorted(order)
        assert len(order) == 19

    run(main(), loop)


def test_who_waits_too_long_for_a_connection_gives_up_and_the_line_moves_on() -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            _, body = await take_request(reader)
            for byte in ok(body):  # something comes all the time: no read timeout
                writer.write(bytes([byte]))
                await asyncio.sleep(0.005)

    async def main() -> None:
        async with serving(slow) as url, fast_transport(max=1, read_timeout_s=0.1) as transport:
            first = asyncio.create_task(ask(transport, url, b"first"))
            await asyncio.sleep(0)
            assert await failure(ask(transport, url)) == "local.pool"
            assert (await first).body == b"first"
            assert (await ask(transport, url, b"next")).body == b"next"

    run(main())
