"""Server-sent events, as the WHATWG reads them: https://html.spec.whatwg.org/multipage/server-sent-events.html."""

from __future__ import annotations

import msgspec

#: The longest line, and the most data of one event, that is buffered.
MAX_EVENT_BYTES = 2**20

#: The byte order mark that some servers begin a text with.
BOM = b"\xef\xbb\xbf"


class SseOverflow(ValueError):  # noqa: N818 - named for what happened, as the call errors are
    """A line, or the data of one event, is longer than MAX_EVENT_BYTES."""


class SseEvent(msgspec.Struct, frozen=True, gc=False):
    """One event: its name ("" where none is given), and its data lines joined by a line feed."""

    name: str
    data: bytes


class SseParser:
    """Cuts a byte stream into events; how the stream was cut into chunks makes no difference to them.

    Data stays bytes, so a character split over two chunks is whole again. What no blank line has ended when
    the stream ends is never an event.
    """

    __slots__ = ("_after_cr", "_data", "_data_bytes", "_head", "_line", "_name", "_overflown")

    def __init__(self) -> None:
        self._head: bytes | None = b""  # the first bytes, while they may still be a byte order mark
        self._line = bytearray()  # the line that is not over yet
        self._after_cr = False  # a line feed that comes next belongs to the line end before it
        self._name = ""
        self._data: list[bytes] = []
        self._data_bytes = 0
        self._overflown = False

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """The events that this chunk completes.

        Raises SseOverflow when one grows too long, but hands out first what was complete before it: then
        the next call raises. Once overflown, every call raises.
        """
        if self._overflown:
            raise _overflow()
        if self._head is not None:
            chunk = self._without_mark(self._head + chunk)
        if not chunk:
            return []
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        events: list[SseEvent] = []
        whole = self._whole_lines(chunk)
        if whole:
            self._fold(whole, events)
        if self._overflown or len(self._line) > MAX_EVENT_BYTES:
            self._overflow_after(events)
        return events

    def _without_mark(self, head: bytes) -> bytes:
        if len(head) < len(BOM) and BOM.startswith(head):
            self._head = head
            return b""
        self._head = None
        return head.removeprefix(BOM)

    def _whole_lines(self, chunk: bytes) -> bytes:
        """What of the stream so far are whole lines; the rest is kept. Scans the new bytes only."""
        end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r")) + 1
        self._after_cr = chunk.endswith(b"\r")
        if not end:
            self._line += chunk
            return b""
        if not self._line:
            self._line += chunk[end:]
            return chunk[:end]
        self._line += chunk[:end]
        whole = bytes(self._line)
        self._line = bytearray(chunk[end:])
        return whole

    def _fold(self, lines: bytes, events: list[SseEvent]) -> None:
        for line in lines.splitlines():  # of bytes: at CR, LF and CRLF only
            if not line:
                self._dispatch(events)
            elif len(line) > MAX_EVENT_BYTES:
                self._overflown = True
                return
            elif line.startswith(b"data:"):
                value = line[6:] if line.startswith(b"data: ") else line[5:]
                self._data.append(value)
                self._data_bytes += len(value) + 1
            else:
                self._field(line)
            if self._data_bytes > MAX_EVENT_BYTES:
                self._overflown = True
                return

    def _dispatch(self, events: list[SseEvent]) -> None:
        data = self._data
        if data:
            events.append(SseEvent(self._name, data[0] if len(data) == 1 else b"\n".join(data)))
            self._data = []
            self._data_bytes = 0
        self._name = ""

    def _field(self, line: bytes) -> None:
        """Any line but `data:` and the blank one; a comment is a field without a name."""
        field, _, value = line.partition(b":")
        if field == b"event":
            self._name = value.removeprefix(b" ").decode("utf-8", "replace")
        elif field == b"data":
            self._data.append(b"")
            self._data_bytes += 1

    def _overflow_after(self, events: list[SseEvent]) -> None:
        self._overflown = True
        self._line.clear()
        self._data.clear()
        if not events:
            raise _overflow()


def _overflow() -> SseOverflow:
    return SseOverflow(f"an event of the stream is longer than {MAX_EVENT_BYTES} bytes")
