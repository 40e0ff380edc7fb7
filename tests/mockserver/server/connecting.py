"""New connections, and a port where nobody listens for a while."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from mockserver.clock import Clock
from tests.mockserver.server.running import Mock

WITHIN_S = 5.0


@contextmanager
def nobody_listening(mock: Mock) -> Iterator[None]:
    """The port refuses connections. The server looks every tenth of a second whether it should."""
    mock.play(connection_faults=[{"action": "refuse"}])
    _until_connecting(mock, succeeds=False)
    try:
        yield
    finally:
        mock.play()
        _until_connecting(mock, succeeds=True)


def _until_connecting(mock: Mock, *, succeeds: bool) -> None:
    clock = Clock()
    while _connects(mock) is not succeeds:
        assert clock.now_us() < WITHIN_S * 1e6, f"connecting still {'fails' if succeeds else 'succeeds'}"
        time.sleep(0.01)


def _connects(mock: Mock) -> bool:
    try:
        socket.create_connection(("127.0.0.1", mock.port), timeout=1).close()
    except (ConnectionRefusedError, ConnectionResetError):
        return False
    return True
