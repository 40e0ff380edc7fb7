"""`python -m harness.queue`: workers, submitters, and how the queue stands."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

from harness.command_line import Help, Parser, add_version, complain, epilog, exit_codes
from harness.errors import HarnessError
from harness.queue import exits
from harness.queue.commands import dead, drain, status, stop, submit, worker
from harness.queue.errors import (
    NotFinished,
    QueueClosed,
    QueueFull,
    ServerFull,
    ServerRefused,
    ServerUnreachable,
    StartError,
)

COMMANDS = {module.NAME: module for module in (worker, submit, status, drain, dead, stop)}

NAME = "harness.queue"

EXAMPLES = (
    "python -m harness.queue worker --base-url http://127.0.0.1:8000/v1",
    'python -m harness.queue submit "เขียนแคปชันร้านกาแฟ" --priority high --wait 60',
    "python -m harness.queue status",
    "python -m harness.queue dead redrive --all",
    "REDIS_URL=rediss://:secret@queue.example:6379/0 python -m harness.queue status",
    "python -m streaq web harness.queue.web:worker --host 127.0.0.1 --port 8080\n      streaQ's own web UI",
)


def parser() -> Parser:
    """The command line."""
    codes = exit_codes(exits.MEANINGS)
    root = Parser(
        prog="python -m harness.queue",
        description="Tasks in a queue, and workers that serve them through the resilient client.",
        epilog=epilog(EXAMPLES, codes),
        formatter_class=Help,
    )
    add_version(root)
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=module.HELP,
            description=f"{module.HELP[0].upper()}{module.HELP[1:]}.",
            epilog=epilog(module.EXAMPLES, codes),
            formatter_class=Help,
        )
        module.add(command)
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    for library in ("coredis", "streaq"):  # what they have to say comes as an error of ours
        logging.getLogger(library).addHandler(logging.NullHandler())
        logging.getLogger(library).propagate = False
    try:
        given = parser().parse_args(arguments)
        code = int(COMMANDS[given.command].run(given))
        sys.stdout.flush()
    except HarnessError as error:
        complain(NAME, error)
        return exit_code_of(error)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return exits.INTERRUPTED
    except BrokenPipeError:
        # The reader of our output left; what is still buffered has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.PIPE_CLOSED
    return code


def exit_code_of(error: HarnessError) -> int:
    """What a command ends with that raised."""
    match error:
        case QueueFull() | QueueClosed():
            return exits.TURNED_AWAY
        case ServerUnreachable() | ServerRefused() | ServerFull() | StartError():
            return exits.NO_SERVER
        case NotFinished():
            return exits.FAILED
        case _:
            return exits.BAD_INPUT


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a sign gets another one, not a traceback.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.exit(main())
