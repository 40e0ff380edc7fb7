"""Options that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.prices import Prices, read_prices, shipped
from reports.errors import UsageError
from reports.figures import failures, objectives
from reports.figures.objectives import Objective


def add_run(command: argparse.ArgumentParser) -> None:
    """One run folder."""
    command.add_argument("run", metavar="RUN", type=Path, help="a run folder")


def each_once(paths: Sequence[Path]) -> Sequence[Path]:
    """The run folders, none of them twice: it would be as sure as two. Raises UsageError."""
    seen: set[Path] = set()
    for path in paths:
        if (place := path.resolve()) in seen:
            raise UsageError(f"{path}: given twice: expected different runs")
        seen.add(place)
    return paths


def add_json(command: argparse.ArgumentParser) -> None:
    """What machines read."""
    command.add_argument("--json", action="store_true", help="print JSON instead of text")


def add_goodput(command: argparse.ArgumentParser) -> None:
    """What a call must meet."""
    command.add_argument(
        "--goodput",
        metavar="METRIC:MS",
        nargs="+",
        help=f"what an ok call must meet, of {', '.join(objectives.NAMES)}; itl is a call's mean gap,"
        f" and only a stream meets {', '.join(objectives.OF_STREAMS)} (default: call_latency:15000)",
    )


def wanted(options: argparse.Namespace) -> Sequence[Objective]:
    """What `--goodput` says. Raises UsageError."""
    return objectives.DEFAULT if options.goodput is None else objectives.parse(options.goodput)


def add_prices(command: argparse.ArgumentParser) -> None:
    """What tokens cost."""
    command.add_argument(
        "--prices",
        metavar="FILE.toml",
        type=Path,
        help="US dollars per million tokens of each model (default: list prices, harness/prices.toml)",
    )


def add_failures(command: argparse.ArgumentParser) -> None:
    """How failed calls count."""
    command.add_argument(
        "--failures",
        choices=failures.CHOICES,
        default=failures.CHOICES[0],
        help="how failed calls count in the call latency of all calls: as infinite (default), or by how long"
        " they took; that of ok calls leaves them out",
    )


def priced(options: argparse.Namespace) -> Prices:
    """What `--prices` names. Raises ConfigError."""
    return shipped() if options.prices is None else read_prices(options.prices)


def as_options(text: str, options: Mapping[str, str]) -> str:
    """What is wrong with the keys of a spec, said of the options they were given by."""
    for key, option in options.items():
        text = text.replace(f"{key} =", f"{option} =")
    return text
