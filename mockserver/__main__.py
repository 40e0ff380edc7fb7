"""`python -m mockserver`: an OpenAI- and Anthropic-compatible server with latency, limits and faults."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from mockserver.errors import MockServerError, ProfileError, StartError
from mockserver.profile_file import bundled_names, load_profile
from mockserver.server.run import Options, run

EXIT_FAILED = 1
EXIT_USAGE = 2
MAX_PORT = 65_535


class _Parser(argparse.ArgumentParser):
    """An error is one line; `--help` shows the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(EXIT_USAGE, f"mockserver: error: {message}\n")


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
            )
        )
    except MockServerError as error:
        sys.stderr.write(f"mockserver: error: {error}\n".replace("\n", " ").rstrip() + "\n")
        return EXIT_USAGE if isinstance(error, (ProfileError, StartError)) else EXIT_FAILED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="mockserver", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=8000, help="0 picks a free one (default: %(default)s)")
    parser.add_argument(
        "--profile",
        default="primetime",
        metavar="NAME|FILE.toml",
        help=f"{', '.join(bundled_names())}, or a file (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=1, help="of every random draw (default: %(default)s)")
    parser.add_argument("--log", type=Path, metavar="FILE", help="write one JSON line an API request, anew")
    parser.add_argument(
        "--exit-with-parent", action="store_true", help="stop when the process that started this one dies"
    )
    return parser


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) <= MAX_PORT):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: expected a whole number from 0 to 65535")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
