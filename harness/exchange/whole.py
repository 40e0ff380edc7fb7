"""A reply read whole."""

from __future__ import annotations

from dataclasses import dataclass

from harness.exchange.peer import Peer, close, read_body
from harness.model import Attempt
from harness.pipeline.attempting import Progress
from harness.transport.base import HttpRequest, HttpResponse


@dataclass(frozen=True, slots=True)
class Whole:
    """An HTTP reply with its body."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


async def exchange(peer: Peer, request: HttpRequest, progress: Progress) -> Attempt:
    """One attempt, from request to the last byte of the reply."""
    try:
        response = await peer.transport.open(request)
        peer.arrived(progress, response)
        attempt, _ = await read_whole(peer, response, progress)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is how this attempt ended
        return peer.failed(progress, error)
    return attempt


async def read_whole(peer: Peer, response: HttpResponse, progress: Progress) -> tuple[Attempt, bytes]:
    """The rest of an attempt whose headers have arrived, and its body. Raises TransportError."""
    try:
        body = await read_body(response.chunks())
    finally:
        await close(response)
    parsed = peer.wire.parse(response.status, response.headers, body)
    return peer.ended(progress, parsed, peer.read_ns(response)), body
