"""`python -m mockserver`: an OpenAI- and Anthropic-compatible server with latency, limits and faults."""

import argparse
import math
import os
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from mockserver.command_line import BOLD, EXIT_USAGE, Help, Parser, Version, complain, paint
from mockserver.errors import MockServerError, ProfileError, StartError
from mockserver.keys import TOKEN_VARIABLE
from mockserver.profile_file import bundled_names, load_profile
from mockserver.server.run import Options, run

EXIT_FAILED = 1
MAX_PORT = 65_535
MAX_GRACE_S = 3_600


_DESCRIPTION = """\
A server that speaks the APIs of OpenAI and Anthropic, with the latency, limits,
capacity and faults of a profile, for tests of what calls them. One process;
prints a line of JSON when it is ready."""


def _epilog() -> str:
    parts = {
        "profiles, beside files of your own (see mockserver/README.md):": textwrap.wrap(
            ", ".join(bundled_names()), 76
        ),
        "examples:": (
            "python -m mockserver                           # 8 pm in Thailand",
            "python -m mockserver --profile rate-limited    # 429s with their headers",
            "python -m mockserver --port 0 --log log.jsonl  # a line for every request",
            "curl -H 'x-mock-fault: status; status=503' ... # a fault of one request",
        ),
        "under /v1, with any key:": ("chat/completions, models, messages, messages/count_tokens",),
        "its own:": (
            "/healthz, /metrics, /admin/stats, /admin/requests, /admin/profile,",
            "/admin/clock, /admin/faults, /admin/reset",
        ),
        "exit codes:": ("0  stopped", "1  failed while running", "2  could not start"),
    }
    return "\n\n".join(
        "\n".join([paint(heading, BOLD, sys.stdout), *(f"  {line}" for line in lines)])
        for heading, lines in parts.items()
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server; returns the exit code: 0 stopped, 1 failed while running, 2 could not start."""
    given = parser().parse_args(arguments)
    try:
        run(
            Options(
                host=given.host,
                port=given.port,
                profile=load_profile(given.profile),
                seed=given.seed,
                log_path=given.log,
                exit_with_parent=given.exit_with_parent,
                tls_path=given.tls,
                grace_s=given.grace,
                admin_token=os.environ.get(TOKEN_VARIABLE) or None,
            )
        )
    except MockServerError as error:
        complain(error)
        return EXIT_USAGE if isinstance(error, (ProfileError, StartError)) else EXIT_FAILED
    return 0


def parser() -> Parser:
    """The command line."""
    root = Parser(
        prog="python -m mockserver",
        description=_DESCRIPTION,
        epilog=_epilog(),
        formatter_class=Help,
    )
    root.add_argument("--version", action=Version, nargs=0, help="show the version and exit")
    root.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help=f"where to listen (%(default)s); another machine's reach needs {TOKEN_VARIABLE}",
    )
    root.add_argument("--port", type=_port, default=8000, help="0 picks a free one (%(default)s)")
    root.add_argument(
        "--profile", default="primetime", metavar="NAME|FILE.toml", help="what to imitate (%(default)s)"
    )
    root.add_argument("--seed", type=int, default=1, metavar="N", help="of every random draw (%(default)s)")
    root.add_argument("--log", type=Path, metavar="FILE", help="write one JSON line an API request, anew")
    root.add_argument(
        "--tls",
        type=Path,
        metavar="CERT.pem",
        help="HTTPS, with a new certificate, written here to be trusted",
    )
    root.add_argument(
        "--grace",
        type=_seconds,
        default=5.0,
        metavar="SECONDS",
        help="how long a stop waits for replies under way (%(default)g)",
    )
    root.add_argument(
        "--exit-with-parent", action="store_true", help="stop when the process that started this one dies"
    )
    return root


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) <= MAX_PORT):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: expected a whole number from 0 to 65535")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= MAX_GRACE_S:
        raise argparse.ArgumentTypeError(f"{text!r}: expected seconds from 0 to {MAX_GRACE_S}")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
