"""The search: what is tried first, how often, and what becomes of trials that were cut off."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reports.errors import SpecError
from reports.tune.ranges import Range
from reports.tune.spec import TuneSpec
from reports.tune.study import BATCH, Search
from reports.virtual.cell import Figures
from tests.reports.tune import made
from tests.reports.virtual import small


def evaluate(asked: Sequence[Mapping[str, Any]]) -> list[Sequence[Figures]]:
    """One cell each, better with a higher limit."""
    return [[made.by_limit(some, 1)] for some in asked]


def wide(**changes: Any) -> TuneSpec:
    """A study in whose ranges today's settings lie."""
    ranges = (
        Range(made.LIMIT, 2, 200, whole=True),
        Range("retry.base_s", 0.1, 2.0, log=True),
        Range("retry.on", choices=(["timeout"], list(TODAY_S_ON))),
        Range(made.DEADLINE, choices=("off", 30.0)),
    )
    return made.spec(ranges=ranges, **changes)


TODAY_S_ON = ("timeout", "throttled", "fatal.quota", "local", "transient.connect")


def test_today_s_settings_are_the_first_trial_where_they_lie_in_the_ranges(tmp_path: Path) -> None:
    spec = wide()
    search = Search(spec, tmp_path, None)
    search.run(evaluate)
    tried = search.tried()
    assert tried[0].number == 0
    assert tried[0].settings == spec.today
    assert spec.stage.policy(tried[0].settings, "x") == spec.stage.policy({}, "x")
    assert [one.number for one in tried] == list(range(8))


def test_what_today_s_policy_does_not_read_is_no_reason_against_it(tmp_path: Path) -> None:
    kinds = Range("breaker.kind", choices=("ratio", "off"))
    spec = made.spec(policy="naive", ranges=(kinds, Range("breaker.open_s", 1.0, 9.0)))
    assert spec.today == {"breaker.kind": "off", "breaker.open_s": "not read"}
    search = Search(spec, tmp_path, None)
    search.run(evaluate)
    assert search.tried()[0].settings == {"breaker.kind": "off"}


def test_an_adaptive_limit_lies_in_no_range(tmp_path: Path) -> None:
    search = Search(made.spec(policy="tuned"), tmp_path, None)
    assert not search._fits()


def test_settings_outside_of_the_ranges_are_no_trial(tmp_path: Path) -> None:
    spec = replace(wide(), ranges=(Range(made.LIMIT, 2, 99, whole=True),))
    search = Search(spec, tmp_path, None)
    search.run(evaluate)
    assert all(2 <= one.settings[made.LIMIT] <= 99 for one in search.tried())


def test_the_same_study_tries_the_same(tmp_path: Path) -> None:
    found = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        search = Search(wide(trials=12), tmp_path / name, None)
        search.run(evaluate)
        found.append(search.tried())
    assert found[0] == found[1]
    assert len(found[0]) == 12
    (tmp_path / "c").mkdir()
    other = Search(wide(trials=12, seed=2), tmp_path / "c", None)
    other.run(evaluate)
    assert other.tried() != found[0]


def test_values_are_within_the_ranges_and_of_three_digits(tmp_path: Path) -> None:
    search = Search(wide(trials=12), tmp_path, None)
    search.run(evaluate)
    for one in search.tried():
        assert isinstance(one.settings[made.LIMIT], int)
        base_s = one.settings["retry.base_s"]
        assert 0.1 <= base_s <= 2.0
        assert base_s == float(f"{base_s:.3g}")
        assert one.settings["retry.on"] in (["timeout"], list(TODAY_S_ON))
        assert one.settings[made.DEADLINE] in {"off", 30.0}


def test_a_search_seeks_where_it_found_something(tmp_path: Path) -> None:
    spec = made.spec(trials=40)
    search = Search(spec, tmp_path, None)
    search.run(evaluate)
    limits = [one.settings[made.LIMIT] for one in search.tried()]
    assert sum(limits[30:]) / 10 > sum(limits[:10]) / 10  # more goodput with a higher limit


class CutOffError(Exception):
    """The process dies here."""


def test_trials_that_were_cut_off_are_made_up_for(tmp_path: Path) -> None:
    def die(_: object) -> list[Sequence[Figures]]:
        raise CutOffError

    spec = wide(trials=12)
    with pytest.raises(CutOffError):
        Search(spec, tmp_path, None).run(die)
    search = Search(spec, tmp_path, None)  # the process after it
    assert search.tried() == []
    search.run(evaluate)
    assert len(search.tried()) == 12
    assert search.tried()[0].settings == spec.today
    again = Search(spec, tmp_path, None)
    again.run(die)  # nothing is left to try
    assert again.tried() == search.tried()


def test_settings_that_wait_to_be_tried_do_so_once(tmp_path: Path) -> None:
    spec = wide()
    first = Search(spec, tmp_path, None)
    first._study.enqueue_trial({"concurrency.limit": 7})  # killed between the two
    search = Search(spec, tmp_path, None)
    search.run(evaluate)
    settings = [one.settings for one in search.tried()]
    assert (len(settings), settings[0][made.LIMIT]) == (8, 7)


def test_more_trials_may_be_asked_for_later(tmp_path: Path) -> None:
    search = Search(wide(trials=5), tmp_path, None)
    search.run(evaluate)
    before = search.tried()
    more = Search(wide(trials=11), tmp_path, None)
    asked: list[int] = []

    def count(settings: Sequence[Mapping[str, Any]]) -> list[Sequence[Figures]]:
        asked.append(len(settings))
        return evaluate(settings)

    more.run(count)
    assert (sum(asked), max(asked) <= BATCH) == (6, True)
    assert more.tried()[:5] == before


def test_combinations_that_are_no_policy_are_left_out(tmp_path: Path) -> None:
    ranges = (
        Range("concurrency.initial", 20, 400, whole=True),
        Range("concurrency.max", 20, 400, whole=True),
    )
    search = Search(made.spec(policy="tuned", ranges=ranges), tmp_path, None)
    search.run(evaluate)
    tried = search.tried()
    assert len(tried) == 8
    assert all(one.settings["concurrency.initial"] <= one.settings["concurrency.max"] for one in tried)


def test_where_hardly_any_combination_is_a_policy_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reports.tune.study.MOST_REFUSED", 5)
    ranges = (
        Range("concurrency.initial", 300, 400, whole=True),
        Range("concurrency.max", 20, 299, whole=True),
    )
    search = Search(made.spec(policy="tuned", ranges=ranges), tmp_path, None)
    with pytest.raises(
        SpecError, match=r"^\[range\]: hardly any combination is a policy, as: concurrency\.init"
    ):
        search.run(evaluate)


@pytest.mark.parametrize("goodput", [0.0, 1.0])
def test_objectives_without_an_end_or_a_number_are_weighed_as_the_worst(
    tmp_path: Path, goodput: float
) -> None:
    def judge(asked: Sequence[Mapping[str, Any]]) -> list[Sequence[Figures]]:
        return [[small.figures(goodput, math.inf, billed_tokens=None if goodput else 0)] for _ in asked]

    search = Search(made.spec("amplification < 1"), tmp_path, None)
    search.run(judge)
    assert len(search.tried()) == 8
    assert {trial.values[1] for trial in search._study.get_trials()} == {1e12}


def test_machines_with_one_storage_share_their_trials(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    one, other = (Search(wide(trials=trials), tmp_path, url) for trials in (4, 8))
    one.run(evaluate)
    other.run(evaluate)
    assert len(other.tried()) == 8
    assert other.tried()[:4] == one.tried()[:4]
    assert not (tmp_path / "study.db").exists()
