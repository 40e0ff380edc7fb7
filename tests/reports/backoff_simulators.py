"""Two small simulators of clients that collide, to hold the client's backoff against."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from heapq import heappop, heappush
from random import Random

#: The wait before the next try, after so many failed ones.
Wait = Callable[[int, Random], float]


def one_at_a_time(clients: int, spread: float, service: float, wait: Wait, seed: int) -> tuple[float, float]:
    """Attempts a client, and when the last is served, of a server that does one thing and refuses the rest.

    The clients come within `spread`, independently.
    """
    random = Random(seed)
    coming = [(random.uniform(0, spread), number, 1) for number in range(clients)]
    coming.sort()
    attempts, free_at = 0, 0.0
    while coming:
        now, number, tries = heappop(coming)
        attempts += 1
        if now >= free_at:
            free_at = now + service
        else:
            heappush(coming, (now + wait(tries, random), number, tries + 1))
    return attempts / clients, free_at


def optimistic(clients: int, wait: Wait, seed: int) -> tuple[float, float]:
    """Writes a client, and the milliseconds until all are done: aws-samples/aws-arch-backoff-simulator.

    One row under optimistic concurrency control: who writes with the version last read succeeds. A message
    takes |N(10, 2)| ms. A transcription of its src/backoff_simulator.py.
    """
    random, order = Random(seed), itertools.count()

    def delay() -> float:
        return abs(random.normalvariate(10, 2))

    events: list[tuple[float, int, str, int, int]] = []  # when, order, what, version or verdict, tries
    for _ in range(clients):
        heappush(events, (delay(), next(order), "read", 0, 0))
    version = writes = 0
    now = 0.0
    while events:
        now, _, what, value, tries = heappop(events)
        match what:
            case "read":
                heappush(events, (now + delay(), next(order), "was read", version, tries))
            case "was read":
                heappush(events, (now + delay(), next(order), "write", value, tries))
            case "write":
                writes += 1
                succeeds = value == version
                version += succeeds
                heappush(events, (now + delay(), next(order), "was written", int(succeeds), tries))
            case "was written" if not value:
                again = now + delay() + wait(tries + 1, random)
                heappush(events, (again, next(order), "read", 0, tries + 1))
    return writes / clients, now
