"""`python -m mockserver`: an OpenAI- and Anthropic-compatible server with latency, limits and faults."""

import argparse
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from mockserver.errors import MockServerError, ProfileError, StartError
from mockserver.keys import TOKEN_VARIABLE
from mockserver.profile_file import bundled_names, load_profile
from mockserver.server.run import Options, run

EXIT_FAILED = 1
EXIT_USAGE = 2
MAX_PORT = 65_535
MAX_GRACE_S = 3_600


class _Parser(argparse.ArgumentParser):
    """An error is one line; `--help` shows the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USAGE, f"mockserver: error: {message}\n")


_DESCRIPTION = """A server that speaks the APIs of OpenAI and Anthropic, with the latency, limits, capacity
and faults of a profile, for tests of what calls them. One process; prints a line of JSON when it is ready."""

_EPILOG = f"""profiles, beside files of your own (see mockserver/README.md):
  {", ".join(bundled_names())}

examples:
  python -m mockserver                                  8 pm in Thailand, on port 8000
  python -m mockserver --profile rate-limited           429s with their headers
  python -m mockserver --port 0 --log requests.jsonl    a free port, and a line for every request
  curl -H 'x-mock-fault: status; status=503' ...        a fault of one request, by header

under /v1: chat/completions, models, messages, messages/count_tokens; any key will do
its own: /healthz, /metrics, /admin/stats, /admin/requests, /admin/profile, /admin/clock,
  /admin/reset
exit codes: 0 stopped, 1 failed while running, 2 could not start"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server; returns the exit code: 0 stopped, 1 failed while running, 2 could not start."""
    given = _parser().parse_args(arguments)
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
        sys.stderr.write(f"mockserver: error: {error}\n".replace("\n", " ").rstrip() + "\n")
        return EXIT_USAGE if isinstance(error, (ProfileError, StartError)) else EXIT_FAILED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m mockserver",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help=f"where to listen (%(default)s); another machine's reach needs {TOKEN_VARIABLE}",
    )
    parser.add_argument("--port", type=_port, default=8000, help="0 picks a free one (%(default)s)")
    parser.add_argument(
        "--profile", default="primetime", metavar="NAME|FILE.toml", help="what to imitate (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of every random draw (%(default)s)")
    parser.add_argument("--log", type=Path, metavar="FILE", help="write one JSON line an API request, anew")
    parser.add_argument(
        "--tls",
        type=Path,
        metavar="CERT.pem",
        help="HTTPS, with a new certificate, written here to be trusted",
    )
    parser.add_argument(
        "--grace",
        type=_seconds,
        default=5.0,
        metavar="SECONDS",
        help="how long a stop waits for replies under way (%(default)g)",
    )
    parser.add_argument(
        "--exit-with-parent", action="store_true", help="stop when the process that started this one dies"
    )
    return parser


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
