"""The simulated transport against providers that do as they are told: its pool, its waits, its ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from harness.policy.config import ConnectionsConfig
from harness.sim import loop as virtual
from harness.sim.provider import Knock
from harness.sim.transport import SimTransport
from tests.harness.sim.scripted import (
    Scripted,
    acts,
    ask,
    chunks_of,
    data,
    failure,
    head,
    held,
    nothing,
    request,
    transport_to,
    whole,
)

# The pool.


def test_a_connection_is_used_again() -> None:
    async def main() -> None:
        provider = Scripted()
        async with transport_to(provider) as transport:
            assert [await ask(transport) for _ in range(5)] == [b"good"] * 5
            assert held(transport) == (0, 1)
        assert len(provider.knocked_at) == 1
        assert len(provider.requests) == 5

    virtual.run(main())


def test_without_reuse_every_request_has_a_connection_of_its_own() -> None:
    async def main() -> None:
        provider = Scripted()
        async with transport_to(provider, reuse=False) as transport:
            for count in range(1, 4):
                await ask(transport)
                assert held(transport) == (0, 0)
                assert provider.lefts == count

    virtual.run(main())


def test_who_finds_every_connection_in_use_waits_for_one() -> None:
    """Two connections, replies of a second: five requests are done after 1, 1, 2, 2 and 3 seconds."""

    async def main() -> None:
        ends: list[float] = []

        async def one(transport: SimTransport) -> None:
            await ask(transport)
            ends.append(asyncio.get_running_loop().time())

        provider = Scripted(whole(1.0))
        async with transport_to(provider, max=2) as transport:
            await asyncio.gather(*(one(transport) for _ in range(5)))
        assert ends == [1, 1, 2, 2, 3]
        assert len(provider.knocked_at) == 2

    virtual.run(main())


def test_who_waits_longer_for_a_connection_than_for_a_byte_is_told_that_all_are_in_use() -> None:
    async def main() -> str:
        provider = Scripted(acts((0.1, head(None)), *((second, data(b"x")) for second in range(1, 9))))
        async with transport_to(provider, max=1, read_timeout_s=3.0) as transport:
            response = await transport.open(request())
            told = await failure(ask(transport))
            assert held(transport) == (1, 1)
            await response.aclose()
        return told

    # The head came after 0.1 s; from then on it waited.
    assert virtual.run(main()) == "local.pool at 3.1"


@pytest.mark.parametrize(
    ("pool", "kept"),
    [
        # aiohttp's has no bound on idle connections of its own.
        ("aiohttp", [5, 5, 5, 5, 5]),
        # httpcore closes one that has become idle while there are more than `keepalive` of any kind: of five,
        # the first three to end; the last two stay.
        ("httpx", [4, 3, 2, 2, 2]),
    ],
)
def test_which_connections_are_kept_is_as_in_the_pool_of_the_policy(pool: Any, kept: list[int]) -> None:
    async def main() -> None:
        provider = Scripted(*(whole(float(second)) for second in range(1, 6)))
        async with transport_to(provider, pool=pool, keepalive=2) as transport:
            asked = [asyncio.create_task(ask(transport)) for _ in range(5)]
            there = []
            for task in asked:
                await task
                there.append(held(transport)[1])
            assert there == kept
            assert held(transport)[0] == 0

    virtual.run(main())


def test_httpx_keeps_none_as_long_as_more_than_its_keepalive_are_busy() -> None:
    """One slow stream beside short calls, with a keepalive of one: every short call opens anew."""

    async def main() -> None:
        provider = Scripted(whole(100.0), whole(1.0))
        async with transport_to(provider, pool="httpx", keepalive=1, read_timeout_s=200.0) as transport:
            slow = asyncio.create_task(ask(transport))
            await asyncio.sleep(0)
            for _ in range(4):
                await ask(transport)
            assert len(provider.knocked_at) == 5
            await slow
            await ask(transport)
            assert len(provider.knocked_at) == 5

    virtual.run(main())


def test_an_idle_connection_is_closed_after_half_a_minute() -> None:
    async def main() -> None:
        provider = Scripted()
        async with transport_to(provider) as transport:
            await ask(transport)
            await asyncio.sleep(29.9)
            await ask(transport)
            await asyncio.sleep(29.9)
            assert provider.lefts == 0
            await asyncio.sleep(0.2)
            assert provider.lefts == 1
            assert held(transport) == (0, 0)
            await ask(transport)
        assert len(provider.knocked_at) == 2

    virtual.run(main())


def test_a_connection_that_the_server_closes_while_it_is_idle_is_not_used_again() -> None:
    async def main() -> None:
        provider = Scripted()
        async with transport_to(provider) as transport:
            await ask(transport)
            provider.lines[0].close()
            assert held(transport) == (0, 0)
            await ask(transport)
        assert (len(provider.knocked_at), provider.lefts) == (2, 2)

    virtual.run(main())


# Connecting.

#: When SYNs are sent of which none is answered. Waits of 1 and 2 s end on the multiple of 32 ms that follows,
#: those of 4, 8 and 16 s on that of 256 ms, the one of 32 s on that of 2.048 s.
SYNS_S = (0, 1.024, 2.048, 3.072, 4.096, 5.12, 7.136, 11.264, 19.456, 35.584, 69.632)


@pytest.mark.parametrize("knock", [Knock.REFUSED, Knock.RESET])
def test_a_connection_that_is_none(knock: Knock) -> None:
    async def main() -> str:
        async with transport_to(Scripted(knocks=[knock])) as transport:
            return await failure(ask(transport))

    assert virtual.run(main()) == "transient.connect at 0"


@pytest.mark.parametrize(
    ("timeout_s", "knocks"),
    [(0.5, 1), (2.0, 2), (5.0, 5), (6.0, 6), (10.0, 7), (30.0, 9), (60.0, 10), (75.0, 11)],
)
def test_dropped_syns_are_sent_again_until_the_connect_timeout(timeout_s: float, knocks: int) -> None:
    async def main() -> None:
        provider = Scripted(knocks=[Knock.DROPPED])
        async with transport_to(provider, connect_timeout_s=timeout_s) as transport:
            assert await failure(ask(transport)) == f"timeout.connect_timeout at {timeout_s:g}"
        assert provider.knocked_at == pytest.approx(SYNS_S[:knocks])

    virtual.run(main())


@pytest.mark.parametrize(
    ("last", "ends"), [(Knock.OPENED, "good at 3.072"), (Knock.REFUSED, "transient.connect at 3.072")]
)
def test_a_syn_sent_again_finds_what_there_is_by_then(last: Knock, ends: str) -> None:
    async def main() -> str:
        provider = Scripted(knocks=[*[Knock.DROPPED] * 3, last])
        async with transport_to(provider) as transport:
            if last is Knock.REFUSED:
                return await failure(ask(transport))
            return f"{(await ask(transport)).decode()} at {asyncio.get_running_loop().time():g}"

    assert virtual.run(main()) == ends


def test_whoever_is_dropped_within_one_slot_of_the_wheel_knocks_again_in_the_same_instant() -> None:
    async def main() -> None:
        provider = Scripted(knocks=[*[Knock.DROPPED] * 3, Knock.OPENED])
        async with transport_to(provider) as transport:
            asked = []
            for _ in range(3):
                asked.append(asyncio.create_task(ask(transport)))
                await asyncio.sleep(0.01)
            await asyncio.gather(*asked)
        assert provider.knocked_at == [0, 0.01, 0.02, 1.024, 1.024, 1.024]

    virtual.run(main())


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_provider_that_dropped_a_line_is_told_when_nobody_knocks_any_more(*, cancelled: bool) -> None:
    async def main() -> None:
        provider = Scripted(knocks=[Knock.DROPPED])
        async with transport_to(provider, connect_timeout_s=3) as transport:
            task = asyncio.create_task(failure(ask(transport)))
            await asyncio.sleep(2.5)
            assert provider.lefts == 0
            if cancelled:
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert provider.lefts == 1

    virtual.run(main())


# Replies.


def test_a_reply_in_parts_is_given_as_it_comes() -> None:
    async def main() -> None:
        provider = Scripted(
            acts((1, head(None)), (2, data(b"a")), (3, data(b"bc")), (4, lambda line: line.end()))
        )
        async with transport_to(provider) as transport:
            response = await transport.open(request())
            assert (response.status, response.headers["x-kind"]) == (200, "parts")
            assert (response.header_lines(), response.read_ns) == ([("x-kind", "parts")], 1_000_000_000)
            read = [(chunk, response.read_ns) async for chunk in response.chunks()]
            assert read == [(b"a", 2_000_000_000), (b"bc", 3_000_000_000)]
            assert asyncio.get_running_loop().time() == 4
            await response.aclose()
            assert held(transport) == (0, 1)

    virtual.run(main())


def test_parts_that_nobody_read_yet_keep_their_instants() -> None:
    async def main() -> None:
        provider = Scripted(acts((1, head(4)), (2, data(b"ab")), (3, data(b"cd"))))
        async with transport_to(provider) as transport:
            response = await transport.open(request())
            await asyncio.sleep(60)
            read = [(chunk, response.read_ns) async for chunk in response.chunks()]
            assert read == [(b"ab", 2_000_000_000), (b"cd", 3_000_000_000)]
            await response.aclose()

    virtual.run(main())


@pytest.mark.parametrize(
    ("steps", "ends"),
    [
        ([], "timeout.read_timeout at 10"),
        ([(4, head(None))], "timeout.read_timeout at 14"),
        ([(4, head(9)), (13, data(b"x")), (22, data(b"y"))], "timeout.read_timeout at 32"),
        ([(4, head(None)), (5, lambda line: line.reset())], "transient.read at 5"),
        ([(4, head(9)), (5, data(b"x")), (6, lambda line: line.close())], "transient.read at 6"),
        ([(4, lambda line: line.close())], "transient.read at 4"),
        ([(4, lambda line: line.garbage())], "transient.protocol at 4"),
        ([(4, head(None)), (5, data(b"x")), (6, lambda line: line.garbage())], "transient.protocol at 6"),
    ],
)
def test_how_a_reply_that_does_not_end_well_ends(steps: Any, ends: str) -> None:
    """Silence is counted from the request, and from every part of the reply."""

    async def main() -> None:
        provider = Scripted(acts(*steps))
        async with transport_to(provider) as transport:
            assert await failure(ask(transport)) == ends
            assert held(transport) == (0, 0)
            assert provider.lefts == 1

    virtual.run(main())


def test_a_body_longer_than_promised_is_cut_and_spoils_its_connection() -> None:
    async def main() -> None:
        provider = Scripted(acts((1, head(4)), (1, data(b"abc")), (1, data(b"defg"))), whole())
        async with transport_to(provider) as transport:
            assert await ask(transport) == b"abcd"
            assert (held(transport), provider.lefts) == ((0, 0), 1)
            assert await ask(transport) == b"good"

    virtual.run(main())


def test_a_body_shorter_than_promised_is_waited_for() -> None:
    async def main() -> None:
        provider = Scripted(acts((1, head(4)), (1, data(b"abc"))))
        async with transport_to(provider) as transport:
            assert await failure(ask(transport)) == "timeout.read_timeout at 11"

    virtual.run(main())


def test_a_promised_length_of_nothing_is_a_whole_reply() -> None:
    async def main() -> None:
        async with transport_to(Scripted(acts((1, head(0))))) as transport:
            assert await ask(transport) == b""
            assert held(transport) == (0, 1)

    virtual.run(main())


# Leaving early.


@pytest.mark.parametrize("after_s", [0.0, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5])
def test_who_is_cancelled_holds_nothing_wherever_it_was(after_s: float) -> None:
    """Before its first step, while its SYN is sent again, before the head, between head, parts and end. The
    provider's further steps are for nobody.
    """

    async def main() -> None:
        steps = acts((1, head(None)), (2, data(b"a")), (3, data(b"b")), (4, lambda line: line.end()))
        provider = Scripted(steps, whole(), knocks=[Knock.DROPPED, Knock.OPENED])
        async with transport_to(provider) as transport:
            task = asyncio.create_task(ask(transport))
            await asyncio.sleep(after_s)
            if after_s <= 4.5:
                assert not task.done()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert held(transport)[0] == 0
            await asyncio.sleep(10)
            assert held(transport)[0] == 0
            assert await ask(transport) in {b"good", b"ab"}
            assert held(transport)[0] == 0

    virtual.run(main())


def test_who_is_cancelled_in_the_line_for_a_connection_leaves_it() -> None:
    async def main() -> None:
        provider = Scripted(whole(1.0))
        async with transport_to(provider, max=1) as transport:
            first, second, third = (asyncio.create_task(ask(transport)) for _ in range(3))
            await asyncio.sleep(0.5)
            second.cancel()
            assert await first == await third == b"good"
            assert asyncio.get_running_loop().time() == 2
            assert held(transport) == (0, 1)

    virtual.run(main())


def test_who_leaves_a_body_unread_drops_its_connection() -> None:
    async def main() -> None:
        provider = Scripted(acts((1, head(4)), (2, data(b"abcd"))))
        async with transport_to(provider) as transport:
            response = await transport.open(request())
            await response.aclose()
            assert (held(transport), provider.lefts) == ((0, 0), 1)
            assert await chunks_of(response) == []

    virtual.run(main())


def test_closing_ends_what_is_under_way_and_nothing_is_opened_after_it() -> None:
    """Waiting for a head, for a part, for a connection, for a SYN to be answered."""

    async def main() -> None:
        provider = Scripted(
            nothing, acts((1, head(None))), knocks=[Knock.OPENED, Knock.OPENED, Knock.DROPPED]
        )
        async with transport_to(provider, max=3) as transport:
            asked = [asyncio.create_task(failure(ask(transport))) for _ in range(4)]
            await asyncio.sleep(2)
            await transport.aclose()
            ends = await asyncio.gather(*asked)
            assert ends[:2] == ["transient.read at 2"] * 2
            assert ends[2:] == ["timeout.connect_timeout at 5", "local.pool at 2"]
            assert await failure(ask(transport)) == "local.pool at 5"

    virtual.run(main())


def test_on_a_loop_whose_time_is_real_it_says_so() -> None:
    async def main() -> None:
        with pytest.raises(TypeError, match=r"expected code started by harness\.sim\.loop\.run"):
            await SimTransport(ConnectionsConfig(), Scripted()).open(request())

    asyncio.run(main())
