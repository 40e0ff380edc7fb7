"""`stop`: stop the embedded server of a directory."""

from __future__ import annotations

import argparse

from harness.queue import exits
from harness.queue.commands.options import add_json
from harness.queue.commands.telling import as_json
from harness.queue.embedded import EmbeddedServer
from harness.queue.queue import DEFAULT_DIRECTORY

NAME, HELP = "stop", "stop the embedded server; what it holds is there when it is started again"
EXAMPLES = (
    "python -m harness.queue stop",
    "python -m harness.queue stop --dir runs/queue",
)


def add(command: argparse.ArgumentParser) -> None:
    """Its options."""
    add_json(command)
    command.add_argument(
        "--dir", default=DEFAULT_DIRECTORY, metavar="DIR", help=f"of its data ({DEFAULT_DIRECTORY})"
    )


def run(options: argparse.Namespace) -> int:
    """Do it. Raises HarnessError."""
    server = EmbeddedServer(options.dir)
    stopped = server.stop()
    if options.json:
        print(as_json({"stopped": stopped}))
    else:
        print(
            f"stopped the server of {server.directory}"
            if stopped
            else f"no server runs for {server.directory}"
        )
    return exits.OK
