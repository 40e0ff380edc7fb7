"""A server in a thread of its own: it goes on while the client's loop is blocked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def serving_in_a_thread(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """Plays one connection after the other; one that raises is closed, and the next is taken."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_take, args=(listener, serve))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _take(listener: socket.socket, serve: Callable[[socket.socket], None]) -> None:
    with suppress(OSError):  # the listener was shut down
        while True:
            peer, _ = listener.accept()
            with peer, suppress(ConnectionError):
                serve(peer)
