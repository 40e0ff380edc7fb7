"""The kernel's timers: when they fire."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.sim.linux import HZ, SYN_WAITS_S, wheel


@pytest.mark.parametrize(
    ("now_s", "wait_s", "fires_s"),
    [
        # Below 63 jiffies (0.252 s) every jiffy is a slot; a timer never fires in the jiffy of its instant.
        (0.0, 0.2, 0.204),
        (0.001, 0.2, 0.204),
        (0.0, 0.248, 0.252),
        # Below 504 (2.016 s) every eighth, 32 ms.
        (0.0, 0.252, 0.256),
        (0.0, 1.0, 1.024),
        (0.023, 1.0, 1.024),
        (0.024, 1.0, 1.056),
        (0.0, 2.0, 2.016),
        # Below 4032 (16.128 s) every 64th, 256 ms; then every 512th, 2.048 s.
        (0.0, 2.016, 2.048),
        (0.0, 4.0, 4.096),
        (0.2, 16.0, 16.384),
        (0.0, 32.0, 32.768),
    ],
)
def test_a_timer_fires_with_the_slot_that_follows_its_instant(
    now_s: float, wait_s: float, fires_s: float
) -> None:
    assert wheel(now_s, wait_s) == pytest.approx(fires_s, abs=1e-9)


@given(st.floats(0, 100_000), st.floats(0.004, 120))
def test_no_timer_fires_early_or_more_than_an_eighth_and_a_jiffy_late(now_s: float, wait_s: float) -> None:
    """A slot is at most 8/63 of the waits that it is for."""
    late_s = wheel(now_s, wait_s) - (now_s + wait_s)
    assert -1e-9 < late_s <= wait_s * 8 / 63 + 1 / HZ + 1e-9


def test_the_waits_between_syns_are_linear_and_then_double() -> None:
    assert SYN_WAITS_S[:5] == (1,) * 5
    assert all(later == 2 * earlier for earlier, later in pairwise(SYN_WAITS_S[4:]))
