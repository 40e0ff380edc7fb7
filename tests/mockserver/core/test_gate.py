"""The token bucket of new connections."""

from hypothesis import given
from hypothesis import strategies as st

from mockserver.core.gate import Gate
from mockserver.profile import FrontSettings

S = 1_000_000


def _through(gate: Gate, now_us: int) -> int:
    count = 0
    while gate.wait_us(now_us) == 0 and count < 1000:
        gate.enter(now_us)
        count += 1
    return count


def test_a_burst_then_its_rate() -> None:
    gate = Gate(FrontSettings(connections_per_s=10, burst=3), 0)
    assert _through(gate, 0) == 3
    assert gate.wait_us(0) == 100_000
    assert _through(gate, 100_000) == 1
    assert _through(gate, 10 * S) == 3


def test_no_rate_lets_everybody_in() -> None:
    assert _through(Gate(FrontSettings(), 0), 0) == 1000


@given(st.integers(1, 1000), st.integers(1, 50), st.lists(st.integers(0, S), max_size=100))
def test_no_more_than_burst_and_rate_and_each_wait_is_exact(
    rate: int, burst: int, pauses_us: list[int]
) -> None:
    gate = Gate(FrontSettings(connections_per_s=rate, burst=burst), 0)
    now_us = entered = 0
    for pause_us in pauses_us:
        now_us += pause_us
        wait_us = gate.wait_us(now_us)
        if wait_us > 1:
            assert gate.wait_us(now_us + wait_us - 1) == 1
        now_us += wait_us
        assert gate.wait_us(now_us) == 0
        gate.enter(now_us)
        entered += 1
    assert entered <= burst + rate * now_us / S
