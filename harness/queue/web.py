"""For streaQ's own web UI: `python -m streaq web harness.queue.web:worker`.

The queue is that of the environment: REDIS_URL, or else the embedded server in QUEUE_DIR (runs/queue), and
QUEUE_NAME (copy). It shows tasks and aborts them; nothing is run.
"""

from __future__ import annotations

import os
from pathlib import Path

from harness.queue.commands.options import URL_VARIABLE
from harness.queue.engine import Engine
from harness.queue.queue import DEFAULT_DIRECTORY, DEFAULT_NAME, Queue


def engine() -> Engine:
    """The engine for the queue of the environment; the embedded server is started where it does not run."""
    queue = Queue(
        os.environ.get(URL_VARIABLE) or None,
        name=os.environ.get("QUEUE_NAME") or DEFAULT_NAME,
        directory=Path(os.environ.get("QUEUE_DIR") or DEFAULT_DIRECTORY),
    )
    if queue.server is not None:
        queue.server.start()
    return Engine(queue.address, queue.name, identity="web")


#: What `python -m streaq web` looks for.
worker = engine()
