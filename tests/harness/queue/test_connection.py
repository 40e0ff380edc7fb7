"""How a connection to a server is made."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any

import pytest
from anyio.abc import SocketAttribute
from coredis.connection import _tcp

from harness.queue import Queue, QueueError, QueueSettings
from harness.queue.address import address_of


@pytest.mark.skipif(sys.platform != "linux", reason="macOS calls its options by other names")
def test_a_machine_that_is_gone_without_a_word_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[socket.socket] = []
    kept: list[list[int]] = []
    connect_tcp = _tcp.connect_tcp

    async def noted(*args: Any, **options: Any) -> Any:
        stream = await connect_tcp(*args, **options)
        made.append(stream.extra(SocketAttribute.raw_socket))
        return stream

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        of_tcp = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        kept.append(
            [
                made[-1].getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                *(made[-1].getsockopt(socket.IPPROTO_TCP, option) for option in of_tcp),
            ]
        )
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(greet, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(QueueError):
                async with Queue(f"redis://127.0.0.1:{port}", settings=QueueSettings(patience_s=0)):
                    pass

    monkeypatch.setattr(_tcp, "connect_tcp", noted)
    asyncio.run(main())
    assert kept[0] == [1, 60, 15, 4]


def test_a_unix_socket_needs_no_such_question() -> None:
    assert "socket_keepalive" not in address_of("unix:///run/valkey.sock").options
