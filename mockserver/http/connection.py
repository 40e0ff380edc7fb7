"""One accepted connection: whether its peer is still there, and how to write to it or drop it."""

import asyncio
import select
import socket
import struct
from collections.abc import Callable, Iterable

# On, for 0 seconds: close() sends RST and forgets what was unsent.
_LINGER_0 = struct.pack("ii", 1, 0)

# A caller who reads slower than we write is waited for, so that its backlog stays bounded.
MAX_UNSENT_BYTES = 32_768
# A caller who does not read that long gets a reset without the rest.
_SETTLE_TURNS = 1_000
_SETTLE_TURN_S = 0.001


def drop_socket(sock: socket.socket) -> None:
    """Close a socket of ours with RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_0)
    sock.close()


def left(descriptors: Iterable[int]) -> set[int]:
    """Those of these sockets whose peer has left, asked of the kernel: what is unread does not matter."""
    poll = select.poll()
    for descriptor in descriptors:
        if descriptor == -1:
            continue  # it is closed already
        poll.register(descriptor, getattr(select, "POLLRDHUP", select.POLLHUP))
    return {descriptor for descriptor, _ in poll.poll(0)}


class Connection:
    """`on_change` is called when the peer has left, and when it has read what held us back."""

    __slots__ = ("_transport", "blocked", "gone", "on_change")

    def __init__(self, transport: asyncio.Transport) -> None:
        transport.set_write_buffer_limits(MAX_UNSENT_BYTES)
        self._transport = transport
        self.gone = False
        self.blocked = False
        self.on_change: Callable[[], None] | None = None

    @property
    def descriptor(self) -> int:
        """Of its socket; -1 when it is closed."""
        sock = self._transport.get_extra_info("socket")
        return -1 if sock is None else int(sock.fileno())

    @property
    def unsent(self) -> bool:
        """Whether the kernel has not yet taken all that was handed over."""
        return not self.gone and self._transport.get_write_buffer_size() > 0

    @property
    def lost(self) -> bool:
        """Whether a reply could not be handed over any more."""
        return self.gone or self._transport.is_closing()

    @property
    def takes(self) -> bool:
        """Whether what is sent now goes somewhere: to the peer, or to nobody if it has gone."""
        return not self.blocked or self.lost

    def send(self, data: bytes) -> None:
        """Hand over bytes as they are; nothing happens when the peer has gone."""
        if not self.lost:
            self._transport.write(data)

    def close(self) -> None:
        """Close in an orderly way, when what was written has been sent."""
        self._transport.close()

    async def settle(self, wanted: Callable[[], bool]) -> None:
        """Wait until the kernel has what was written, so that a reset does not take it back; no longer than
        `wanted` says.
        """
        for _ in range(_SETTLE_TURNS):
            await asyncio.sleep(0)  # uvloop hands over what was written at the end of its turn
            if self.lost or not wanted() or self._transport.get_write_buffer_size() == 0:
                return
            await asyncio.sleep(_SETTLE_TURN_S)

    def reset(self) -> None:
        """Drop the connection with RST: what is unsent stays unsent."""
        if self.gone:
            return
        sock = self._transport.get_extra_info("socket")
        if sock is not None and not self._transport.is_closing():
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_0)
        self._transport.abort()

    def changed(self, *, gone: bool | None = None, blocked: bool | None = None) -> None:
        """The protocol has noticed something; whoever waits is told."""
        self.gone = self.gone if gone is None else gone
        self.blocked = self.blocked if blocked is None else blocked
        if self.on_change is not None:
            self.on_change()
