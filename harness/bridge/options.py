"""The command line of every scenario, and the settings it gives."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from harness.errors import ConfigError, expected
from harness.policy.config import Policy
from harness.policy.presets import PRESETS
from harness.policy_file import load_policy
from harness.wire.address import LOOPBACK, is_http_address, is_loopback

TransportName = Literal["httpx", "fast"]
TRANSPORTS: tuple[TransportName, ...] = ("httpx", "fast")

#: Stands in for a key where none is needed.
MOCK_KEY = "sk-primetime-mock"


@dataclass(frozen=True, slots=True)
class Settings:
    """What one run is asked to do; the scenario's own options are with its source."""

    policy: Policy
    seed: int
    run_dir: Path
    mock_profile: str
    closed: bool
    users: int
    run_time_s: float | None
    max_requests: int | None
    transport: TransportName
    stream: bool


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
    parser.add_argument(
        "--mock-host",
        default=LOOPBACK[1],
        metavar="ADDRESS",
        help="where the bundled mock server listens: an address of the master's, for workers on other hosts"
        f" (default: {LOOPBACK[1]})",
    )
    parser.add_argument(
        "--allow-real-target",
        action="store_true",
        help="let requests leave this machine; needs --max-requests, too",
    )
    parser.add_argument(
        "--max-requests", type=int, default=None, metavar="N", help="send at most N requests in the whole run"
    )


def settings_from(options: Namespace) -> Settings:
    """The settings on a parsed command line. Raises ConfigError."""
    max_requests = count("--max-requests", options.max_requests)
    closed = is_closed(options)
    run_time = getattr(options, "run_time", None)
    return Settings(
        policy=load_policy(options.policy),
        seed=options.seed,
        run_dir=Path(options.run_dir),
        mock_profile=options.mock_profile,
        closed=closed,
        users=(options.num_users or 1) if closed else 0,
        run_time_s=float(run_time) if run_time else None,
        max_requests=max_requests,
        transport=_transport(options.transport),
        stream=bool(options.stream),
    )


def is_closed(options: Namespace) -> bool:
    """Whether Locust's users loop, instead of the schedule deciding. A trace has no choice of arrivals."""
    return getattr(options, "arrivals", None) == "closed"


def _transport(name: str) -> TransportName:
    """A known transport; the web UI's form is not held to the choices."""
    for known in TRANSPORTS:
        if name == known:
            return known
    raise expected("--transport", name, f"one of {', '.join(TRANSPORTS)}")


def count(name: str, value: int | str | None) -> int | None:
    """A number of at least 1, or None; the web UI's form sends text, and nothing as an empty one.

    Raises ConfigError.
    """
    if value is None or value == "":
        return None
    try:
        number = int(value)
    except ValueError:
        number = 0
    if number < 1:
        raise expected(name, value, "a whole number, at least 1")
    return number


def base_url(host: str) -> str:
    """The API's base address for a `--host`: `/v1` is added where the host names no path."""
    if not is_http_address(host):
        raise expected("--host", host, "an address such as http://127.0.0.1:8000")
    return host.rstrip("/") + ("" if urlsplit(host).path.strip("/") else "/v1")


def is_local(host: str) -> bool:
    """Whether a `--host` is this machine. Raises ConfigError for what is no address."""
    return is_loopback(base_url(host))


def api_key(host: str, *, bundled: bool) -> str | None:
    """The API key; the bundled server, and one on this machine without a key at hand, get a stand-in."""
    if bundled:
        return MOCK_KEY
    return os.environ.get("OPENAI_API_KEY") or (MOCK_KEY if is_local(host) else None)


def check_target(host: str, *, allowed: bool, max_requests: int | None) -> bool:
    """Whether a host is on this machine. A host elsewhere is refused unless allowed and given a budget."""
    if is_local(host):
        return True
    if not allowed or max_requests is None:
        raise ConfigError(
            f"--host {host} is not on this machine, and requests to a real API cost money: give both"
            " --allow-real-target and --max-requests N to send to it"
        )
    return False


def address(host: str) -> tuple[str, int]:
    """Host name and port of a `--host`."""
    parts = urlsplit(host)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
