"""When the fast transport says that bytes came: at the read of the socket, however late they are taken."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from harness import Attempt, clock
from harness.policy.config import ConnectionsConfig
from harness.transport import fast
from harness.transport.base import HttpRequest, HttpResponse
from tests.harness.transport.asking import ON_BOTH_LOOPS, fast_transport, read, replies, run, take_request
from tests.harness.transport.backends import backend_client
from tests.harness.transport.faults import (
    BODY,
    DONE,
    END_OF_BODY,
    HEAD,
    LAST,
    PIECE,
    ROLE,
    USAGE,
    chunked,
    serving,
    streams,
)

APART_S = 0.03
MS = 1_000_000


async def _parts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await take_request(reader)
    for part in (b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n", b"\r\n", b"ab", b"cd", b"ef"):
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(APART_S)


@ON_BOTH_LOOPS
def test_each_chunk_has_the_instant_of_its_read_though_it_is_taken_later(loop: str) -> None:
    async def main() -> None:
        async with serving(_parts) as url, fast_transport() as transport:
            began_ns = clock.now_ns()
            response = await transport.open(HttpRequest("POST", url, {}, b""))
            headed_ns = clock.now_ns()
            await asyncio.sleep(0.2)
            woken_ns = clock.now_ns()
            got = await read(response)
        assert got.body == b"abcdef"
        head_ns, *chunks_ns = got.reads_ns
        assert began_ns + 0.9 * APART_S * 1e9 < head_ns < headed_ns  # its end, not its beginning
        assert len(chunks_ns) == 3
        assert chunks_ns[-1] < woken_ns - 50 * MS
        for before, after in pairwise(got.reads_ns):
            assert after - before > 0.8 * APART_S * 1e9

    run(main(), loop)


def test_a_body_that_came_with_its_head_has_its_instant() -> None:
    async def main() -> None:
        async with serving(replies(HEAD + BODY)) as url, fast_transport() as transport:
            response = await transport.open(HttpRequest("POST", url, {}, b""))
            await asyncio.sleep(0.02)
            assert len(set((await read(response)).reads_ns)) == 1

    run(main())


class Keeping:
    """The fast transport; keeps every response."""

    def __init__(self) -> None:
        self.inner = fast.build(ConnectionsConfig())
        self.responses: list[HttpResponse] = []

    async def open(self, request: HttpRequest) -> HttpResponse:
        response = await self.inner.open(request)
        self.responses.append(response)
        return response

    async def aclose(self) -> None:
        await self.inner.aclose()


@ON_BOTH_LOOPS
def test_a_whole_reply_ends_with_its_last_read(loop: str) -> None:
    async def main() -> None:
        seen: list[Attempt] = []
        keeping = Keeping()
        async with serving(replies(HEAD, BODY[:9], BODY[9:])) as url:
            client = backend_client("fast", url, seen, ConnectionsConfig(), transport=keeping)
            async with client:
                for _ in range(3):
                    await client.generate_copy("a")
        for one, response in zip(seen, keeping.responses, strict=True):
            assert one.selector == "ok"
            assert one.end_ns == response.read_ns
            assert one.headers_ns is not None
            assert one.sent_ns < one.headers_ns < one.end_ns

    run(main(), loop)


@ON_BOTH_LOOPS
def test_events_of_one_packet_share_an_instant_and_each_packet_has_its_own(loop: str) -> None:
    async def main() -> None:
        seen: list[Attempt] = []
        packets = (
            chunked(ROLE + PIECE + PIECE),
            chunked(PIECE),
            chunked(PIECE) * 3,
            chunked(LAST + USAGE + DONE),
        )
        handler = streams(*packets, END_OF_BODY)
        pieces = []
        async with (
            serving(handler) as url,
            backend_client("fast", url, seen, ConnectionsConfig()) as client,
            client.stream("a") as stream,
        ):
            async for piece in stream:
                pieces.append(piece)
                await asyncio.sleep(0.05)  # all of it has come by the end of the first pauses
        (one,) = seen
        assert one.selector == "ok"
        assert one.output_ns is not None
        instants = list(one.output_ns)
        assert [instants.count(instant) for instant in sorted(set(instants))] == [2, 1, 3]
        assert instants == sorted(instants)
        assert "".join(pieces) == "สวัสดี" * len(instants)
        assert one.headers_ns is not None
        assert one.headers_ns < instants[0] == one.first_token_ns
        assert instants[-1] < one.end_ns

    run(main(), loop)


@ON_BOTH_LOOPS
def test_an_event_cut_across_packets_has_the_instant_of_its_last_byte(loop: str) -> None:
    async def main() -> None:
        seen: list[Attempt] = []
        whole = chunked(PIECE)
        handler = streams(chunked(ROLE), whole[:25], whole[25:], chunked(LAST + DONE) + END_OF_BODY)
        keeping = Keeping()
        async with serving(handler) as url:
            client = backend_client("fast", url, seen, ConnectionsConfig(), transport=keeping)
            async with client, client.stream("a") as stream:
                assert [piece async for piece in stream] == ["สวัสดี"]
        (one,) = seen
        assert one.output_ns is not None
        assert one.headers_ns is not None
        assert len(one.output_ns) == 1
        # The head, the role, the two halves: 10 ms apart each, and the end.
        assert one.output_ns[0] - one.headers_ns > 20 * MS
        assert one.output_ns[0] < one.end_ns

    run(main(), loop)
