"""How fast virtual time is: logical calls a second on one core, through all that the client that ships does.

python -m tests.benchmarks.sim [--rounds R] [--quick] [--json]

The same evening is played in turns by the client under 'tuned', on the profiles calm and primetime, and by
bare asyncio on the same loop: a permit, a timeout and a sleep a call. Medians over the rounds are quoted, per
second of CPU. Then evenings of five hours, each in a process of its own: how long one takes, and whether it
holds more than an evening of one hour. --quick plays minutes for hours, and its figures mean little.

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

DEFAULT_ROUNDS = 5

#: Seconds of evening in a turn, and in what stands for an hour.
TURN_S, HOUR_S = 1800.0, 3600.0
QUICK_TURN_S, QUICK_HOUR_S = 30.0, 20.0


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The arguments; bad ones end the process with a message and exit code 2."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.sim", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=DEFAULT_ROUNDS, help="turns a peer (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="to see that it runs")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(argv)
    if options.rounds < 1:
        parser.error(f"--rounds {options.rounds}: expected at least 1")
    return options


def run(options: argparse.Namespace) -> int:
    """Measure and print; the exit code."""
    # Imported here, Ctrl-C is answered from the start.
    from tests.benchmarks import long_evenings, sim_rounds  # noqa: PLC0415

    turn_s, hour_s = (QUICK_TURN_S, QUICK_HOUR_S) if options.quick else (TURN_S, HOUR_S)
    try:
        rows = sim_rounds.measure(
            turn_s, options.rounds, lambda number, name: say(f"round {number} of {options.rounds}: {name}")
        )
        found = long_evenings.measure(hour_s, say)
    except (OSError, RuntimeError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    finally:
        say("")
    checks = [*sim_rounds.checks(rows), long_evenings.check(found)]
    if options.json:
        document = {
            "rounds": options.rounds,
            "turn_s": turn_s,
            "rows": sim_rounds.document(rows),
            "evenings": [vars(item) for item in found],
            "acceptance": [_verdict(check) for check in checks],
        }
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    else:
        lines = "".join(f"{check.line}\n" for check in checks)
        sys.stdout.write(
            f"medians of {options.rounds} rounds of {turn_s:,.0f} s of evening, per second of one core\n\n"
            f"{sim_rounds.text(rows)}\n\n{long_evenings.text(found)}\n\n{lines}"
        )
    return 0 if all(check.passed is not False for check in checks) else 1


def _verdict(check: "Check") -> dict[str, object]:
    return {"what": check.what, "figure": check.figure, "unit": check.unit, "passed": check.passed}


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    return answering_ctrl_c(lambda: run(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())
