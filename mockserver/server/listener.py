"""The listening socket, which may go and come back on the same port."""

import socket
from typing import Self


class Listener:
    """A port that is ours. While it is not open, the kernel refuses who connects to it.

    Two sockets may be bound to one port as long as neither listens: the one that never does keeps the port
    for us while the other is closed.
    """

    def __init__(self, keeper: socket.socket) -> None:
        self._keeper = keeper
        self._socket: socket.socket | None = None

    @classmethod
    def bind(cls, family: int, host: str, port: int) -> Self:
        """Take a port (0: any free one) and listen; raises OSError when it is not to be had."""
        listener = cls(_bound(family, host, port))
        try:
            # Only who listens knows the port to be free of others.
            listener.open(1)
        except OSError:
            listener.close()
            raise
        return listener

    @property
    def port(self) -> int:
        return int(self._keeper.getsockname()[1])

    @property
    def listening(self) -> socket.socket | None:
        """The socket to accept from; None while connections are refused."""
        return self._socket

    def open(self, backlog: int) -> socket.socket:
        """Listen, or listen with another backlog."""
        if self._socket is None:
            host = self._keeper.getsockname()[0]
            self._socket = _bound(self._keeper.family, host, self.port)
            self._socket.setblocking(False)
        self._socket.listen(backlog)
        return self._socket

    def refuse(self) -> None:
        """Stop listening: what waits in the backlog is reset, who comes now is refused."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def close(self) -> None:
        """Give the port back."""
        self.refuse()
        self._keeper.close()


def _bound(family: int, host: str, port: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock
