"""What the scenarios play: each source has its own options and builds a schedule from them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.errors import ConfigError, expected
from harness.files import why
from harness.play.offer import CLOSED, Offer, evening_offer, steady_offer
from harness.workload.arrivals import LAWS
from harness.workload.schedule import TraceSchedule
from harness.workload.spans import parse_span, parse_window
from harness.workload.trace import parse_trace


class Source(Protocol):
    """A scenario's source of arrivals."""

    @property
    def name(self) -> str:
        """The scenario's name."""

    @property
    def mock_profile(self) -> str:
        """The profile it plays against unless told otherwise."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Its own options."""

    def offer(self, options: Namespace, seed: int) -> Offer:
        """What these options ask for. Raises ConfigError."""


@dataclass(frozen=True, slots=True)
class Evening:
    """The Thai evening around 8 pm, compressed."""

    name: str = "primetime"
    mock_profile: str = "primetime"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The evening's options."""
        parser.add_argument(
            "--evening", default="3m", metavar="LENGTH", help="how long it plays (default: 3m)"
        )
        parser.add_argument(
            "--window",
            default="19:30-20:30",
            metavar="HH:MM-HH:MM",
            help="the part of the evening played, Thai time (default: 19:30-20:30)",
        )
        parser.add_argument(
            "--peak-rps",
            type=float,
            default=20.0,
            metavar="N",
            help="calls a second at the peak (default: 20)",
        )
        _add_arrivals(parser, "gamma")

    def offer(self, options: Namespace, seed: int) -> Offer:
        """The evening these options ask for."""
        length_s = parse_span(options.evening, "--evening")
        peak_rps = _rate("--peak-rps", options.peak_rps)
        return evening_offer(parse_window(options.window), length_s, peak_rps, options.arrivals, seed)


@dataclass(frozen=True, slots=True)
class Steady:
    """The same rate throughout."""

    name: str = "steady"
    mock_profile: str = "calm"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The options of a steady load."""
        parser.add_argument(
            "--rate", type=float, default=10.0, metavar="N", help="calls a second (default: 10)"
        )
        parser.add_argument(
            "--length", default="1m", metavar="LENGTH", help="how long it plays (default: 1m)"
        )
        _add_arrivals(parser, "poisson")

    def offer(self, options: Namespace, seed: int) -> Offer:
        """The load these options ask for."""
        rate, length_s = _rate("--rate", options.rate), parse_span(options.length, "--length")
        return steady_offer(rate, length_s, options.arrivals, seed)


@dataclass(frozen=True, slots=True)
class Trace:
    """A recorded trace, as it was or faster."""

    name: str = "replay"
    mock_profile: str = "instant"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The trace's options."""
        parser.add_argument(
            "--trace", metavar="FILE", help="Azure CSV, BurstGPT CSV or Mooncake JSONL, known by its columns"
        )
        parser.add_argument(
            "--speedup", type=float, default=1.0, metavar="N", help="divide the gaps by N (default: 1)"
        )

    def offer(self, options: Namespace, seed: int) -> Offer:
        """The trace these options name."""
        del seed
        if not options.trace:
            raise ConfigError("--trace: none given: expected a trace file")
        speedup = _rate("--speedup", options.speedup)
        try:
            with Path(options.trace).open(encoding="utf-8-sig") as lines:
                rows = parse_trace(lines, options.trace)
        except OSError as error:
            raise ConfigError(f"--trace {options.trace}: {why(error, options.trace)}") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"--trace {options.trace}: not a text file: {error}") from error
        schedule = TraceSchedule(rows, speedup)
        about = {"arrivals": "trace", "trace": Path(options.trace).name, "speedup": speedup}
        return Offer(schedule, schedule.length_ns / 1e9, None, about)


def _add_arrivals(parser: ArgumentParser, default: str) -> None:
    parser.add_argument(
        "--arrivals",
        choices=[*LAWS, CLOSED],
        default=default,
        help=f"open loop by a law of gaps, or closed: -u users in a loop (default: {default})",
    )


def _rate(name: str, value: float) -> float:
    if not 0 < value < float("inf"):
        raise expected(name, value, "more than 0")
    return value
