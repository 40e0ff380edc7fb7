"""What an API's answer to a first request means, and what is to be done about it: pure."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPException
from typing import Any

import msgspec

from harness.client.endpoint import Endpoint
from harness.client.keys import find_key
from harness.model import Fault, Outcome
from harness.wire.base import Parsed
from harness.wire.envelope import UNREADABLE

_REDIRECTS = range(300, 400)
_SERVER_ERRORS = range(500, 600)

#: What the providers call the field whose value is not accepted.
_NEWER_BOUND = "max_completion_tokens"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP reply; header names are in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def explain(answer: Answer, parsed: Parsed, endpoint: Endpoint, model: str) -> str | None:
    """What is wrong, in one line with its remedy; None where the request was served."""
    if parsed.outcome is Outcome.OK:
        return None
    what, remedy = _about_the_account(answer, parsed, endpoint) or _by_status(answer, parsed, endpoint, model)
    said = f" ({parsed.detail})" if parsed.detail else ""
    return " ".join(f"the API at {endpoint.shown} {what}{said}: {remedy}".split())


def explain_silence(error: OSError | HTTPException, shown: str) -> str:
    """Why there was no answer, in one line with its remedy."""
    api = f"the API at {shown}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"{api} has a certificate that is not trusted ({error.verify_message}): check the address, or set"
            " SSL_CERT_FILE to the file of the authority that signed it"
        )
    if isinstance(error, ssl.SSLError):
        reason = (getattr(error, "reason", None) or "TLS failed").replace("_", " ").lower()
        return f"{api} does not speak TLS ({reason}): check the port, or give --host with http://"
    if isinstance(error, HTTPException):
        kind = type(error).__name__
        return f"{api} does not answer in HTTP ({kind}): check the port, and whether it wants https://"
    if isinstance(error, TimeoutError):
        return f"{api} did not answer in time: check the address, and whether a proxy is needed"
    return f"{api} cannot be reached ({error.strerror or error}): check the address and the network"


def _about_the_account(answer: Answer, parsed: Parsed, endpoint: Endpoint) -> tuple[str, str] | None:
    """What is wrong and its remedy, where an error says more than its status; else None."""
    if parsed.fault is Fault.QUOTA:
        return "says that there is nothing left to pay with", f"top up the account of {_key(endpoint)}"
    other = _other_wire(answer, endpoint.wire)
    if other is not None:
        return f"speaks the format {other} and was asked in {endpoint.wire}", f"give --wire {other}"
    return None


def _by_status(answer: Answer, parsed: Parsed, endpoint: Endpoint, model: str) -> tuple[str, str]:
    """What is wrong, and its remedy."""
    key = _key(endpoint)
    match answer.status:
        case HTTPStatus.UNAUTHORIZED:
            found = "refused the key", f"{key} has to hold a valid key of this provider"
        case HTTPStatus.FORBIDDEN:
            found = (
                "knows the key and does not allow this",
                f"check that the account of {key} may use {model!r}, and from this place",
            )
        case HTTPStatus.NOT_FOUND | HTTPStatus.METHOD_NOT_ALLOWED if _names_model(parsed):
            found = f"has no model {model!r}", "give --model with one that it has"
        case HTTPStatus.NOT_FOUND | HTTPStatus.METHOD_NOT_ALLOWED:
            found = "has nothing at that path", _address(endpoint)
        case HTTPStatus.TOO_MANY_REQUESTS:
            found = "is rate limiting already", _wait(parsed)
        case HTTPStatus.OK:
            found = f"gave no reply of the format {endpoint.wire}", _address(endpoint)
        case status if status in _REDIRECTS:
            to = answer.headers.get("location", "elsewhere")
            found = f"redirects to {to}", "no key follows a redirect: give that address as --host"
        case status if status in _SERVER_ERRORS:
            found = "is in trouble", _wait(parsed)
        case _:
            found = "refused the request", _refused(parsed, model)
    return found


def _key(endpoint: Endpoint) -> str:
    return find_key(endpoint.url, endpoint.wire).variable


def _names_model(parsed: Parsed) -> bool:
    return "model" in f"{parsed.code or ''} {parsed.detail}".lower()


def _address(endpoint: Endpoint) -> str:
    return (
        "--host has to be the API's base address with its version, such as https://api.example/v1, and --wire"
        f" its format, {endpoint.wire} here"
    )


def _refused(parsed: Parsed, model: str) -> str:
    if _NEWER_BOUND in parsed.detail.lower():
        return f"{model!r} wants {_NEWER_BOUND}, which this client does not send: give --model with another"
    if _names_model(parsed):
        return "give --model with one that it has"
    return "check --model and --wire"


def _wait(parsed: Parsed) -> str:
    if parsed.retry_after_s:
        return f"it asks to wait {parsed.retry_after_s:g} s: try again then"
    return "try again later"


def _other_wire(answer: Answer, wire: str) -> str | None:
    """The format of an error, where it is not the one that was asked in.

    Anthropic's errors are marked with a type of their own; OpenAI's have `param` and `code`.
    """
    try:
        document: Any = msgspec.json.decode(answer.body)
    except UNREADABLE:
        return None
    if not isinstance(document, dict) or not isinstance(document.get("error"), dict):
        return None
    if document.get("type") == "error":
        found = "anthropic"
    elif {"param", "code"} <= set(document["error"]):
        found = "openai"
    else:
        return None
    return None if found == wire else found
