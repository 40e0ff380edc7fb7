"""A look into a socket, past asyncio and past everything that patches `select` and `socket`.

Under Locust `select.poll` is gevent's, and waits on the hub: not for the thread of an event loop.
"""

from __future__ import annotations

import ctypes
import socket

# PyDLL keeps the interpreter's lock: the call never waits.
_recv = ctypes.PyDLL(None).recv
_recv.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
_recv.restype = ctypes.c_ssize_t
_byte = ctypes.create_string_buffer(1)
_FLAGS = socket.MSG_PEEK | socket.MSG_DONTWAIT


def has_input(descriptor: int) -> bool:
    """Whether bytes, or the end of the connection, are there to be read."""
    return bool(_recv(descriptor, _byte, 1, _FLAGS) >= 0)
