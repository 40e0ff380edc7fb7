"""A look into a socket, past asyncio and past everything that patches `select` and `socket`.

Under Locust `select.poll` is gevent's, and waits on the hub: not for the thread of an event loop.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
from collections.abc import Callable

_NOTHING = {errno.EAGAIN, errno.EWOULDBLOCK}


def _make() -> Callable[[int], bool]:
    # PyDLL keeps the interpreter's lock: the call never waits.
    recv = ctypes.PyDLL(None, use_errno=True).recv
    recv.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    recv.restype = ctypes.c_ssize_t
    byte = ctypes.create_string_buffer(1)
    flags = socket.MSG_PEEK | socket.MSG_DONTWAIT

    def look(descriptor: int) -> bool:
        return recv(descriptor, byte, 1, flags) >= 0 or ctypes.get_errno() not in _NOTHING

    return look


#: Whether bytes, or the end of the connection, or an error are there to be read.
has_input: Callable[[int], bool] = _make() if os.name == "posix" else lambda _: False
