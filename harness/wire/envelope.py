"""Errors as the providers report them: `{"error": {"type", "code", "message"}}`, in a body or in a stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from harness.model import Fault, Outcome
from harness.wire import status as meaning
from harness.wire.base import Parsed
from harness.wire.levels import levels
from harness.wire.sse import BOM
from harness.wire.usage import usage_of

#: How much of an error's message, of a page in no known form, and of a code or an id is kept.
DETAIL_CHARACTERS = 200
NAME_CHARACTERS = 100

#: What decoding a body of any content may raise.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

#: Anthropic has no code of its own for it: a 400 of type invalid_request_error with this message.
_NO_CREDIT = "credit balance is too low"

#: Codes and types of errors inside a stream or a 200, where no status tells.
#: https://platform.openai.com/docs/guides/error-codes, https://docs.claude.com/en/api/errors
_OUTCOMES = {
    "server_error": Outcome.TRANSIENT,
    "api_error": Outcome.TRANSIENT,
    "timeout_error": Outcome.TRANSIENT,
    "rate_limit_exceeded": Outcome.THROTTLED,
    "rate_limit_error": Outcome.THROTTLED,
    "requests": Outcome.THROTTLED,
    "tokens": Outcome.THROTTLED,
    "slow_down": Outcome.THROTTLED,
    "overloaded": Outcome.OVERLOADED,
    "overloaded_error": Outcome.OVERLOADED,
    "server_is_overloaded": Outcome.OVERLOADED,
    "service_unavailable": Outcome.OVERLOADED,
    "service_unavailable_error": Outcome.OVERLOADED,
    "authentication_error": Outcome.FATAL,
    "permission_error": Outcome.FATAL,
    "not_found_error": Outcome.FATAL,
    "invalid_request_error": Outcome.FATAL,
    "request_too_large": Outcome.FATAL,
}
#: Gateways give the status as the code.
_STATUSES = frozenset(map(str, range(400, 600)))


class Envelope(msgspec.Struct):
    """The members of any document that matter when it is not what was hoped for; of any type."""

    error: Any = None
    usage: Any = None
    request_id: Any = None
    object: Any = None
    type: Any = None
    code: Any = None
    message: Any = None
    detail: Any = None


_envelope = msgspec.json.Decoder(Envelope)


@dataclass(frozen=True, slots=True)
class ProviderError:
    """What a provider says of an error; `code` falls back to its type, `kind`."""

    code: str | None
    kind: str | None
    message: str

    @property
    def is_quota(self) -> bool:
        """Whether there is nothing left to pay with, so that no wait can help."""
        named = not meaning.FATAL_CODES.isdisjoint((self.code, self.kind))
        return named or _NO_CREDIT in self.message.lower()

    def of_status(self, status: int) -> tuple[Outcome, Fault]:
        """The outcome of a reply of this status with this error."""
        return (Outcome.FATAL, Fault.QUOTA) if self.is_quota else meaning.outcome_of(status, self.code)

    def of_stream(self) -> tuple[Outcome, Fault]:
        """The outcome of a stream that reports this error: its own, or that of a stream that broke."""
        return (
            (Outcome.FATAL, Fault.QUOTA) if self.is_quota else (self._own or Outcome.TRANSIENT, Fault.STREAM)
        )

    def of_body(self) -> tuple[Outcome, Fault]:
        """The outcome of a 200 that is this error: its own, or that of any body that is no reply."""
        return (Outcome.FATAL, Fault.QUOTA) if self.is_quota else (self._own or Outcome.MALFORMED, Fault.BODY)

    @property
    def _own(self) -> Outcome | None:
        """By its code, its type, or a status as its code; None for an error that is not known."""
        code = self.code or ""
        outcome = _OUTCOMES.get(code) or _OUTCOMES.get(self.kind or "")
        if outcome is None and code in _STATUSES:
            outcome, _ = meaning.outcome_of(int(code), None)
        return outcome


def read_envelope(body: bytes) -> Envelope | None:
    """A JSON object's members that matter; None for anything else."""
    try:
        return _envelope.decode(body.removeprefix(BOM))
    except UNREADABLE:
        return None


def read_error(error: Any) -> ProviderError | None:
    """A parsed `error` member; None where there is none of a known form."""
    if not error:
        return None
    if isinstance(error, str):
        return ProviderError(None, None, error)
    if not isinstance(error, dict):
        return None
    kind = _name(error.get("type"))
    code = _name(error.get("code"))
    message = error.get("message")
    return ProviderError(code or kind, kind, message if isinstance(message, str) else "")


def read_error_event(data: bytes) -> ProviderError:
    """The data of an event named `error`: an envelope, its content alone, or just text."""
    envelope = read_envelope(data)
    if envelope is None:
        return ProviderError(None, None, quoted(data))
    return read_error(envelope.error) or _flat(envelope)


def read_unnamed(data: bytes) -> ProviderError | None:
    """The error that an event without a name may be: in an envelope, or itself marked as one."""
    envelope = read_envelope(data)
    if envelope is None:
        return None
    is_marked = envelope.object == "error" or envelope.type == "error"
    return read_error(envelope.error) or (_flat(envelope) if is_marked else None)


def refused(status: int, headers: Mapping[str, str], body: bytes, request_id: str | None) -> Parsed:
    """A reply whose status is not a success."""
    envelope = read_envelope(body)
    error = _of_body(envelope) or ProviderError(None, None, quoted(body))
    outcome, fault = error.of_status(status)
    return _failed(headers, outcome, fault, envelope, error, f"HTTP {status}: ", request_id)


def unusable(headers: Mapping[str, str], body: bytes, request_id: str | None, why: str) -> Parsed:
    """A 200 that is not a reply. Some gateways report errors so: then it is the error that counts."""
    envelope = read_envelope(body)
    error, prefix = _of_body(envelope), "HTTP 200 with an error: "
    if error is None:
        error, prefix = ProviderError(None, None, why), ""
    outcome, fault = error.of_body()
    return _failed(headers, outcome, fault, envelope, error, prefix, request_id)


def _of_body(envelope: Envelope | None) -> ProviderError | None:
    """The error of a body: in an envelope, or without one and then told by its text."""
    if envelope is None:
        return None
    flat = _flat(envelope)
    return read_error(envelope.error) or (flat if flat.message else None)


def _flat(envelope: Envelope) -> ProviderError:
    """An error without an envelope: as vLLM, or the Responses API, sends it; FastAPI has only a `detail`."""
    kind = None if envelope.type == "error" else _name(envelope.type)
    texts = (text for text in (envelope.message, envelope.detail) if isinstance(text, str) and text)
    return ProviderError(_name(envelope.code) or kind, kind, next(texts, ""))


def _failed(
    headers: Mapping[str, str],
    outcome: Outcome,
    fault: Fault,
    envelope: Envelope | None,
    error: ProviderError,
    prefix: str,
    request_id: str | None,
) -> Parsed:
    return Parsed(
        outcome,
        fault,
        usage=usage_of(envelope.usage) if envelope else None,
        code=error.code,
        detail=prefix + shortened(error.message),
        retry_after_s=meaning.retry_after_s(headers),
        should_retry=meaning.should_retry(headers),
        request_id=request_id or (_name(envelope.request_id) if envelope else None),
        levels=levels(headers),
    )


def shortened(text: str) -> str:
    """As much of a text as a detail holds."""
    return text[:DETAIL_CHARACTERS]


def quoted(body: bytes) -> str:
    """The beginning of a body in no known form; the rest is not even decoded."""
    return shortened(body[: 4 * DETAIL_CHARACTERS].decode("utf-8", "replace"))


def _name(value: Any) -> str | None:
    """A code, type or id: text, or a whole number."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value)[:NAME_CHARACTERS] or None
