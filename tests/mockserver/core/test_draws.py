"""Draws depend on their names and nothing else."""

import os
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from mockserver.core.draws import lognormal, standard_normal, uniform

_PRINT = (
    "from mockserver.core.draws import uniform; print(repr([uniform(7, 'ttft', c, 2) for c in range(50)]))"
)


def _in_another_process(hash_seed: str) -> str:
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        [sys.executable, "-c", _PRINT], capture_output=True, text=True, check=True, env=environment
    )
    return done.stdout.strip()


def test_the_same_in_every_process_whatever_the_hash_seed() -> None:
    here = repr([uniform(7, "ttft", call, 2) for call in range(50)])
    assert _in_another_process("1") == here
    assert _in_another_process("4242") == here


def test_pinned_so_that_a_seed_means_the_same_evening_in_every_version() -> None:
    # blake2b("1/length/0", 8 bytes) and its top 52 bits.
    assert uniform(1, "length", 0) == 0.8897520792475829


def test_names_do_not_run_into_each_other() -> None:
    draws = {
        uniform(1, "a", 11),
        uniform(11, "a", 1),
        uniform(1, "a", 1, 1),
        uniform(1, "a1", 1),
        uniform(1, "a", 1),
    }
    assert len(draws) == 5


@given(st.integers(), st.text(), st.integers(0))
def test_inside_the_open_interval(seed: int, stream: str, call: int) -> None:
    assert 0 < uniform(seed, stream.encode("utf-8", "replace").decode(), call) < 1


def test_the_mean_and_variance_are_of_a_uniform() -> None:
    draws = [uniform(3, "test", call) for call in range(20_000)]
    mean = sum(draws) / len(draws)
    variance = sum((u - mean) ** 2 for u in draws) / len(draws)
    # Standard errors: 0.289/141 = 0.002; of the variance about 0.0005.
    assert abs(mean - 0.5) < 0.008
    assert abs(variance - 1 / 12) < 0.002


def test_the_ends_have_finite_quantiles() -> None:
    lowest, highest = 0.5 * 2.0**-52, 1 - 0.5 * 2.0**-52
    assert -8.3 < standard_normal(lowest) < -8
    assert 8 < standard_normal(highest) < 8.3


def test_the_lognormal_at_half_is_its_median() -> None:
    assert lognormal(0.5, 720, 0.28) == 720
    # One sigma up: Phi(1) = 0.841344746
    assert abs(lognormal(0.8413447460685429, 100, 0.5) - 164.872) < 0.001
