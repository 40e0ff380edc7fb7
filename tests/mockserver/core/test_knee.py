"""The knee: where the load nears the capacity, latency rises, goodput stops rising, and calls are refused."""

import math
from dataclasses import dataclass
from random import Random
from statistics import median

import pytest

from mockserver.core.decide import Core
from mockserver.profile import CapacitySettings, Profile
from tests.mockserver.core.playing import S, play, poisson_us, requests

# The latency model of the profiles in its parts, 20 slots, and a full batch 30 % slower.
KNEE = CapacitySettings(slots=20, queue=40, slowdown=0.3)
MEAN_TTFT_S = 0.98 * 0.720 * math.exp(0.28**2 / 2) + 0.02 * 2.000 * math.exp(0.40**2 / 2)
MEAN_TOKENS = 151 * math.exp(0.86**2 / 2)
KNEE_CAPACITY = 20 / (MEAN_TTFT_S + MEAN_TOKENS * 0.014 * 1.3)  # 4.2 calls a second


@dataclass(frozen=True, slots=True)
class Level:
    """At one offered load: the median latency of the calls served, and as parts of the capacity and of the
    calls, those served in time and those refused.
    """

    p50_s: float
    goodput: float
    refused: float


def _at(load: float, duration_s: int = 1_500) -> Level:
    instants = list(poisson_us(Random(1), load * KNEE_CAPACITY, 0, duration_s))
    calls = play(Core(Profile("p", capacity=KNEE), seed=1), requests(instants)).calls.values()
    served = [call for call in calls if call.ok]
    in_time = sum(call.ended_us <= duration_s * S for call in served)
    return Level(
        p50_s=median(call.ended_us - call.sent_us for call in served) / S,
        goodput=in_time / duration_s / KNEE_CAPACITY,
        refused=1 - len(served) / len(calls),
    )


def test_the_latency_has_a_knee_and_the_goodput_a_ceiling() -> None:
    levels = {percent: _at(percent / 100) for percent in range(20, 121, 10)}
    flat, full = levels[20].p50_s, levels[120]
    # Alone: 0.72 s, and 151 tokens of 14 ms in a batch a fifth full (slower by 6 %).
    assert flat == pytest.approx(0.72 + 151 * 0.014 * 1.06, rel=0.05)
    for percent, level in levels.items():
        if percent <= 80:
            assert flat * 0.99 < level.p50_s < flat * 1.2
            assert level.refused == 0
        if percent <= 90:
            assert level.goodput == pytest.approx(percent / 100, rel=0.03)
    # Beyond it the queue is full: 40 places of which 20 slots serve 4.2 a second add 9.5 s to 3.5.
    assert levels[110].p50_s > 3 * levels[80].p50_s
    assert full.p50_s == pytest.approx(flat + 40 / KNEE_CAPACITY, rel=0.1)
    assert levels[110].goodput == pytest.approx(1, rel=0.03)
    assert full.goodput == pytest.approx(1, rel=0.03)
    assert levels[100].refused < 0.02
    assert full.refused == pytest.approx(1 - 1 / 1.2, abs=0.03)
