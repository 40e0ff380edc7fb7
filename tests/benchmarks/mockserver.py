"""What the mock server carries, beside the servers one would use instead.

python -m tests.benchmarks.mockserver [--rounds R] [--seconds S] [--connections C] [--no-install] [--json]
python -m tests.benchmarks.mockserver --memory [N]

The servers take turns: each is a process of its own, on a core of its own, and all get the same requests over
kept connections, from ready bytes. Every reply is of 150 tokens (300 Thai characters), whole or streamed with
an event a token. Medians over the rounds are quoted. @copilotkit/aimock is installed with npm into the user's
cache where it is missing, unless --no-install; without Node it is skipped.

--memory sends N requests (a million) instead, each with a key and a call id of its own and some met by
faults, and looks at the memory of the server on the way.

Exit code 1 when a line of the acceptance fails, 2 for bad arguments.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tests.benchmarks.interrupting import answering_ctrl_c, say

if TYPE_CHECKING:
    from tests.benchmarks.table import Check

DEFAULT_ROUNDS = 7
DEFAULT_SECONDS = 1.0
DEFAULT_CONNECTIONS = 50
MOST_CONNECTIONS = 1000

MILLION = 1_000_000
#: Requests of --memory before the first look, at most half of them: what has a bound is full by then.
WARM_UP = 50_000
LOOKS = 10
LEAST_REQUESTS = 1000


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The arguments; bad ones end the process with a message and exit code 2."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.mockserver", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=DEFAULT_ROUNDS, help="turns a server (%(default)s)")
    parser.add_argument("--seconds", type=float, default=DEFAULT_SECONDS, help="of a turn (%(default)s)")
    parser.add_argument(
        "--connections", type=int, default=DEFAULT_CONNECTIONS, help="requests at once (%(default)s)"
    )
    parser.add_argument("--no-install", action="store_true", help="do not fetch aimock where it is missing")
    parser.add_argument(
        "--memory", type=int, nargs="?", const=MILLION, metavar="N", help="the memory over N requests"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(argv)
    if options.rounds < 1:
        parser.error(f"--rounds {options.rounds}: expected at least 1")
    if not 0 < options.seconds <= 60:
        parser.error(f"--seconds {options.seconds}: expected more than 0, at most 60")
    if not 1 <= options.connections <= MOST_CONNECTIONS:
        parser.error(f"--connections {options.connections}: expected 1 to {MOST_CONNECTIONS}")
    if options.memory is not None and options.memory < LEAST_REQUESTS:
        parser.error(f"--memory {options.memory}: expected at least {LEAST_REQUESTS} requests")
    return options


def run(options: argparse.Namespace) -> int:
    """Measure and print; the exit code."""
    from tests.benchmarks.replies import WrongReplyError  # noqa: PLC0415 - Ctrl-C is answered from the start

    try:
        found = _speed(options) if options.memory is None else _memory(options)
    except (WrongReplyError, OSError, RuntimeError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0 if all(check.passed is not False for check in found) else 1


def _speed(options: argparse.Namespace) -> "list[Check]":
    from tests.benchmarks import mock_rounds, mock_table  # noqa: PLC0415
    from tests.benchmarks.cores import ours_apart  # noqa: PLC0415

    plan = mock_rounds.Plan(options.connections, options.rounds, options.seconds)

    def progress(number: int, name: str) -> None:
        say(f"round {number} of {plan.rounds}: {name}")

    with ours_apart() as cores, mock_rounds.fleet(cores, install=not options.no_install) as fleet:
        rows = mock_rounds.measure(fleet, plan, progress)
    say("")
    checks, remarks = mock_table.checks(rows), mock_table.remarks(rows)
    if options.json:
        _print_json(
            {
                "connections": plan.connections,
                "rounds": plan.rounds,
                "seconds": plan.turn_s,
                "pinned": bool(cores),
                "rows": mock_table.document(rows),
                "remarks": remarks,
            },
            checks,
        )
        return checks
    pinned = "a core each" if cores else "not pinned to cores"
    notes = "".join(f"note  {remark}\n" for remark in remarks)
    lines = "".join(f"{check.line}\n" for check in checks)
    sys.stdout.write(
        f"{plan.connections} connections, medians of {plan.rounds} rounds of {plan.turn_s:g} s; generator and"
        f" servers: {pinned}\n\n{mock_table.text(rows)}\n\n{lines}{notes}"
    )
    return checks


def _memory(options: argparse.Namespace) -> "list[Check]":
    from tests.benchmarks import memory  # noqa: PLC0415
    from tests.benchmarks.cores import ours_apart  # noqa: PLC0415

    plan = memory.Plan(
        requests=options.memory,
        warm_up=min(WARM_UP, options.memory // 2),
        every=options.memory // LOOKS,
        connections=options.connections,
    )
    with ours_apart() as cores:
        grown = memory.measure(plan, cores, lambda count, rss: say(f"{count:,} requests: {rss:,} bytes"))
    say("")
    checks = [memory.check(grown)]
    if options.json:
        rows = [{"requests": count, "rss_bytes": rss} for count, rss in grown.samples]
        tally = grown.tally
        ends = {"served": tally.served, "refused": tally.refused, "lost": tally.lost}
        _print_json({"connections": plan.connections, "rows": rows} | ends, checks)
    else:
        sys.stdout.write(f"{memory.text(grown)}\n\n{checks[0].line}\n")
    return checks


def _print_json(document: dict[str, object], checks: "list[Check]") -> None:
    acceptance = [
        {"what": check.what, "figure": check.figure, "unit": check.unit, "passed": check.passed}
        for check in checks
    ]
    sys.stdout.write(json.dumps(document | {"acceptance": acceptance}, indent=2, ensure_ascii=False) + "\n")


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    return answering_ctrl_c(lambda: run(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())
