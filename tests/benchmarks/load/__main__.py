"""What the load engine is worth, beside the generators one would use instead.

python -m tests.benchmarks.load [SECTION ...] [--rounds R] [--seconds S] [--quick] [--json]

throughput  calls a second of one process with everything on, beside Locust's own users, AIPerf and the bare
            parser; a server of no latency on the other core
streaming   events a second, each with its stamp, from a server that sends them in bursts; AIPerf beside
in-flight   10,000 slow calls at once in one process: memory a call, schedule lag
fidelity    measured latencies against the server's own log, call by call; Locust's table and AIPerf beside
omission    a server that freezes for ten seconds: the open loop against an ideal observer and a closed loop

Peers that are not installed get a venv of their own in the user's cache; one that cannot be had is skipped,
and the reason is printed. `--quick` cuts everything short: it shows that the benchmark works, and its figures
mean little. Exit code 1 when a line of the acceptance fails, 2 for bad arguments.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from typing import Any

from tests.benchmarks.interrupting import answering_ctrl_c, say

DEFAULT_ROUNDS = 5
DEFAULT_SECONDS = 8.0

#: Shorter turns would not get through their start and their end.
LEAST_SECONDS = 3.0

NAMES = ("throughput", "streaming", "in-flight", "fidelity", "omission")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The arguments; bad ones end the process with a message and exit code 2."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.load", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("sections", nargs="*", metavar="SECTION", help="only these (default: all)")
    parser.add_argument("--rounds", type=int, default=DEFAULT_ROUNDS, help="turns a peer (%(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=DEFAULT_SECONDS, help="length of a turn (%(default)g)"
    )
    parser.add_argument("--quick", action="store_true", help="one short round of everything")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(argv)
    for name in options.sections:
        if name not in NAMES:
            parser.error(f"unknown section {name!r}: expected some of {', '.join(NAMES)}")
    if options.rounds < 1:
        parser.error(f"--rounds {options.rounds}: expected at least 1")
    if not LEAST_SECONDS <= options.seconds < float("inf"):
        parser.error(f"--seconds {options.seconds:g}: expected at least {LEAST_SECONDS:g}")
    return options


def run(options: argparse.Namespace) -> int:
    """Measure and print, section by section; the exit code."""
    from tests.benchmarks.load.section import Effort, SectionError  # noqa: PLC0415 - Ctrl-C answers from the start
    from tests.benchmarks.load.sections import SECTIONS  # noqa: PLC0415

    effort = (
        Effort(1, LEAST_SECONDS, quick=True)
        if options.quick
        else Effort(options.rounds, options.seconds, quick=False)
    )
    documents: dict[str, Any] = {}
    failed = False
    for section in SECTIONS:
        if options.sections and section.name not in options.sections:
            continue
        try:
            result = section.measure(effort, say)
        except (SectionError, OSError, RuntimeError) as error:
            say("")
            sys.stderr.write(f"error: {section.name}: {error}\n")
            failed = True
            continue
        say("")
        failed = failed or any(check.passed is False for check in result.checks)
        if options.json:
            documents[section.name] = {
                **result.figures,
                "acceptance": [
                    {"what": c.what, "figure": c.figure, "unit": c.unit, "passed": c.passed}
                    for c in result.checks
                ],
                "remarks": result.remarks,
            }
            continue
        lines = [check.line for check in result.checks] + [f"note  {remark}" for remark in result.remarks]
        sys.stdout.write(
            f"{result.title}\n\n{result.table}\n\n" + "".join(f"{line}\n" for line in lines) + "\n"
        )
        sys.stdout.flush()
    if options.json:
        sys.stdout.write(json.dumps(documents, indent=2, ensure_ascii=False) + "\n")
    return 1 if failed else 0


def main(argv: Sequence[str] | None = None) -> int:
    """The command. To be told to stop is as good as Ctrl-C: what it started ends with it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return answering_ctrl_c(lambda: run(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())
