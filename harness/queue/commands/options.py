"""Options that several commands share."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from harness.errors import ConfigError
from harness.files import why
from harness.queue.queue import DEFAULT_DIRECTORY, DEFAULT_NAME, Queue
from harness.queue.settings import QueueSettings

#: Where the server's URL is, unless --url-file is given. Never an argument: those are shown to everybody.
URL_VARIABLE = "REDIS_URL"


#: Somebody looks at the command: it says soon that nothing answers.
COMMAND = QueueSettings(patience_s=2.0)


def add_place(command: argparse.ArgumentParser) -> None:
    """Which queue, on which server."""
    command.add_argument("--name", default=DEFAULT_NAME, help=f"the queue's name ({DEFAULT_NAME})")
    command.add_argument(
        "--dir",
        type=Path,
        default=DEFAULT_DIRECTORY,
        metavar="DIR",
        help=f"where the embedded server keeps its data ({DEFAULT_DIRECTORY})",
    )
    command.add_argument(
        "--url-file",
        type=Path,
        metavar="FILE",
        help=f"a file with the server's redis://, rediss:// or unix:// URL, - for standard input; without it"
        f" ${URL_VARIABLE}, and without that the embedded server",
    )
    add_json(command)


def add_json(command: argparse.ArgumentParser) -> None:
    """How it prints."""
    command.add_argument("--json", action="store_true", help="print JSON, for machines")


def queue_of(options: argparse.Namespace, settings: QueueSettings = COMMAND) -> Queue:
    """The queue that the options name. Raises ConfigError."""
    return Queue(_url(options), name=options.name, directory=options.dir, settings=settings)


def _url(options: argparse.Namespace) -> str | None:
    if options.url_file is None:
        return os.environ.get(URL_VARIABLE) or None
    try:
        path = "/dev/stdin" if str(options.url_file) == "-" else options.url_file
        url = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--url-file {options.url_file}: {why(error, options.url_file)}") from error
    if not url:
        raise ConfigError(f"--url-file {options.url_file}: it is empty")
    return url
