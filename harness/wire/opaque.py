"""Whatever else an SDK asks of its API: passed through, and read only for errors and usage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.errors import RequestError
from harness.model import Outcome, Request, Usage
from harness.wire.base import Parsed, Piece
from harness.wire.envelope import read_envelope, read_error, read_error_event, refused
from harness.wire.fold import Fold
from harness.wire.levels import levels
from harness.wire.sse import SseEvent
from harness.wire.usage import usage_of

_FINE = range(200, 400)


@dataclass(frozen=True, slots=True)
class OpaqueWire:
    """A `harness.wire.base.Wire` of no format: it takes no reply from a body, and encodes nothing."""

    name: str = "opaque"
    path: str = ""

    def headers(self, api_key: str) -> dict[str, str]:  # noqa: ARG002 - the SDK has set its own
        """None: the SDK sets its own."""
        return {}

    def encode(self, request: Request) -> bytes:
        """Raises RequestError: a chat request needs a format."""
        raise RequestError(
            f"a request for {request.model!r} has no wire format: expected openai or anthropic"
        )

    def parse(self, status: int, headers: Mapping[str, str], body: bytes) -> Parsed:
        """The meaning of a whole reply: any status from 200 to 399 is OK."""
        request_id = _request_id(headers)
        if status not in _FINE:
            return refused(status, headers, body, request_id)
        envelope = read_envelope(body)
        usage = usage_of(envelope.usage) if envelope else None
        return Parsed(Outcome.OK, usage=usage, request_id=request_id, levels=levels(headers))

    def reader(self, headers: Mapping[str, str]) -> OpaqueReader:
        """A fresh reader for the events of a streamed 200."""
        return OpaqueReader(headers)


class OpaqueReader:
    """Looks through a stream for errors and usage; any other event is output, without text."""

    __slots__ = ("_fold", "_usage")

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._fold = Fold(headers, _request_id(headers))
        self._usage: Usage | None = None

    @property
    def text(self) -> str:
        """Empty: nothing is read."""
        return self._fold.text

    @property
    def is_over(self) -> bool:
        """Whether no further event counts."""
        return self._fold.is_over

    def feed(self, event: SseEvent) -> tuple[Piece, str]:
        """Take an event: what it is; the text it adds is empty."""
        if self._fold.is_over:
            return self._fold.after_end()
        if event.name == "error":
            return self._fold.fail_reported(read_error_event(event.data))
        envelope = read_envelope(event.data)
        reported = read_error(envelope.error) if envelope else None
        if reported is not None:
            return self._fold.fail_reported(reported)
        if envelope is not None:
            self._usage = usage_of(envelope.usage) or self._usage
        return self._fold.write()

    def end(self) -> Parsed:
        """OK without a reply, unless an error came."""
        return self._fold.end_unread(self._usage)


def _request_id(headers: Mapping[str, str]) -> str | None:
    return headers.get("x-request-id") or headers.get("request-id")


OPAQUE = OpaqueWire()
