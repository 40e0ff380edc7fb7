"""Whether the mock server's memory stays flat: RSS after a warm-up, and again and again until the end.

Every request has a key and a call id of its own, every tenth is streamed, some are met by a fault of the
profile below, and every so many a caller leaves without waiting for its reply.
"""

import itertools
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

from tests.benchmarks import replies, servers
from tests.benchmarks.driving import Tally, drive
from tests.benchmarks.servers import Running
from tests.benchmarks.table import Check

#: What the process may hold more at the end than after the warm-up: ten bytes a request of a million.
MOST_GROWTH_MB = 10.0

LEAVE_EVERY = 500
STREAM_EVERY = 10
BYTES_PER_MB = 1_000_000

# Limits that nobody reaches, but that are counted for every key; and faults that answer, break off and reset.
# What is remembered of keys, and of callers told to wait, has a bound: enough of both for it to be reached.
_PROFILE = """
[ttft]
median_ms = 0
sigma = 0
slow_share = 0
per_1k_prompt_ms = 0
[inter_token]
mean_ms = 0
cv = 0
[limits]
rpm = 1_000_000
tpm = 1_000_000_000
"""
_FAULTS = (
    'action = "status"\nstatus = 429\nretry_after_s = 1\nprobability = 0.25',
    'action = "status"\nstatus = 500\nprobability = 0.01',
    'action = "reset"\nprobability = 0.002',
    'action = "garbage"\nprobability = 0.002',
    'action = "truncate"\nprobability = 0.002',
    'action = "reset_mid"\nprobability = 0.002',
    'action = "half_json"\nprobability = 0.002',
    'action = "stream_error"\nprobability = 0.002',
)


@dataclass(frozen=True)
class Plan:
    """How many requests, and after how many of them the memory is looked at."""

    requests: int
    warm_up: int
    every: int
    connections: int


@dataclass(frozen=True)
class Grown:
    """Requests sent so far and the memory then, from the end of the warm-up on; and how they ended."""

    samples: list[tuple[int, int]]
    tally: Tally

    @property
    def growth_bytes(self) -> int:
        """Between the end of the warm-up and the end."""
        return self.samples[-1][1] - self.samples[0][1]


def measure(plan: Plan, cores: tuple[int, ...], progress: Callable[[int, int], None]) -> Grown:
    """Play the plan against a server of its own; `progress` is told requests and bytes."""
    with _profile() as path, servers.ours(cores, "--profile", str(path), "--log", os.devnull) as server:
        samples: list[tuple[int, int]] = []
        source = _requests(plan, server, samples, progress)
        tally = uvloop.run(drive(server.port, plan.connections, source, leave_every=LEAVE_EVERY))
        samples.append((plan.requests, server.rss_bytes()))
    return Grown(samples, tally)


def check(grown: Grown) -> Check:
    """The bound."""
    growth_mb = grown.growth_bytes / BYTES_PER_MB
    requests = grown.samples[-1][0] - grown.samples[0][0]
    what = f"growth of the server over {requests:,} requests (at most {MOST_GROWTH_MB:g} MB)"
    return Check(what, growth_mb, "MB", growth_mb <= MOST_GROWTH_MB)


def text(grown: Grown) -> str:
    """What was seen, and how many requests met what."""
    lines = [f"{'requests':>12}  {'RSS, MB':>9}"]
    lines += [f"{count:>12,}  {rss / BYTES_PER_MB:>9.1f}" for count, rss in grown.samples]
    tally = grown.tally
    lines.append(
        f"\n{tally.served:,} replies of status 200, {tally.refused:,} of others, {tally.lost:,} without end"
    )
    return "\n".join(lines)


def _requests(
    plan: Plan, server: Running, samples: list[tuple[int, int]], progress: Callable[[int, int], None]
) -> Callable[[], bytes | None]:
    """The source of the requests, which looks at the memory on its way."""
    marks = {plan.warm_up, *range(plan.every, plan.requests, plan.every)} - set(range(plan.warm_up))
    templates = [_template(stream=stream) for stream in (False, True)]
    numbers = itertools.count()

    def source() -> bytes | None:
        number = next(numbers)
        if number >= plan.requests:
            return None
        if number in marks:
            samples.append((number, server.rss_bytes()))
            progress(*samples[-1])
        return templates[number % STREAM_EVERY == 0] % (number, number)

    return source


def _template(*, stream: bool) -> bytes:
    """A request with two places for its number: in its key, and as its call id."""
    ready = replies.request(stream=stream, extra=b"x-primetime-call: %d\r\n")
    return ready.replace(b"sk-benchmark", b"sk-%d")


@contextmanager
def _profile() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="primetime-memory-") as folder:
        path = Path(folder) / "memory.toml"
        rules = "".join(f"\n[[request_faults]]\n{rule}\n" for rule in _FAULTS)
        path.write_text(_PROFILE + rules, encoding="utf-8")
        yield path
