"""A slow way to a server: a TCP proxy that hands every chunk on a fixed time later, both ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

CHUNK = 1 << 16


@asynccontextmanager
async def slow_way(port: int, delay_s: float) -> AsyncIterator[int]:
    """The port of a proxy before `port` of this machine."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_pipe(reader, there_writer, delay_s), _pipe(there_reader, writer, delay_s))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float) -> None:
    """One way: chunks are read as they come and written when they are due."""
    due: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    async def read() -> None:
        data = b"-"
        while data:
            with suppress(ConnectionError):
                data = await reader.read(CHUNK)
            due.put_nowait((loop.time() + delay_s, data))

    reading = loop.create_task(read())
    try:
        while True:
            at, data = await due.get()
            await asyncio.sleep(max(0.0, at - loop.time()))
            if not data:
                break
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        reading.cancel()
        writer.close()
