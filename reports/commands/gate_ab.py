"""The options of `gate --ab`: two sides and the load that both meet, named as the scenarios name theirs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from reports.commands.options import as_options
from reports.errors import ReportError, UsageError
from reports.gate.metrics import Metric
from reports.gate.verdict import Outcome

PAIRS = 8
SEED = 1
OUT = Path("runs") / "gate-ab"
POLICY = "tuned"

TRANSPORTS = ("httpx", "fast")

#: Options and the keys of a spec that they stand for, by the table of the load.
_EVENING = {"window": "window", "evening": "length", "peak_rps": "peak_rps", "arrivals": "arrivals"}
_STEADY = {"rate": "rate", "length": "length", "arrivals": "arrivals"}

#: Keys of a spec, and the options that stand for them.
_SAID = {
    "evening.window": "--window",
    "evening.length": "--evening",
    "evening.peak_rps": "--peak-rps",
    "evening.arrivals": "--arrivals",
    "steady.rate": "--rate",
    "steady.length": "--length",
    "steady.arrivals": "--arrivals",
    "mock_profile": "--mock-profile",
    "policy": "--ab",
}

#: As `play` has them.
_DEFAULTS: dict[str, Any] = {"window": "19:30-20:30", "length": "3m", "peak_rps": 20.0}

#: All of them, by their names in the namespace.
OPTIONS = (
    *("ab", "commit", "pairs", "seed", "window", "evening", "peak_rps", "rate", "length"),
    *("arrivals", "mock_profile", "transport", "stream", "out"),
)


def add(command: argparse.ArgumentParser) -> None:
    """The options."""
    played = command.add_argument_group("two sides, played in real time under Locust")
    played.add_argument("--ab", metavar=("BASE", "NEW"), nargs=2, help="policies: presets or TOML files")
    played.add_argument(
        "--commit",
        metavar="REV",
        help=f"the base side runs this commit's code (without --ab: {POLICY} on both)",
    )
    played.add_argument("--pairs", metavar="N", type=int, help=f"A B B A, B A A B... ({PAIRS})")
    played.add_argument("--seed", metavar="N", type=int, help=f"of the first two pairs ({SEED})")
    played.add_argument("--window", metavar="HH:MM-HH:MM", help="of the evening (19:30-20:30)")
    played.add_argument("--evening", metavar="LENGTH", help="how long it plays (3m)")
    played.add_argument("--peak-rps", metavar="N", type=float, help="calls a second at the peak (20)")
    played.add_argument(
        "--rate", metavar="N", type=float, help="instead of an evening, so many calls a second"
    )
    played.add_argument("--length", metavar="LENGTH", help="of --rate (3m)")
    played.add_argument("--arrivals", metavar="LAW", help="gamma, poisson or constant")
    played.add_argument("--mock-profile", metavar="NAME|FILE.toml", help="the provider (primetime)")
    played.add_argument("--transport", choices=TRANSPORTS, help="what carries requests (httpx)")
    played.add_argument("--stream", action="store_true", help="ask for replies as streams")
    played.add_argument("--out", metavar="DIR", type=Path, help=f"where runs are kept ({OUT})")


def play(options: argparse.Namespace, metrics: Sequence[Metric], tolerance: float, *, asked: bool) -> Outcome:
    """Play what is left of the comparison, and judge it. Raises ReportError, HarnessError."""
    # The client and the provider come with them.
    from reports.gate import ab  # noqa: PLC0415
    from reports.gate.pairs import check_pairs  # noqa: PLC0415

    policies = (POLICY, POLICY) if options.ab is None else (options.ab[0], options.ab[1])
    pairs = PAIRS if options.pairs is None else options.pairs
    check_pairs(pairs)
    try:
        staged = ab.stages(policies, load(options))
    except (ReportError, HarnessError) as error:
        raise UsageError(as_options(str(error), _SAID)) from error
    sides = ab.prepared(
        policies,
        staged,
        commit=options.commit,
        transport=options.transport,
        pairs=pairs,
        seed=SEED if options.seed is None else options.seed,
    )
    with sides as comparison:
        base, new = comparison.play((options.out or OUT).resolve())
    said = ab.title(policies, options.commit, pairs)
    return ab.outcome(said, base, new, metrics, tolerance, asked=asked)


def load(options: argparse.Namespace) -> dict[str, Any]:
    """The keys of a spec that the options stand for. Raises UsageError."""
    steady = options.rate is not None
    if not steady and options.length is not None:
        raise UsageError("--length: expected --rate with it; an evening has --evening")
    if steady:
        for name in ("window", "evening", "peak_rps"):
            if getattr(options, name) is not None:
                raise UsageError(f"--{name.replace('_', '-')}: stands beside --rate: expected one of them")
    keys = _STEADY if steady else _EVENING
    given = {key: getattr(options, name) for name, key in keys.items() if getattr(options, name) is not None}
    defaults = {key: value for key, value in _DEFAULTS.items() if key in keys.values()}
    document: dict[str, Any] = {
        "steady" if steady else "evening": {**defaults, **given},
        "stream": options.stream,
    }
    if options.mock_profile is not None:
        document["mock_profile"] = options.mock_profile
    if options.goodput is not None:
        document["goodput"] = options.goodput
    return document
