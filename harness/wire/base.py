"""What a wire format does: bytes to and from the model, and what a reply means. Everything here is pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Protocol

import msgspec

from harness.model import Fault, Levels, Outcome, Reply, Request, Usage
from harness.wire.sse import SseEvent


class Parsed(msgspec.Struct, frozen=True, gc=False):
    """What a complete HTTP reply, or a stream at its end, means."""

    outcome: Outcome
    fault: Fault = Fault.NONE
    reply: Reply | None = None
    usage: Usage | None = None
    code: str | None = None
    detail: str = ""
    retry_after_s: float | None = None
    should_retry: bool | None = None
    request_id: str | None = None
    levels: Levels | None = None


class Piece(Enum):
    """What an event of a stream is to the caller."""

    PREAMBLE = "preamble"  # announces a reply: nothing of it yet
    OUTPUT = "output"  # a part of the reply
    END = "end"  # tells that the reply, or a part of it, has come to its end, or what it cost
    ERROR = "error"  # the stream is over: the API reported an error, or sent what cannot be read


class StreamReader(Protocol):
    """Folds the events of one streamed reply, in order, into what it means. Never raises."""

    @property
    def text(self) -> str:
        """Everything written so far."""

    @property
    def is_over(self) -> bool:
        """Whether no further event counts: the format's own end mark came, or a failure."""

    def feed(self, event: SseEvent) -> tuple[Piece, str]:
        """Take an event: what it is, and the text it adds."""

    def end(self) -> Parsed:
        """What the stream amounts to when no further event comes.

        OK with the reply if it was complete. Else, with nothing of it output, the outcome of the error
        reported, or `transient` for a stream that just ended; after output, `partial`. Usage if known.
        """


class Wire(Protocol):
    """One provider's format. `path` follows the base URL."""

    @property
    def name(self) -> str:
        """As `--wire` takes it."""

    @property
    def path(self) -> str:
        """Of a chat request."""

    def headers(self, api_key: str) -> dict[str, str]:
        """Headers of every request; names in lower case."""

    def encode(self, request: Request) -> bytes:
        """The body of a request. Raises RequestError for what cannot be sent."""

    def parse(self, status: int, headers: Mapping[str, str], body: bytes) -> Parsed:
        """The meaning of a whole reply. Never raises: a 200 that cannot be used is `malformed`."""

    def reader(self, headers: Mapping[str, str]) -> StreamReader:
        """A fresh reader for the events of a streamed 200."""
