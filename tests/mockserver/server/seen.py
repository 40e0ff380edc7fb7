"""What each client makes of each fault of the mock server: the table that the documentation repeats.

The classes are what the caller's `except` meets, with a read timeout that is shorter than every silence, and
with `raise_for_status` asked of the plain clients. None: the reply is good, or is taken for a good one.
"""

from dataclasses import dataclass
from json import JSONDecodeError

import aiohttp
import anthropic
import httpx
import httpx2  # the SDKs' own: what Anthropic's does not wrap comes out as it is
import openai

# Of a tuple, one or the other: which, is up to the kernel and the client's loop.
Error = type[Exception] | tuple[type[Exception], ...] | None
# In the order httpx, aiohttp, OpenAI's SDK, Anthropic's SDK.
Four = tuple[Error, Error, Error, Error]


@dataclass(frozen=True, slots=True)
class Seen:
    """What each client raises for a whole reply and for a stream."""

    whole_httpx: Error
    whole_aiohttp: Error
    whole_openai_sdk: Error
    whole_anthropic_sdk: Error
    stream_httpx: Error
    stream_aiohttp: Error
    stream_openai_sdk: Error
    stream_anthropic_sdk: Error


def _seen(whole: Four, stream: Four) -> Seen:
    return Seen(*whole, *stream)


_GOOD: Four = (None, None, None, None)
_NO_REPLY: Four = (
    httpx.RemoteProtocolError,
    aiohttp.ServerDisconnectedError,
    openai.APIConnectionError,
    anthropic.APIConnectionError,
)
_SILENCE: Four = (
    httpx.ReadTimeout,
    aiohttp.SocketTimeoutError,
    openai.APITimeoutError,
    anthropic.APITimeoutError,
)
_RESET: Four = (
    httpx.ReadError,
    aiohttp.ClientOSError,
    openai.APIConnectionError,
    anthropic.APIConnectionError,
)
# aiohttp has one class for a body that ends too early, however it ends.
_RESET_IN_BODY: Four = (
    httpx.ReadError,
    aiohttp.ClientPayloadError,
    openai.APIConnectionError,
    anthropic.APIConnectionError,
)
_CLOSED_IN_BODY: Four = (
    httpx.RemoteProtocolError,
    aiohttp.ClientPayloadError,
    openai.APIConnectionError,
    anthropic.APIConnectionError,
)
# Both SDKs let the parser's error through: `except APIError` does not meet it.
_NO_JSON: Four = (JSONDecodeError, JSONDecodeError, JSONDecodeError, JSONDecodeError)
# Once a stream has begun, Anthropic's SDK lets the errors of its transport through: these are no
# anthropic.APIError, and no httpx.HTTPError either.
_SILENCE_IN_STREAM: Four = (*_SILENCE[:3], httpx2.ReadTimeout)
_RESET_IN_STREAM: Four = (*_RESET_IN_BODY[:3], httpx2.ReadError)
_CLOSED_IN_STREAM: Four = (*_CLOSED_IN_BODY[:3], httpx2.RemoteProtocolError)
# aiohttp's parser drops the body it was reading when a chunk is malformed, without a word to its reader, and
# stops the read timeout: only a total timeout ends it.
_WRONG_CHUNK: Four = (
    httpx.RemoteProtocolError,
    TimeoutError,
    openai.APIConnectionError,
    httpx2.RemoteProtocolError,
)

# What a fault needs besides its action, or for a test that is not slow.
OPTIONS: dict[str, str] = {
    "status": "status=503",
    "delay": "delay_ms=100",
    "slow_drip": "bytes_per_s=3000",
}

SEEN: dict[str, Seen] = {
    "status": _seen(
        whole=(
            httpx.HTTPStatusError,
            aiohttp.ClientResponseError,
            openai.InternalServerError,
            anthropic.ServiceUnavailableError,
        ),
        stream=(
            httpx.HTTPStatusError,
            aiohttp.ClientResponseError,
            openai.InternalServerError,
            anthropic.ServiceUnavailableError,
        ),
    ),
    "refuse": _seen(whole=_NO_REPLY, stream=_NO_REPLY),
    "hang": _seen(whole=_SILENCE, stream=_SILENCE),
    "reset": _seen(whole=_RESET, stream=_RESET),
    # aiohttp has the same class for an error status, with status 400: as if the request had been at fault.
    "garbage": _seen(
        whole=(httpx.RemoteProtocolError, aiohttp.ClientResponseError, *_NO_REPLY[2:]),
        stream=(httpx.RemoteProtocolError, aiohttp.ClientResponseError, *_NO_REPLY[2:]),
    ),
    # Shorter than the timeout; see VARIANTS for a longer one.
    "delay": _seen(whole=_GOOD, stream=_GOOD),
    # Something comes all the time: no read timeout ends it, only a total one.
    "slow_drip": _seen(whole=_GOOD, stream=_GOOD),
    # Longer than it is; see VARIANTS for shorter.
    "wrong_length": _seen(whole=_SILENCE, stream=_WRONG_CHUNK),
    "reset_in_headers": _seen(whole=_RESET, stream=_RESET),
    "reset_after_headers": _seen(whole=_RESET_IN_BODY, stream=_RESET_IN_STREAM),
    "hang_after_headers": _seen(whole=_SILENCE, stream=_SILENCE_IN_STREAM),
    "stall": _seen(whole=_SILENCE, stream=_SILENCE_IN_STREAM),
    "reset_mid": _seen(whole=_RESET_IN_BODY, stream=_RESET_IN_STREAM),
    "truncate": _seen(whole=_CLOSED_IN_BODY, stream=_CLOSED_IN_STREAM),
    "half_json": _seen(whole=_NO_JSON, stream=_NO_JSON),
    "malformed_sse": _seen(whole=_NO_JSON, stream=_NO_JSON),
    # A whole reply becomes OpenAI's 500 or Anthropic's 529. In a stream the error is an event like any other:
    # a plain client takes it for a good one unless it looks, and the SDKs raise the base class, no status.
    "stream_error": _seen(
        whole=(
            httpx.HTTPStatusError,
            aiohttp.ClientResponseError,
            openai.InternalServerError,
            anthropic.OverloadedError,
        ),
        stream=(None, None, openai.APIError, anthropic.APIStatusError),
    ),
}

# Where other options are seen as something else, by the text of the header.
VARIANTS: dict[str, Seen] = {
    "delay; delay_ms=600": _seen(whole=_SILENCE, stream=_SILENCE),
    # Cut to the promised length, the document is half of one. aiohttp takes the rest for a second reply, and
    # if both came at once it has not yet handed over the first.
    "wrong_length; length_off=-16": _seen(
        whole=(
            JSONDecodeError,
            (aiohttp.ClientResponseError, JSONDecodeError),
            JSONDecodeError,
            JSONDecodeError,
        ),
        stream=_WRONG_CHUNK,
    ),
}

# Faults of the connection; nobody can say yet what will be asked on it.
_REFUSED: Four = (
    httpx.ConnectError,
    aiohttp.ClientConnectorError,
    openai.APIConnectionError,
    anthropic.APIConnectionError,
)
# It depends on whether the reset comes before the client looks at its new connection.
_RESET_AT_ONCE: Four = (
    (httpx.ConnectError, httpx.ReadError),
    (aiohttp.ClientConnectorError, aiohttp.ClientOSError),
    openai.APIConnectionError,
    anthropic.APIConnectionError,
)

CONNECTIONS_SEEN: dict[str, Seen] = {
    "refuse": _seen(whole=_REFUSED, stream=_REFUSED),
    "hang": _seen(whole=_SILENCE, stream=_SILENCE),
    "reset": _seen(whole=_RESET_AT_ONCE, stream=_RESET_AT_ONCE),
}

# Our own client on the transport for load: what its attempt at a whole reply and at a stream ends as. It
# tells a stream that broke after its first output (partial) from one that broke before it.
Selectors = tuple[str, str]
_FAST_SILENCE: Selectors = ("timeout.read_timeout", "timeout.read_timeout")
_FAST_BROKEN: Selectors = ("transient.read", "transient.read")
_FAST_CUT: Selectors = ("transient.read", "partial.read")
_FAST_NO_JSON: Selectors = ("malformed.body", "partial.body")

SEEN_BY_FAST: dict[str, Selectors] = {
    "status": ("overloaded.status", "overloaded.status"),
    "refuse": _FAST_BROKEN,
    "hang": _FAST_SILENCE,
    "reset": _FAST_BROKEN,
    "garbage": ("transient.protocol", "transient.protocol"),
    "delay": ("ok", "ok"),
    "slow_drip": ("ok", "ok"),
    "wrong_length": ("timeout.read_timeout", "partial.protocol"),
    "reset_in_headers": _FAST_BROKEN,
    "reset_after_headers": _FAST_BROKEN,
    "hang_after_headers": _FAST_SILENCE,
    "stall": ("timeout.read_timeout", "partial.read_timeout"),
    "reset_mid": _FAST_CUT,
    "truncate": _FAST_CUT,
    "half_json": _FAST_NO_JSON,
    "malformed_sse": _FAST_NO_JSON,
    "stream_error": ("transient.status", "partial.stream"),
}

VARIANTS_BY_FAST: dict[str, Selectors] = {
    "delay; delay_ms=600": _FAST_SILENCE,
    "wrong_length; length_off=-16": ("malformed.body", "partial.protocol"),
}

# As above, a reset depends on whether it comes before the client looks at its new connection.
CONNECTIONS_BY_FAST: dict[str, tuple[str, ...]] = {
    "refuse": ("transient.connect",),
    "hang": ("timeout.read_timeout",),
    "reset": ("transient.connect", "transient.read"),
}
