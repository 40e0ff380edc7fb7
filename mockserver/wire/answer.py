"""What is sent back: a whole answer, or a stream of events. Bytes and headers, no waiting."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from mockserver.units import US_PER_S

Headers = dict[str, str]

# After the last byte: a proper end, silence, RST, or a close before the end was said.
Ending = Literal["complete", "hang", "reset", "close"]


class Moment(msgspec.Struct, frozen=True):
    """What a reply needs besides the request and the decision: its id, and the wall time in microseconds."""

    request_id: str
    unix_us: int

    @property
    def unix_s(self) -> int:
        return self.unix_us // US_PER_S


class Answer(msgspec.Struct, frozen=True):
    """A whole answer. `headers` are those of its own, beside the ones every answer of the dialect has."""

    status: int
    body: bytes
    headers: Headers = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BrokenAnswer:
    """An answer that promises `length` bytes, sends `body`, and then ends as `ending` says.

    `half_head`: the reply breaks off in the middle of its head. `bytes_per_s`: how fast the body drips.
    """

    body: bytes
    length: int
    ending: Ending
    half_head: bool = False
    bytes_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class WrongChunk:
    """The chunk that carries content event `event` says to be `length_off` bytes longer than it is."""

    event: int
    length_off: int


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream of `events` content events between an opening and a closing.

    `content(start, end)` are those from `start` to `end`, which is not among them.

    `half_head` and `bytes_per_s` as in `BrokenAnswer`.
    """

    opening: bytes
    content: Callable[[int, int], bytes]
    events: int
    closing: bytes
    ending: Ending = "complete"
    half_head: bool = False
    bytes_per_s: float | None = None
    wrong_chunk: WrongChunk | None = None


def events_of(before: bytes, documents: Sequence[bytes], after: bytes) -> bytes:
    """An event for each document, which stands between the same bytes."""
    return before + (after + before).join(documents) + after if documents else b""
