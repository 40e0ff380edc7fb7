"""The resilient client of primetime, and what drives and records it.

The client, with the HTTP libraries that it brings, is imported when it is first asked for: who reads records,
or asks a command for help, does without.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from harness.errors import (
    CallError,
    ConfigError,
    DeadlineExceeded,
    Fatal,
    HarnessError,
    LocalExhaustion,
    Malformed,
    Overloaded,
    Partial,
    Rejected,
    RequestError,
    Throttled,
    TimedOut,
    Transient,
)
from harness.model import (
    Attempt,
    AttemptFinished,
    BreakerChanged,
    Call,
    CallFinished,
    Event,
    Fault,
    LimitChanged,
    Message,
    Outcome,
    Paused,
    Reply,
    StoppedBy,
    Tag,
    Usage,
    Waited,
)
from harness.policy.config import Policy
from harness.policy_file import load_policy

if TYPE_CHECKING:
    from harness.client import (
        COPYWRITER,
        CopyStream,
        Endpoint,
        Item,
        ResilientClient,
        SyncClient,
        SyncStream,
        next_tag,
    )

__all__ = [
    "COPYWRITER",
    "Attempt",
    "AttemptFinished",
    "BreakerChanged",
    "Call",
    "CallError",
    "CallFinished",
    "ConfigError",
    "CopyStream",
    "DeadlineExceeded",
    "Endpoint",
    "Event",
    "Fatal",
    "Fault",
    "HarnessError",
    "Item",
    "LimitChanged",
    "LocalExhaustion",
    "Malformed",
    "Message",
    "Outcome",
    "Overloaded",
    "Partial",
    "Paused",
    "Policy",
    "Rejected",
    "Reply",
    "RequestError",
    "ResilientClient",
    "StoppedBy",
    "SyncClient",
    "SyncStream",
    "Tag",
    "Throttled",
    "TimedOut",
    "Transient",
    "Usage",
    "Waited",
    "load_policy",
    "next_tag",
]


def __getattr__(name: str) -> Any:
    if name in __all__:  # what is not here yet is the client's
        return getattr(import_module("harness.client"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
