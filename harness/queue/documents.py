"""JSON on the wire, each document with the number of its version; nothing is ever unpickled.

A version is read by itself and all later ones. A later one's value is an error of its own, and is left alone.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from harness.model import Usage
from harness.queue.errors import NewerVersion, UnreadableValue
from harness.queue.tasks import CopywritingTask, LastCall

VERSION = 1


class TaskDocument(msgspec.Struct, frozen=True):
    """A task as it waits in the queue."""

    v: int
    task: CopywritingTask


class EndDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the worker that ended a task knows of it."""

    v: int
    text: str | None = None
    model: str | None = None
    finish_reason: str | None = None
    usage: Usage | None = None
    request_id: str | None = None
    error: str | None = None
    message: str | None = None
    call_ms: float | None = None
    call: LastCall | None = None


class _Version(msgspec.Struct):
    v: int


D = TypeVar("D", TaskDocument, EndDocument)


def encode(document: TaskDocument | EndDocument) -> str:
    """The document as JSON."""
    return msgspec.json.encode(document).decode()


def decode(text: str, kind: type[D], whose: str) -> D:
    """A document; `whose` names it in errors. Raises NewerVersion, UnreadableValue."""
    try:
        version = msgspec.json.decode(text, type=_Version).v
        if version > VERSION:
            raise newer(whose, version)
        return msgspec.json.decode(text, type=kind)
    except msgspec.MsgspecError as error:
        raise UnreadableValue(f"{whose} is not what this library wrote: {error}") from error


def newer(whose: str, version: int | str) -> NewerVersion:
    """The error for a value of a later version."""
    return NewerVersion(
        f"{whose} was written by a newer version of harness.queue (format {version}, this one reads up to"
        f" {VERSION}): upgrade this process; it is left where it is"
    )


def failure(
    error: str, message: str, *, call_ms: float | None = None, call: LastCall | None = None
) -> EndDocument:
    """The end of a task that failed."""
    return EndDocument(VERSION, error=error, message=message, call_ms=call_ms, call=call)
