"""What it takes to read and sum up a run of ten million calls, beside polars with the same files.

python -m tests.benchmarks.reports [--calls N] [--rounds R] [--json]

A run of four workers is made in a temporary folder (set TMPDIR to have it elsewhere), as the recorder writes
it: some 11 million attempts, a batch a second for each table and worker, 3 GB. Then, in turns and each in a
process of its own: `python -m reports summarise`, `python -m reports html`, and polars reading the same
columns for the same percentiles, which must come out the same. Wall times are of whole processes, from start
to end; medians over the rounds are quoted. Memory is the most that a process ever held (VmHWM), in the worst
round.

Exit code 1 when a line of the acceptance fails, 2 for bad arguments or too little room on disk.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.interrupting import answering_ctrl_c, say

DEFAULT_CALLS, DEFAULT_ROUNDS = 10_000_000, 3


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The arguments; bad ones end the process with a message and exit code 2."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.reports", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--calls", type=int, default=DEFAULT_CALLS, help="of the run (%(default)s)")
    parser.add_argument("--rounds", type=int, default=DEFAULT_ROUNDS, help="turns each (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(argv)
    for name in ("calls", "rounds"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} {getattr(options, name)}: expected at least 1")
    return options


def run(options: argparse.Namespace) -> int:
    """Measure and print; the exit code."""
    # Imported here, Ctrl-C is answered from the start.
    from tests.benchmarks import big_run, report_rounds  # noqa: PLC0415

    where, needed = tempfile.gettempdir(), options.calls * big_run.DISK_BYTES_PER_CALL
    free = shutil.disk_usage(where).free
    if free < needed:
        sys.stderr.write(
            f"error: {where} has {free / 1e9:,.1f} GB left, a run of {options.calls:,} calls needs"
            f" {needed / 1e9:,.1f} GB: set TMPDIR to a larger disk, or give fewer --calls\n"
        )
        return 2
    with tempfile.TemporaryDirectory(prefix="primetime-reports-") as room:
        folder = Path(room) / "run"
        try:
            say(f"making a run of {options.calls:,} calls")
            made = big_run.make(folder, options.calls)
            rows = report_rounds.measure(folder, options.rounds, say)
        except (OSError, report_rounds.WayFailedError) as error:
            sys.stderr.write(f"error: {error}\n")
            return 1
        finally:
            say("")
    checks = report_rounds.checks(rows)
    if options.json:
        document = {"calls": options.calls, "attempts": made.attempts, "disk_bytes": made.disk_bytes}
        document |= {"rounds": options.rounds, "rows": report_rounds.document(rows)}
        document["acceptance"] = [vars(check) for check in checks]
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    else:
        lines = "".join(f"{check.line}\n" for check in checks)
        sys.stdout.write(
            f"{options.calls:,} calls, {made.attempts:,} attempts, {made.disk_bytes / 1e9:.2f} GB on disk;"
            f" medians of {options.rounds} rounds\n\n{report_rounds.text(rows)}\n\n{lines}"
        )
    return 0 if all(check.passed for check in checks) else 1


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    return answering_ctrl_c(lambda: run(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())
