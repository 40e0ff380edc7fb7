"""What is given back, held against a bucket into which it was never poured."""

from hypothesis import given
from hypothesis import strategies as st

from mockserver.core.bucket import UNITS, Bucket
from mockserver.core.lows import MAX_MOMENTS, Lows

S = 1_000_000
LIMIT = 1_000


def _level(poured: list[tuple[int, int]], now_us: int) -> int:
    """The level in units now, of a bucket of these instants and amounts, from its equation."""
    level = before_us = 0
    for at_us, amount in poured:
        level = max(0, level - LIMIT * (at_us - before_us)) + amount * UNITS
        before_us = at_us
    return max(0, level - LIMIT * (now_us - before_us))


# A pause, an amount, and what of an earlier pouring (which: by its share of them) is then given back.
_STEPS = st.lists(
    st.tuples(st.integers(0, 40 * S), st.integers(0, 600), st.floats(0, 0.999), st.integers(0, 600)),
    min_size=1,
    max_size=40,
)


@given(_STEPS)
def test_what_was_not_spent_might_as_well_never_have_been_poured(
    steps: list[tuple[int, int, float, int]],
) -> None:
    bucket = Bucket(LIMIT, 60, 0)
    poured: list[tuple[int, int]] = []
    moments: list[int] = []
    now_us = 0
    for pause_us, amount, which, back in steps:
        now_us += pause_us
        moments.append(bucket.add(amount, now_us))
        poured.append((now_us, amount))
        now_us += pause_us // 2
        chosen = int(which * len(poured))
        at_us, left = poured[chosen]
        given_back = min(back, left)
        bucket.give_back(given_back, moments[chosen], now_us)
        poured[chosen] = at_us, left - given_back
        assert bucket.level(now_us).reset_us == -(-_level(poured, now_us) // LIMIT)


def test_a_saturated_bucket_gives_back_everything() -> None:
    """It has never been empty since: what is given back is exactly what is free."""
    bucket = Bucket(LIMIT, 60, 0)
    moments = [bucket.add(100, 0) for _ in range(10)]
    bucket.give_back(60, moments[0], 6 * S)  # 100 have drained
    assert bucket.used(6 * S) == 1_000 - 100 - 60


def test_what_has_drained_is_not_given_back() -> None:
    bucket = Bucket(LIMIT, 60, 0)
    moment = bucket.add(1_000, 0)
    bucket.add(1_000, 60 * S)
    bucket.give_back(990, moment, 60 * S)
    assert bucket.used(60 * S) == 1_000


def test_of_the_oldest_moments_no_more_than_the_bound_are_remembered() -> None:
    lows = Lows()
    for level in range(MAX_MOMENTS + 100):
        lows.rise(level)
    assert lows.since(0, 10**9) == 100
