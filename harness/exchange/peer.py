"""The other side of an exchange, and what is kept from what it says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import msgspec

from harness.model import Attempt, Fault, Outcome
from harness.pipeline.attempting import Progress
from harness.transport.base import HttpResponse, Transport, TransportError
from harness.wire.base import Parsed, Wire

#: Largest body read; a longer one is `malformed`.
MAX_BODY_BYTES = 16 * 1024 * 1024

#: Stands for a key; and how much of a key's beginning tells anything ("sk-" does not).
REDACTED = "[key]"
LEAST_TELLING = 6


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom to talk to, and how. `secret` is kept out of all that is passed on."""

    transport: Transport
    wire: Wire
    secret: str = field(repr=False)
    now_ns: Callable[[], int]

    def clean(self, parsed: Parsed) -> Parsed:
        """Without the key: gateways echo headers in their error pages."""
        if not self.secret or not (parsed.detail or parsed.code or parsed.request_id):
            return parsed
        code = parsed.code and without(parsed.code, self.secret)
        request_id = parsed.request_id and without(parsed.request_id, self.secret)
        detail = without(parsed.detail, self.secret)
        if (detail, code, request_id) == (parsed.detail, parsed.code, parsed.request_id):
            return parsed
        reply = parsed.reply and msgspec.structs.replace(parsed.reply, request_id=request_id)
        return msgspec.structs.replace(parsed, detail=detail, code=code, request_id=request_id, reply=reply)

    def ended(self, progress: Progress, parsed: Parsed, end_ns: int | None = None) -> Attempt:
        """The attempt that ended with this reply, at `end_ns` or now."""
        parsed = self.clean(parsed)
        progress.code = parsed.code
        progress.request_id = parsed.request_id or progress.request_id
        progress.retry_after_s = parsed.retry_after_s
        progress.should_retry = parsed.should_retry
        progress.usage = parsed.usage
        progress.levels = parsed.levels or progress.levels
        progress.reply = parsed.reply
        if end_ns is None:
            end_ns = self.now_ns()
        return progress.ended(end_ns, parsed.outcome, parsed.fault, parsed.detail)

    def failed(self, progress: Progress, error: Exception) -> Attempt:
        """The attempt that ended below HTTP."""
        return self.ended(progress, below_http(error))

    def arrived(self, progress: Progress, response: HttpResponse) -> None:
        """Status and headers are here."""
        progress.headers_ns, progress.status = self.read_ns(response), response.status

    def read_ns(self, response: HttpResponse) -> int:
        """When what was last read of a reply came: as its transport tells, or now."""
        read_ns = getattr(response, "read_ns", None)  # transports of users may know nothing of it
        return self.now_ns() if read_ns is None else read_ns


def below_http(error: Exception) -> Parsed:
    """What an exchange that raised means. A transport brought by the user may raise anything."""
    if isinstance(error, TransportError):
        return Parsed(error.outcome, error.fault, code=error.code, detail=str(error))
    return Parsed(Outcome.TRANSIENT, Fault.PROTOCOL, detail=f"{type(error).__name__}: {error}")


def without(text: str, secret: str) -> str:
    """The text with the secret taken out, and with what a shortened text has kept of one at its end."""
    if secret[:LEAST_TELLING] not in text:
        return text
    text = text.replace(secret, REDACTED)
    for length in range(min(len(secret), len(text)), LEAST_TELLING - 1, -1):
        if text.endswith(secret[:length]):
            return text[:-length] + REDACTED
    return text


async def close(response: HttpResponse) -> None:
    """Give a connection back. One that breaks then changes nothing: all that mattered had been read."""
    try:
        await response.aclose()
    except Exception:  # noqa: BLE001 - nothing that went wrong now can undo what was read
        return


async def read_body(chunks: AsyncIterator[bytes]) -> bytes:
    """The whole body, up to MAX_BODY_BYTES."""
    parts, size = [], 0
    async for chunk in chunks:
        parts.append(chunk)
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            detail = f"the body is longer than {MAX_BODY_BYTES} bytes"
            raise TransportError(Outcome.MALFORMED, Fault.BODY, detail)
    return b"".join(parts)
