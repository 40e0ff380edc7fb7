"""Slots and queue against queueing theory: Erlang's formulas, Little's law, the recursion of G/G/c.

The formulas stand in Gross, Shortle, Thompson and Harris, Fundamentals of Queueing Theory (4th ed., 2008),
chapter 2: M/M/c, M/M/c/K and Erlang's loss formula. Where nothing else is said, a mean service takes 1.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import accumulate
from math import factorial
from random import Random

import pytest

from mockserver.core.capacity import Capacity
from mockserver.core.decide import Core
from mockserver.core.decisions import Generate, Overload
from mockserver.profile import CapacitySettings, Profile
from tests.mockserver.core.playing import Caller, Play, S, Try, play, poisson_us, requests

UNBOUNDED = 10**9


def erlang_c(servers: int, load: float) -> float:
    """The probability of having to wait in M/M/c, at `load` = arrival rate / service rate < c.

    (a^c / c!) / (1 - a/c), over itself plus the sum of a^k / k! for k < c.
    """
    waiting = load**servers / factorial(servers) / (1 - load / servers)
    return waiting / (waiting + sum(load**k / factorial(k) for k in range(servers)))


def blocking(servers: int, queue: int, load: float) -> float:
    """The probability of being refused in M/M/c/K with K = c + queue: the last of the states' probabilities.

    In proportion a^n / n! up to c, and a^n / (c! c^(n-c)) beyond. Without a queue it is Erlang's B.
    """
    states = [load**n / factorial(n) for n in range(servers + 1)]
    states += [
        load**n / factorial(servers) / servers ** (n - servers)
        for n in range(servers + 1, servers + queue + 1)
    ]
    return states[-1] / sum(states)


def test_the_formulas_are_those_of_the_tables() -> None:
    """Two servers half loaded: a third waits. Erlang B of 1 %: 1.361, 4.461 and 12.03 erlangs."""
    assert erlang_c(1, 0.7) == pytest.approx(0.7)
    assert erlang_c(2, 1.0) == pytest.approx(1 / 3)
    for servers, erlangs in ((5, 1.361), (10, 4.461), (20, 12.03)):
        assert blocking(servers, 0, erlangs) == pytest.approx(0.01, rel=0.003)
    # M/M/1/K: (1 - a) a^K / (1 - a^(K+1))
    assert blocking(1, 3, 0.5) == pytest.approx(0.5 * 0.5**4 / (1 - 0.5**5))


@dataclass(slots=True)
class Served:
    """What became of one run: the waits of those served, who was refused, and two integrals over time."""

    waits: list[float]
    refused: int
    span: float
    inside: float
    stays: float


def _serve(
    settings: CapacitySettings, rate: float, arrivals: int, seed: int, background: float = 0
) -> Served:
    """Poisson arrivals at `rate` a mean service, exponential services, until all have left."""
    random = Random(seed)
    capacity = Capacity(settings)
    came: dict[int, float] = {}
    endings: list[tuple[float, int]] = []
    served = Served([], 0, 0.0, 0.0, 0.0)
    instants = accumulate(random.expovariate(rate) for _ in range(arrivals))
    last = 0.0

    def begin(tickets: Iterable[int], now: float) -> None:
        for ticket in tickets:
            served.waits.append(now - came[ticket])
            heappush(endings, (now + random.expovariate(1.0), ticket))

    for ticket, now in enumerate([*instants, math.inf]):
        while endings and endings[0][0] <= now:
            end, ended = heappop(endings)
            served.inside += len(came) * (end - last)
            last = served.span = end
            served.stays += end - came[ended]
            begin([item.ticket for item in capacity.leave(ended, background)], end)
            del came[ended]
        if now == math.inf:
            break
        served.inside += len(came) * (now - last)
        last = now
        placement = capacity.arrive(ticket, background)
        if placement == "rejected":
            served.refused += 1
            continue
        came[ticket] = now
        if placement == "started":
            begin([ticket], now)
    return served


# Over 8 seeds the standard deviation of the mean wait was 1.5 to 1.9 %, of the share who wait 0.3 to 0.8 %.
@pytest.mark.parametrize(
    ("servers", "utilisation", "arrivals"),
    [(1, 0.7, 300_000), (3, 0.75, 500_000), (8, 0.8, 800_000), (20, 0.85, 1_500_000)],
)
def test_the_mean_wait_is_erlangs(servers: int, utilisation: float, arrivals: int) -> None:
    load = servers * utilisation
    served = _serve(CapacitySettings(slots=servers, queue=UNBOUNDED), load, arrivals, seed=1)
    assert len(served.waits) == arrivals
    waited = sum(wait > 0 for wait in served.waits) / arrivals
    assert waited == pytest.approx(erlang_c(servers, load), rel=0.02)
    expected = erlang_c(servers, load) / (servers - load)
    assert math.fsum(served.waits) / arrivals == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(
    ("servers", "queue", "utilisation"),
    [(1, 0, 0.4), (5, 0, 0.9), (20, 0, 1.2), (1, 4, 0.9), (4, 4, 1.0), (10, 10, 1.1), (20, 20, 1.3)],
)
def test_as_many_are_refused_as_erlang_says(servers: int, queue: int, utilisation: float) -> None:
    """100,000 arrivals: over 8 seeds the standard deviation was 0.5 to 2.9 % of the probability."""
    load = servers * utilisation
    served = _serve(CapacitySettings(slots=servers, queue=queue), load, 100_000, seed=1)
    expected = blocking(servers, queue, load)
    assert 0.05 < expected < 0.3
    assert served.refused / 100_000 == pytest.approx(expected, rel=0.05)
    assert served.refused + len(served.waits) == 100_000


def test_with_half_of_them_taken_by_others_twenty_slots_are_ten() -> None:
    half = _serve(CapacitySettings(slots=20, queue=10), 11, 20_000, seed=1, background=0.5)
    assert half == _serve(CapacitySettings(slots=10, queue=10), 11, 20_000, seed=1)


@pytest.mark.parametrize("queue", [0, 5, UNBOUNDED])
def test_littles_law_is_exact_on_a_finished_run(queue: int) -> None:
    """L = lambda W of those let in, up to the rounding of doubles."""
    served = _serve(CapacitySettings(slots=4, queue=queue), 3.6, 20_000, seed=2)
    entered = len(served.waits)
    mean_inside, rate, mean_stay = served.inside / served.span, entered / served.span, served.stays / entered
    assert mean_inside == pytest.approx(rate * mean_stay, rel=1e-9)


# The latency model in its parts, written out once more; prompts have no tokens here.
MEAN_TTFT_S = 0.98 * 0.720 * math.exp(0.28**2 / 2) + 0.02 * 2.000 * math.exp(0.40**2 / 2)
MEAN_TOKENS = 151 * math.exp(0.86**2 / 2)
MEAN_SERVICE_S = MEAN_TTFT_S + MEAN_TOKENS * 0.014


def _whole(
    slots: int, queue: int, utilisation: float, calls: int, caller: Caller, *, abandon: bool = False
) -> Play:
    """The whole core with its lognormal lengths and first tokens; a full batch is no slower."""
    capacity = CapacitySettings(slots=slots, queue=queue, abandon_when_client_gone=abandon)
    rate = utilisation * slots / MEAN_SERVICE_S
    instants = list(poisson_us(Random(1), rate, 0, calls / rate))
    return play(Core(Profile("p", capacity=capacity), seed=1), requests(instants), caller)


def _most_at_once(tries: Iterable[Try]) -> int:
    """The most that ran at any instant, by their own times; of one instant, endings come first."""
    changes = [(at, by) for tried in tries if tried.started_us is not None for at, by in _edges(tried)]
    return max(accumulate(by for _, by in sorted(changes)))


def _edges(tried: Try) -> tuple[tuple[int, int], tuple[int, int]]:
    assert tried.started_us is not None
    assert tried.ended_us is not None
    return (tried.started_us, 1), (tried.ended_us, -1)


@pytest.mark.parametrize(
    ("caller", "abandon"),
    [(Caller(), False), (Caller(8 * S, 3), False), (Caller(8 * S, 3), True)],
    ids=["patient", "impatient", "impatient and the work is dropped"],
)
def test_the_whole_core_keeps_littles_law_and_its_slots(caller: Caller, *, abandon: bool) -> None:
    """An overload of 20 % takes every slot and every place. In whole microseconds the laws are exact: the
    integral of the number inside is the sum of stays, that of the number running the sum of services.
    """
    played = _whole(10, 20, 1.2, 2_000, caller, abandon=abandon)
    inside = [tried for tried in played.tries if isinstance(tried.decision, Generate)]
    stays = sum((tried.ended_us or 0) - tried.sent_us for tried in inside)
    ran = sum((tried.ended_us or 0) - tried.started_us for tried in inside if tried.started_us is not None)
    assert (played.inside_us, played.busy_us) == (stays, ran)
    assert _most_at_once(inside) == 10
    assert any(isinstance(tried.decision, Overload) for tried in played.tries)
    assert (played.core.running, played.core.queued) == (0, 0)


@pytest.mark.parametrize(("slots", "utilisation"), [(8, 0.6), (20, 0.85)])
def test_the_utilisation_is_the_rate_times_the_mean_service_over_the_slots(
    slots: int, utilisation: float
) -> None:
    """50,000 calls: arrivals and services have a standard error of 0.6 % together."""
    played = _whole(slots, UNBOUNDED, utilisation, 50_000, Caller())
    until_us = max(call.sent_us for call in played.calls.values())
    edges = [_edges(tried) for tried in played.tries]
    busy_us = sum(min(end, until_us) - start for (start, _), (end, _) in edges if start < until_us)
    assert busy_us / until_us / slots == pytest.approx(utilisation, rel=0.02)


@pytest.mark.parametrize("slots", [1, 8])
def test_every_single_wait_is_that_of_the_recursion(slots: int) -> None:
    """Kiefer and Wolfowitz (1955), for one slot Lindley (1952): who comes first starts as soon as one of the
    slots is free, and holds it for his service. To the microsecond.
    """
    played = _whole(slots, UNBOUNDED, 0.9, 3_000, Caller())
    free_us = [0] * slots
    for tried in played.tries:
        (start_us, _), (end_us, _) = _edges(tried)
        assert start_us == max(tried.sent_us, heappop(free_us))
        heappush(free_us, end_us)
