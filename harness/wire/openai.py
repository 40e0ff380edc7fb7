"""OpenAI chat completions, not streamed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import msgspec

from harness.errors import RequestError
from harness.model import Fault, Outcome, Reply, Request, Usage
from harness.wire import status as meaning

PATH = "/chat/completions"

#: How much of an error body is kept in a message.
DETAIL_CHARACTERS = 200


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


#: As columns of a run hold them.
_Tokens = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]


class _Usage(msgspec.Struct):
    prompt_tokens: _Tokens
    completion_tokens: _Tokens


class _Completion(msgspec.Struct):
    model: str
    choices: list[_Choice]
    usage: _Usage


class _Error(msgspec.Struct):
    message: str | None = None
    type: str | None = None
    code: str | int | None = None


class _Envelope(msgspec.Struct):
    error: _Error


_completion = msgspec.json.Decoder(_Completion)
_envelope = msgspec.json.Decoder(_Envelope)
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a complete HTTP reply means."""

    outcome: Outcome
    fault: Fault = Fault.NONE
    reply: Reply | None = None
    code: str | None = None
    detail: str = ""
    retry_after_s: float | None = None
    should_retry: bool | None = None
    request_id: str | None = None


def headers(api_key: str) -> dict[str, str]:
    """Headers of every request."""
    return {
        "authorization": f"Bearer {api_key}",
        "content-type": "application/json",
        "accept": "application/json",
    }


def encode(request: Request) -> bytes:
    """The body of a request. Raises RequestError for an empty prompt or fewer than one token."""
    if not request.prompt.strip():
        raise RequestError("prompt is empty: expected text to send")
    if request.max_tokens < 1:
        raise RequestError(f"max_tokens = {request.max_tokens}: expected at least 1")
    messages = [{"role": "user", "content": request.prompt}]
    if request.system is not None:
        messages.insert(0, {"role": "system", "content": request.system})
    body = {"model": request.model, "messages": messages, "max_tokens": request.max_tokens}
    if request.temperature is not None:
        body["temperature"] = request.temperature
    try:
        return _encoder.encode(body)
    except UnicodeEncodeError as error:
        raise RequestError(f"prompt is not text that can be sent: {error.reason}") from error


def parse(status: int, reply_headers: Mapping[str, str], body: bytes) -> Parsed:
    """The meaning of a reply. Never raises: a body that cannot be used is `malformed`."""
    request_id = reply_headers.get("x-request-id")
    if status == meaning.OK:
        return _parse_completion(body, request_id)
    code, detail = _parse_error(status, body)
    outcome, fault = meaning.outcome_of(status, code)
    return Parsed(
        outcome,
        fault,
        code=code,
        detail=detail,
        retry_after_s=meaning.retry_after_s(reply_headers),
        should_retry=meaning.should_retry(reply_headers),
        request_id=request_id,
    )


def _parse_completion(body: bytes, request_id: str | None) -> Parsed:
    try:
        document = _completion.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        detail = f"the body is not a chat completion: {error}"
        return Parsed(Outcome.MALFORMED, Fault.BODY, detail=detail, request_id=request_id)
    if not document.choices:
        detail = "the chat completion has no choices"
        return Parsed(Outcome.MALFORMED, Fault.BODY, detail=detail, request_id=request_id)
    choice = document.choices[0]
    reply = Reply(
        text=choice.message.content or "",
        model=document.model,
        finish_reason=choice.finish_reason or "",
        usage=Usage(document.usage.prompt_tokens, document.usage.completion_tokens),
        request_id=request_id,
    )
    return Parsed(Outcome.OK, reply=reply, request_id=request_id)


def _parse_error(status: int, body: bytes) -> tuple[str | None, str]:
    """The provider's code and a message; an error page in another form is quoted, shortened."""
    try:
        error = _envelope.decode(body).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = body[: 4 * DETAIL_CHARACTERS].decode("utf-8", "replace")
        return None, f"HTTP {status}: {text[:DETAIL_CHARACTERS]}"
    code = error.code if error.code is not None else error.type
    return None if code is None else str(code), f"HTTP {status}: {(error.message or '')[:DETAIL_CHARACTERS]}"
