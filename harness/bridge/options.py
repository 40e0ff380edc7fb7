"""The command line of every scenario, and the settings it gives."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

from harness.bridge.target import Target
from harness.client.endpoint import DEFAULT_MODELS, WireName
from harness.errors import expected
from harness.policy.config import Policy
from harness.policy.presets import PRESETS
from harness.policy.respectful import respectful
from harness.policy_file import load_policy
from harness.spending.given import add_budget, count, picodollars
from harness.wire.address import LOOPBACK

TransportName = Literal["httpx", "fast"]
TRANSPORTS: tuple[TransportName, ...] = ("httpx", "fast")
WIRES: tuple[WireName, ...] = ("openai", "anthropic")

Name = TypeVar("Name", bound=str)


@dataclass(frozen=True, slots=True)
class Settings:
    """What one run is asked to do; the scenario's own options are with its source.

    `max_usd` is in picodollars; `prices` is the file of a price table, empty for the one that ships.
    """

    policy: Policy
    seed: int
    run_dir: Path
    mock_profile: str
    closed: bool
    users: int
    run_time_s: float | None
    max_requests: int | None
    max_tokens: int | None
    max_usd: int | None
    prices: str
    wire: WireName
    model: str
    transport: TransportName
    stream: bool

    def target(self, host: str, *, bundled: bool) -> Target:
        """The API at a host."""
        return Target(host, self.wire, self.model, bundled)

    def toward(self, target: Target) -> Settings:
        """The settings for a target: what a real API asks of its callers is not optional."""
        return replace(self, policy=respectful(self.policy)) if target.real else self

    @property
    def limited(self) -> bool:
        """Whether there is a budget."""
        return any(most is not None for most in (self.max_usd, self.max_requests, self.max_tokens))

    @property
    def models(self) -> dict[str, str]:
        """The models that calls are made with, by what names them."""
        second = self.policy.fallback.model
        return {"--model": self.model} | ({} if second is None else {"fallback.model": second})


def add_arguments(parser: ArgumentParser, mock_profile: str) -> None:
    """The options all scenarios share."""
    # Not in a group of its own: that would keep them out of the web UI's form.
    parser.add_argument(
        "--policy",
        default="tuned",
        metavar="PRESET|FILE.toml",
        help=f"the client's settings: {', '.join(PRESETS)}, or a policy file (default: tuned)",
    )
    parser.add_argument(
        "--transport",
        choices=TRANSPORTS,
        default="httpx",
        help="what carries requests: httpx, as in production, or fast, for more load (default: httpx)",
    )
    parser.add_argument("--stream", action="store_true", help="ask for replies as streams")
    parser.add_argument(
        "--seed", type=int, default=1, help="seed of arrivals, prompts and jitter (default: 1)"
    )
    parser.add_argument(
        "--run-dir", default="runs", metavar="DIR", help="where run folders go (default: runs)"
    )
    parser.add_argument(
        "--mock-profile",
        default=mock_profile,
        metavar="NAME|FILE.toml",
        help=f"what the bundled mock server plays (default: {mock_profile})",
    )
    mock_host = parser.add_argument(
        "--mock-host",
        default=LOOPBACK[1],
        metavar="ADDRESS",
        help="where the bundled mock server listens: an address of the master's, for workers on other hosts"
        f" (default: {LOOPBACK[1]})",
    )
    parser.add_argument(
        "--wire", choices=WIRES, default="openai", help="the format of the API at --host (default: openai)"
    )
    parser.add_argument(
        "--model",
        default="",
        metavar="NAME",
        help="the model asked for (default: {openai}, or {anthropic})".format(**DEFAULT_MODELS),
    )
    permission = add_budget(parser)
    consent = parser.add_argument(
        "--yes", action="store_true", help="consent to the cost of a real API: nobody is asked"
    )
    # Read once, at the start: by who pays, not by whoever opens the web UI, and where the mock server starts.
    for action in (permission, consent, mock_host):
        action.include_in_web_ui = False  # type: ignore[attr-defined]  # Locust's own attribute


def settings_from(options: Namespace, policy: Policy | None = None) -> Settings:
    """The settings on a parsed command line, with this policy instead of its own. Raises ConfigError."""
    closed = is_closed(options)
    run_time = getattr(options, "run_time", None)
    wire = _one_of("--wire", options.wire, WIRES)
    return Settings(
        policy=policy or load_policy(options.policy),
        seed=options.seed,
        run_dir=Path(options.run_dir),
        mock_profile=options.mock_profile,
        closed=closed,
        users=(options.num_users or 1) if closed else 0,
        run_time_s=float(run_time) if run_time else None,
        max_requests=count("--max-requests", options.max_requests),
        max_tokens=count("--max-tokens", options.max_tokens),
        max_usd=picodollars("--max-usd", options.max_usd),
        prices=options.prices or "",
        wire=wire,
        model=options.model or DEFAULT_MODELS[wire],
        transport=_one_of("--transport", options.transport, TRANSPORTS),
        stream=bool(options.stream),
    )


def is_closed(options: Namespace) -> bool:
    """Whether Locust's users loop, instead of the schedule deciding. A trace has no choice of arrivals."""
    return getattr(options, "arrivals", None) == "closed"


def _one_of(option: str, name: str, known: Sequence[Name]) -> Name:
    """A known name; the web UI's form is not held to the choices."""
    for one in known:
        if name == one:
            return one
    raise expected(option, name, f"one of {', '.join(known)}")
