"""Measuring servers: they take turns, round after round, so that a noisy moment falls on all of them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import median

import uvloop

from tests.benchmarks import aimock, replies, servers
from tests.benchmarks.driving import turn
from tests.benchmarks.replies import WrongReplyError
from tests.benchmarks.servers import Running

OURS = "ours: mockserver --profile instant"
BARE = "bare aiohttp.web handler on uvloop"
AIMOCK = f"{aimock.PACKAGE} {aimock.VERSION}"
ROOFLINE = "ready bytes (the generator's roofline)"

#: Unmeasured seconds at the start of each turn: connections are opened, what fell asleep wakes up.
WARM_UP_S = 0.2


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    connections: int
    rounds: int
    turn_s: float


@dataclass
class Row:
    """What was measured of a server with one kind of reply, a figure a round; or why nothing was."""

    name: str
    stream: bool
    skipped: str | None = None
    replies_per_s: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    generator_busy: list[float] = field(default_factory=list)

    @property
    def units(self) -> int:
        """What is counted of a reply: its content events, or itself."""
        return replies.TOKENS if self.stream else 1

    @property
    def rate(self) -> float:
        """Median of replies or events a second."""
        return median(self.replies_per_s) * self.units

    @property
    def cost_us(self) -> float:
        """Median of the server's CPU time a reply."""
        return median(self.cpu_us)


@dataclass(frozen=True)
class Fleet:
    """The servers that run, by name; those of the roofline have one kind of reply each."""

    running: dict[tuple[str, bool], Running]
    skipped: dict[str, str]


@contextmanager
def fleet(cores: tuple[int, ...], *, install: bool) -> Iterator[Fleet]:
    """Start them all; raises RuntimeError. aimock is left out where it cannot be had."""
    skipped: dict[str, str] = {}
    with ExitStack() as stack:
        found = {
            OURS: stack.enter_context(servers.ours(cores, "--profile", "instant")),
            BARE: stack.enter_context(servers.bare(cores)),
        }
        try:
            found[AIMOCK] = stack.enter_context(servers.peer(cores, aimock.command(install=install)))
        except aimock.AbsentError as error:
            skipped[AIMOCK] = str(error)
        running = {(name, stream): server for name, server in found.items() for stream in (False, True)}
        for stream in (False, True):
            running[ROOFLINE, stream] = stack.enter_context(servers.raw(cores, stream=stream))
        yield Fleet(running, skipped)


def measure(ran: Fleet, plan: Plan, progress: Callable[[int, str], None]) -> list[Row]:
    """A row a server and kind of reply. Raises WrongReplyError for a server that does not answer right.

    The first round is not counted: a just-in-time compiler learns in it what it will be asked.
    """
    rows = [
        Row(name, stream, ran.skipped.get(name))
        for stream in (False, True)
        for name in (OURS, BARE, AIMOCK, ROOFLINE)
    ]
    present = [(row, ran.running[row.name, row.stream]) for row in rows if row.skipped is None]
    for row, server in present:
        replies.check(row.name, server.port, stream=row.stream)
    for number in range(plan.rounds + 1):
        for row, server in present:
            progress(number, row.name)
            _turn(row if number else Row(row.name, row.stream), server, plan)
    return rows


def _turn(row: Row, server: Running, plan: Plan) -> None:
    request = replies.request(stream=row.stream)
    uvloop.run(turn(server.port, plan.connections, request, WARM_UP_S))
    cpu_s = server.cpu_s()
    done = uvloop.run(turn(server.port, plan.connections, request, plan.turn_s))
    cpu_s = server.cpu_s() - cpu_s
    tally = done.tally
    if tally.refused or tally.lost or not tally.served:
        bad = f"{tally.refused} were not of status 200 and {tally.lost} broke off"
        raise WrongReplyError(f"{row.name}: of {tally.ended} replies {bad}")
    row.replies_per_s.append(tally.served / done.wall_s)
    row.cpu_us.append(cpu_s / tally.served * 1e6)
    row.generator_busy.append(done.cpu_s / done.wall_s)
