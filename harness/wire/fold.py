"""What the readers of all formats keep of a stream, and how it ends."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from harness.model import Fault, Outcome, Reply, Usage
from harness.wire import status as meaning
from harness.wire.base import Parsed, Piece
from harness.wire.envelope import ProviderError, shortened
from harness.wire.levels import levels


class Fold:
    """The state of one streamed reply. A reader feeds it what the events say and asks it for the end."""

    __slots__ = (
        "_headers",
        "_parts",
        "_request_id",
        "complete",
        "failure",
        "finish_reason",
        "has_output",
        "model",
    )

    def __init__(self, headers: Mapping[str, str], request_id: str | None) -> None:
        self._headers = headers
        self._request_id = request_id
        self._parts: list[str] = []
        self.model = ""
        self.finish_reason: str | None = None
        self.complete = False  # the end mark came, after output
        self.has_output = False
        self.failure: Parsed | None = None

    @property
    def text(self) -> str:
        """Everything written so far."""
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""

    @property
    def is_over(self) -> bool:
        """Whether no further event counts."""
        return self.complete or self.failure is not None

    def after_end(self) -> tuple[Piece, str]:
        """The meaning of an event that comes when the stream is over."""
        return (Piece.ERROR if self.failure else Piece.END), ""

    def write(self, text: str = "") -> tuple[Piece, str]:
        """Some of the reply came, with text or without."""
        self.has_output = True
        if text:
            self._parts.append(text)
        return Piece.OUTPUT, text

    def mark(self) -> tuple[Piece, str]:
        """Something came that only a reply has: its end, or its cost. The reply may have been empty."""
        self.has_output = True
        return Piece.END, ""

    def finish(self) -> tuple[Piece, str]:
        """The format's own end mark came."""
        if not self.has_output:
            return self.fail_unreadable("the stream ended without a reply in it")
        self.complete = True
        return Piece.END, ""

    def fail_reported(self, error: ProviderError) -> tuple[Piece, str]:
        """The API reported an error."""
        outcome, fault = error.of_stream()
        return self._fail(outcome, fault, error.code, f"error in the stream: {shortened(error.message)}")

    def fail_unreadable(self, why: str) -> tuple[Piece, str]:
        """The stream is not of the format."""
        return self._fail(Outcome.MALFORMED, Fault.BODY, None, shortened(why))

    def end(self, *, is_complete: bool, usage: Usage | None) -> Parsed:
        """What the stream amounts to: see StreamReader.end."""
        if self.failure is not None:
            outcome = Outcome.PARTIAL if self.has_output else self.failure.outcome
            return msgspec.structs.replace(self.failure, outcome=outcome, usage=usage)
        if is_complete:
            reply = Reply(self.text, self.model, self.finish_reason or "", usage, self._request_id)
            return self._parsed(Outcome.OK, usage=usage, reply=reply)
        if self.has_output:
            detail = "the stream ended before the reply was complete"
            return self._parsed(Outcome.PARTIAL, Fault.STREAM, detail=detail, usage=usage)
        detail = "the stream ended before any output"
        return self._parsed(Outcome.TRANSIENT, Fault.STREAM, detail=detail, usage=usage)

    def end_unread(self, usage: Usage | None) -> Parsed:
        """The end of a stream whose reply is not read: fine unless an error came."""
        if self.failure is None:
            return self._parsed(Outcome.OK, usage=usage)
        return self.end(is_complete=False, usage=usage)

    def _fail(self, outcome: Outcome, fault: Fault, code: str | None, detail: str) -> tuple[Piece, str]:
        self.failure = msgspec.structs.replace(
            self._parsed(outcome, fault, detail=detail),
            code=code,
            retry_after_s=meaning.retry_after_s(self._headers),
            should_retry=meaning.should_retry(self._headers),
        )
        return Piece.ERROR, ""

    def _parsed(
        self,
        outcome: Outcome,
        fault: Fault = Fault.NONE,
        *,
        detail: str = "",
        usage: Usage | None = None,
        reply: Reply | None = None,
    ) -> Parsed:
        return Parsed(
            outcome,
            fault,
            reply=reply,
            usage=usage,
            detail=detail,
            request_id=self._request_id,
            levels=levels(self._headers),
        )
