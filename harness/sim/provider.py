"""The seam of virtual time: what the simulated transport asks of whoever plays the server's part.

Nothing here waits. The client's side knocks, sends and leaves; the server's side answers by calling the line,
at once or from a timer of the loop both live on.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Protocol

from harness.transport.base import HttpRequest


class Knock(Enum):
    """What a first packet comes to."""

    OPENED = "opened"  # the handshake is done: by the server, or by its kernel for it
    REFUSED = "refused"  # nobody listens
    RESET = "reset"  # it was opened, and is gone before the client has looked at it
    DROPPED = "dropped"  # no answer: the client's kernel tries again


class Line(Protocol):
    """A connection as its server sees it: what it calls when something is to arrive at the client."""

    def whole(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """A whole reply; headers by lower-case name."""

    def head(self, status: int, headers: Mapping[str, str], length: int | None) -> None:
        """The head of a reply that comes in parts; its promised length, None for one that `end` ends."""

    def data(self, chunk: bytes) -> None:
        """A part of its body."""

    def end(self) -> None:
        """The end of a body without a promised length."""

    def reset(self) -> None:
        """The connection is reset."""

    def close(self) -> None:
        """The connection is closed in order."""

    def garbage(self) -> None:
        """What arrives is no HTTP."""


class Provider(Protocol):
    """A server in virtual time."""

    def connect(self, line: Line) -> Knock:
        """A first packet has arrived."""

    def receive(self, line: Line, request: HttpRequest) -> None:
        """A request has arrived on an open line; one at a time."""

    def left(self, line: Line) -> None:
        """The line is gone, whoever ended it, or nobody waits for it to open any more.

        Called once; what the line is told after it is not heard.
        """
