"""What a call through our client costs, beside the clients one would use instead.

python -m tests.benchmarks.client [--calls N] [--concurrency C] [--rounds R] [--json]

Everything is measured in one run against one server of no latency, on a core of its own. The peers take
turns; each turn is a fixed number of calls by C workers. Medians over the rounds are quoted: calls a second,
and CPU of this process a call. Exit code 1 when a line of the acceptance fails, 2 for bad arguments.
"""

import argparse
import json
import sys
from collections.abc import Sequence

from tests.benchmarks.interrupting import answering_ctrl_c

DEFAULT_CALLS = 400
DEFAULT_ROUNDS = 11
DEFAULT_CONCURRENCY = 50

#: The permits the tuned preset begins with: more callers would measure its queue.
MOST_CONCURRENT = 138


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The arguments; bad ones end the process with a message and exit code 2."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.client", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--calls", type=int, default=DEFAULT_CALLS, help="of a peer's turn (%(default)s)")
    parser.add_argument(
        "--concurrency", type=int, default=DEFAULT_CONCURRENCY, help="calls at once (%(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=DEFAULT_ROUNDS, help="turns a peer (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(argv)
    for name in ("calls", "rounds", "concurrency"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} {getattr(options, name)}: expected at least 1")
    if options.concurrency > MOST_CONCURRENT:
        parser.error(
            f"--concurrency {options.concurrency}: expected at most {MOST_CONCURRENT}, the permits of 'tuned'"
        )
    if options.calls < options.concurrency:
        parser.error(f"--calls {options.calls}: expected at least --concurrency {options.concurrency}")
    return options


def run(options: argparse.Namespace) -> int:
    """Measure and print; the exit code."""
    import uvloop  # noqa: PLC0415 - imported here, Ctrl-C is answered from the start

    from tests.benchmarks import rounds, table  # noqa: PLC0415
    from tests.benchmarks.peers import PEERS, Peer  # noqa: PLC0415
    from tests.benchmarks.serving import serving  # noqa: PLC0415

    def progress(number: int, peer: Peer) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\033[Kround {number} of {options.rounds}: {peer.name}")
            sys.stderr.flush()

    plan = rounds.Plan(options.calls, options.concurrency, options.rounds)
    try:
        with serving() as served:
            rows = uvloop.run(rounds.measure(PEERS, served, plan, progress))
    except (rounds.PeerFailedError, OSError, RuntimeError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    finally:
        if sys.stderr.isatty():
            sys.stderr.write("\r\033[K")
    checks = table.checks(rows)
    if options.json:
        document = {
            "calls": plan.calls,
            "concurrency": plan.concurrency,
            "rounds": plan.rounds,
            "pinned": served.pinned,
            "rows": table.document(rows),
            "acceptance": [
                {"what": check.what, "figure": check.figure, "unit": check.unit, "passed": check.passed}
                for check in checks
            ],
            "remarks": table.remarks(rows),
        }
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    else:
        pinned = "a core each" if served.pinned else "not pinned to cores"
        sys.stdout.write(
            f"{plan.concurrency} concurrent, medians of {plan.rounds} rounds of {plan.calls:,} calls"
            f" ({plan.calls * rounds.IN_PROCESS_FACTOR:,} without network); client and server: {pinned}\n\n"
        )
        remarks = "".join(f"note  {remark}\n" for remark in table.remarks(rows))
        lines = "".join(f"{check.line}\n" for check in checks)
        sys.stdout.write(f"{table.text(rows)}\n\n{lines}{remarks}")
    return 0 if all(check.passed is not False for check in checks) else 1


def main(argv: Sequence[str] | None = None) -> int:
    """The command."""
    return answering_ctrl_c(lambda: run(parse(argv)))


if __name__ == "__main__":
    sys.exit(main())
