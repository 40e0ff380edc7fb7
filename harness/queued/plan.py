"""What the processes of a run through the queue have to know."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from harness.client.endpoint import WireName
from harness.policy.config import Policy
from harness.queue.embedded import EmbeddedServer
from harness.queue.queue import Queue
from harness.queue.settings import QueueSettings, WorkerSettings
from harness.spending.terms import Terms


class Place(msgspec.Struct, frozen=True):
    """Which queue: on the server at `url`, or without one on the embedded server of `directory`."""

    name: str
    url: str | None
    directory: str
    settings: QueueSettings

    @property
    def server(self) -> EmbeddedServer | None:
        """The embedded server, if it is that."""
        return EmbeddedServer(Path(self.directory)) if self.url is None else None

    def for_workers(self) -> Queue:
        """The queue as workers open it: an embedded server that died is started again."""
        return Queue(self.url, name=self.name, directory=self.directory, settings=self.settings)

    def for_submitters(self) -> Queue:
        """The queue as a load process opens it, by its address alone: under gevent no server is started."""
        url = self.server.url if self.server else self.url
        return Queue(url, name=self.name, settings=self.settings)


class WorkerPlan(msgspec.Struct, frozen=True):
    """One worker process of a run. It is handed over on standard input: a URL may hold a password.

    `policy` is this worker's share of the run's, the limit of `terms` its share of the budget. Its records go
    into `folder`, as process `number`.
    """

    place: Place
    folder: str
    number: int
    base_url: str
    api_key: str | None
    wire: WireName
    model: str
    policy: Policy
    settings: WorkerSettings
    transport: Literal["httpx", "fast"]
    send_ids: bool
    terms: Terms | None
    seed: int
    index: int


class Start(msgspec.Struct, frozen=True):
    """The word to begin: the run's zero, in nanoseconds since 1970."""

    started_unix_ns: int
