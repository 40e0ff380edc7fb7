"""The client an application imports."""

from harness.client.calls import next_tag
from harness.client.client import ResilientClient
from harness.client.endpoint import Endpoint
from harness.client.mapping import Item
from harness.client.messages import COPYWRITER
from harness.client.stream import CopyStream
from harness.client.sync import SyncClient, SyncStream

__all__ = [
    "COPYWRITER",
    "CopyStream",
    "Endpoint",
    "Item",
    "ResilientClient",
    "SyncClient",
    "SyncStream",
    "next_tag",
]
