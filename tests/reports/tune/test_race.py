"""The race: who stays, on how many seeds, who wins, and what becomes of today's settings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest

from reports.tune.race import best, candidate, race
from reports.tune.spec import TuneSpec
from reports.tune.study import Tried
from reports.virtual.cell import Figures
from tests.reports.tune import made
from tests.reports.virtual import small


def test_a_third_stays_at_every_step_and_today_s_beside_it() -> None:
    played = made.Played(made.by_limit)
    raced = race(made.spec(), made.tried(10, 20, 30, 40, 60, 70, 80, 90), played)
    # Nine on one seed; of them three and today's on three; of four two and today's on nine.
    assert [(sorted(map(str, limits)), seeds) for limits, seeds in played.asked] == [
        (["10", "20", "30", "40", "60", "70", "80", "90", "None"], 1),
        (["70", "80", "90", "None"], 3),
        (["80", "90", "None"], 9),
    ]
    assert raced.winner is not None
    assert raced.winner.settings[made.LIMIT] == 90
    assert len(raced.winner.cells) == 9
    assert (len(raced.all), len(raced.last), raced.front) == (9, 3, [raced.winner])
    assert raced.today.number is None
    assert len(raced.today.cells) == 9


def test_today_s_settings_may_win() -> None:
    raced = race(made.spec(), made.tried(10, 20), made.play_all())
    assert raced.winner is raced.today


def test_of_equals_today_s_settings_win() -> None:
    same = made.play_all(lambda _, seed: small.figures(3.0, 100.0, seed=seed))
    raced = race(made.spec(), made.tried(*range(2, 20)), same)
    assert len(raced.front) > 1
    assert raced.winner is raced.today


def test_a_trial_of_today_s_settings_is_today_s() -> None:
    spec = made.spec()
    today = Tried(0, {made.LIMIT: 100, made.DEADLINE: "off"})
    played = made.Played(made.by_limit)
    race(spec, [today, *made.tried(20)], played)
    assert played.asked[0][0] == [None, 20]


def test_a_fixed_limit_is_not_today_s_adaptive_one() -> None:
    played = made.Played(made.by_limit)
    spec = made.spec(policy="tuned")
    assert spec.today == {made.LIMIT: "not read", made.DEADLINE: 24.9}
    race(spec, [Tried(0, {made.LIMIT: 100, made.DEADLINE: 24.9})], played)
    assert played.asked[0][0] == [None, 100]


def test_the_same_settings_race_once() -> None:
    played = made.Played(made.by_limit)
    race(made.spec(), made.tried(20, 30, 20, 20), played)
    assert played.asked[0][0] == [None, 20, 30]


def test_without_a_trial_today_s_settings_race_alone() -> None:
    raced = race(made.spec(), [], made.play_all())
    assert raced.winner is raced.today
    assert raced.last == [raced.today]


def dear_above_60(some: Mapping[str, Any], seed: int) -> Figures:
    limit = some.get(made.LIMIT, 50)
    return small.figures(limit / 10, 100.0, seed=seed, amplification=2.0 if limit > 60 else 1.0)


def test_the_winner_keeps_every_constraint() -> None:
    spec = made.spec("amplification < 1.5")
    raced = race(spec, made.tried(10, 55, 60, 80, 90), made.play_all(dear_above_60))
    assert raced.winner is not None
    assert raced.winner.settings[made.LIMIT] == 60
    assert [c.feasible for c in raced.all] == [True, True, True, True, False, False]
    assert all(c.feasible for c in raced.front)


def test_nothing_wins_where_nothing_keeps_every_constraint() -> None:
    raced = race(made.spec("goodput > 90"), made.tried(10, 80, 90), made.play_all())
    assert (raced.winner, raced.front) == (None, [])
    # Those that miss it least are in the race to its end.
    assert raced.last[0].settings[made.LIMIT] == 90


def test_the_winner_is_on_the_front_with_the_most_of_the_first_objective() -> None:
    def judge(some: Mapping[str, Any], seed: int) -> Figures:
        limit = some.get(made.LIMIT, 1)
        return small.figures(limit / 10, 100.0 + limit, seed=seed)

    raced = race(made.spec(), made.tried(10, 20, 90), made.play_all(judge))
    assert raced.winner is not None
    assert raced.winner.settings[made.LIMIT] == 90
    assert raced.winner in raced.front


@pytest.mark.parametrize("goodput", [0.0, 2.0])
def test_what_has_no_end_is_on_no_front(goodput: float) -> None:
    spec = made.spec()
    raced = race(spec, made.tried(10), lambda s, seeds: [[small.figures(goodput) for _ in seeds] for _ in s])
    assert (raced.winner is None) is (goodput == 0)  # without a good call its tokens have no end


def kept(spec: TuneSpec, *cells: Figures) -> list[int | None]:
    return [c.number for c in best(spec, [candidate(spec, n, {}, [cell]) for n, cell in enumerate(cells)])]


def test_who_misses_the_constraints_least_stays_then_by_fronts_then_by_the_objectives() -> None:
    spec = made.spec("amplification < 1.5")
    cells = [
        small.figures(9.0, 10.0, amplification=3.0),  # best, but misses the constraint
        small.figures(3.0, 100.0),  # beaten by both that follow
        small.figures(4.0, 90.0),
        small.figures(5.0, 95.0),
        small.figures(0.0, math.inf),
    ]
    assert kept(spec, *cells) == [3, 2]
    assert kept(spec, cells[0], cells[0], cells[1], cells[4]) == [2, 3]


def test_what_cannot_be_told_comes_last() -> None:
    spec = made.spec()
    told, untold = small.figures(1.0, 500.0), small.figures(9.0, billed_tokens=None)
    assert kept(spec, untold, told) == [1]
