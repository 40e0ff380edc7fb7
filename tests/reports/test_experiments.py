"""The findings of `reports/experiments`, each held to what can be worked out without playing it.

One seed, or a part of the grid, where that is enough: the folder's README has the whole tables.
"""

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

import reports
from reports.sweep import run
from reports.sweep.spec import read_sweep
from reports.tune.run import tune
from reports.tune.spec import read_tune
from reports.virtual.measures import MEASURES
from tests.reports.backoff_simulators import Wait, one_at_a_time, optimistic

EXPERIMENTS = Path(reports.__file__).parent / "experiments"
SPECS = sorted(path for path in EXPERIMENTS.glob("*.toml") if "[grid]" in path.read_text(encoding="utf-8"))

Played = dict[tuple[Any, ...], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all of them: a cell that two tests ask for is played once."""
    return tmp_path_factory.mktemp("experiments")


def _played(name: str, out: Path, **changes: Any) -> Played:
    """The figures of each seed by the values of the grid; of the first seed only unless `seeds` says more."""
    spec = replace(read_sweep(EXPERIMENTS / f"{name}.toml"), **{"seeds": (1,), **changes})
    settings = (tuple(values.values()) for values in spec.settings)
    return dict(zip(settings, run.figures(spec, out, 1), strict=True))


def _one(played: Played) -> dict[tuple[Any, ...], dict[str, Any]]:
    return {settings: cells[0] for settings, cells in played.items()}


def _good_share(figures: dict[str, Any]) -> float:
    return float(figures["good_calls"] / figures["calls"])


def _amplification(figures: dict[str, Any]) -> float:
    return float(figures["amplification"])


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_an_experiment_says_what_it_is_to_show_and_how_to_play_it(path: Path) -> None:
    spec = read_sweep(path)
    assert spec.title != path.stem
    assert len(spec.finding) > 80
    readme = (EXPERIMENTS / "README.md").read_text(encoding="utf-8")
    assert f"python -m reports sweep reports/experiments/{path.name}" in readme


# The retry storm. mu = 32 slots / 2 s = 16 calls a second; 6.4 a second are asked for; a caller waits 10 s
# for an attempt. From 60 s to 121 s there is no capacity; the queue has 640 places.
MU, LOAD, PATIENCE_S, SERVICE_S, PLACES = 16, 6.4, 10, 2, 640
OUTAGE_S, BEFORE_S, LENGTH_S = 61, 60, 600


def _back_after_s(attempts: float) -> float:
    """Until whoever joins the queue is served in time: it has so many places less of work than it had.

    For as long as an attempt may take there are only first attempts of those who came meanwhile.
    """
    queue = min(PLACES, attempts * LOAD * OUTAGE_S)
    in_time = MU * (PATIENCE_S - SERVICE_S)
    drained = min(queue - in_time, PATIENCE_S * (MU - LOAD))
    return drained / (MU - LOAD) + (queue - in_time - drained) / (MU - attempts * LOAD)


def test_a_client_comes_back_from_an_outage_where_the_server_bears_all_its_attempts(out: Path) -> None:
    grid = {"retry.attempts": [1, 2, 3, 5], "budget.ratio": [10]}
    for (attempts, _), figures in _one(_played("retry-storm", out, grid=grid)).items():
        if attempts * LOAD < MU:
            assert figures["time_to_recover_s"] == pytest.approx(_back_after_s(attempts), rel=0.1, abs=5)
        else:
            assert figures["time_to_recover_s"] == "inf"
            # Whoever came before the outage needed one attempt; at the end the drain cuts some short.
            storm = (BEFORE_S + attempts * (LENGTH_S - BEFORE_S)) / LENGTH_S
            assert storm * 0.95 < _amplification(figures) < storm
            assert sum(figures["course"]["good"][-12:]) == 0


def test_a_retry_budget_brings_a_client_of_five_attempts_back(out: Path) -> None:
    grid = {"retry.attempts": [5], "budget.ratio": [0.1]}
    [figures] = _one(_played("retry-storm", out, grid=grid)).values()
    saved = 50
    assert _amplification(figures) <= 1.1 + saved / figures["calls"]
    back_s = _back_after_s(1.1) + saved / (MU - 1.1 * LOAD)
    assert figures["time_to_recover_s"] == pytest.approx(back_s, abs=10)


def test_a_breaker_or_a_deadline_ends_the_storm_and_jitter_does_not(out: Path) -> None:
    grid = {"breaker.kind": ["off", "ratio"], "deadline_s": ["off", PATIENCE_S], "retry.jitter": ["none"]}
    played = _one(_played("retry-storm-cures", out, grid=grid))
    storm = played.pop(("off", "off", "none"))
    assert storm["time_to_recover_s"] == "inf"
    assert all(figures["time_to_recover_s"] < 60 for figures in played.values())

    grid = {"breaker.kind": ["off"], "deadline_s": ["off"], "retry.jitter": ["full"]}
    [with_jitter] = _one(_played("retry-storm-cures", out, grid=grid)).values()
    assert with_jitter["time_to_recover_s"] == "inf"
    assert _amplification(with_jitter) == pytest.approx(_amplification(storm), rel=0.02)


def test_dropping_the_work_of_who_has_left_saves_from_three_attempts_and_not_from_five(
    out: Path,
) -> None:
    grid = {"retry.attempts": [3, 5], "budget.ratio": [10]}
    played = _one(_played("retry-storm-dropped", out, grid=grid))
    assert played[3, 10]["time_to_recover_s"] < 30
    assert played[5, 10]["time_to_recover_s"] == "inf"
    assert _good_share(played[5, 10]) < 0.2


# The same storm behind a queue: a worker's 8 jobs serve 8 / 2 s = 4 calls a second.
JOBS = 8


def test_behind_a_queue_the_storm_s_client_comes_back_and_its_line_drains_as_jobs_allow(out: Path) -> None:
    played = {workers: f for (workers,), f in _one(_played("retry-storm-queued", out)).items()}
    assert played.pop("off")["time_to_recover_s"] == "inf"
    gathered = LOAD * OUTAGE_S
    for workers, figures in played.items():
        assert figures["outcomes"]["ok"] == figures["calls"]  # none is lost, however long the line
        assert _amplification(figures) < 1.15
        served = min(workers * JOBS / SERVICE_S, MU)
        if served > LOAD:
            drain_s = gathered / (served - LOAD)
            assert figures["queue"]["drain_after_peak_s"] == pytest.approx(drain_s, rel=0.2)
        else:
            left = LOAD * LENGTH_S - served * (LENGTH_S - OUTAGE_S)
            assert figures["queue"]["depth_max"] == pytest.approx(left, rel=0.05)
            assert figures["time_to_recover_s"] == "inf"
    assert played[4]["time_to_recover_s"] < 60


# Backoff and jitter: 1,200 clients within 0.1 s, a service of 1.5 ms, waits from 0.05 s.
BASE_S, CAP_S = 0.05, 1.6


def _wait(base: float, cap: float, jitter: str) -> Wait:
    def wait(tries: int, random: Random) -> float:
        ceiling = min(cap, base * 2.0 ** (tries - 1))
        return random.uniform(0, ceiling) if jitter == "full" else ceiling

    return wait


def test_the_client_backs_off_as_a_simulation_of_it_does(out: Path) -> None:
    for (cap_s, jitter), figures in _one(_played("backoff-and-jitter", out)).items():
        attempts, cleared_s = one_at_a_time(1200, 0.1, 0.0015, _wait(BASE_S, cap_s, jitter), seed=1)
        assert _amplification(figures) == pytest.approx(attempts, rel=0.1), (cap_s, jitter)
        assert figures["call_latency_ms"]["max"] / 1000 == pytest.approx(cleared_s, rel=0.25), (cap_s, jitter)


def test_backoff_and_jitter_come_in_the_order_of_awss_simulator(out: Path) -> None:
    """There a first wait is twice the base of 5 ms, and the cap 2 s; its "none" does not wait at all."""
    aws = {
        "constant": optimistic(100, lambda _tries, _random: 0, seed=1),
        "exponential": optimistic(100, _wait(10, 2000, "none"), seed=1),
        "full jitter": optimistic(100, _wait(10, 2000, "full"), seed=1),
    }
    played = _one(_played("backoff-and-jitter", out))
    ours = {
        name: (_amplification(figures), figures["call_latency_ms"]["max"])
        for name, figures in (
            ("constant", played[BASE_S, "none"]),
            ("exponential", played[CAP_S, "none"]),
            ("full jitter", played[CAP_S, "full"]),
        )
    }
    for which in (aws, ours):
        work = {name: found[0] for name, found in which.items()}
        time = {name: found[1] for name, found in which.items()}
        assert work["full jitter"] < 0.6 * work["exponential"] < 0.6 * work["constant"]
        assert time["exponential"] > 5 * time["full jitter"]
        assert time["exponential"] > 5 * time["constant"]


# Breaker or budget: three attempts, of which each fails with p.
ATTEMPTS, RATIO, SAVED = 3, 0.2, 20


@pytest.mark.parametrize(("name", "p"), [("breaker-or-budget", 0.65), ("breaker-or-budget-outage", 1.0)])
def test_a_budget_bounds_attempts_and_a_breaker_turns_away_the_good_as_well(
    name: str, p: float, out: Path
) -> None:
    played = _one(_played(name, out))
    free, budget, breaker = played["off", 10], played["off", RATIO], played["ratio", 10]

    expected = sum(p**tries for tries in range(ATTEMPTS))  # (1 - p^N) / (1 - p)
    assert _amplification(free) == pytest.approx(expected, rel=0.03)
    assert _good_share(free) == pytest.approx(1 - p**ATTEMPTS, abs=0.03)

    bound = 1 + RATIO + SAVED / budget["calls"]
    assert 0.98 * bound < _amplification(budget) <= bound
    assert _good_share(budget) == pytest.approx((1 - p) * bound, abs=0.03)
    assert budget["shed_rate"] == 0

    assert _amplification(breaker) < 0.1
    assert breaker["shed_rate"] > 0.9
    assert _good_share(breaker) < 0.1 * (1 - p) + 0.001


# The knee: 20 slots, T(n) = 0.5 + 1 + 0.5 n / 20 seconds.
SLOTS, LINE, KNEE_LENGTH_S = 20, 20, 300


def test_goodput_rises_to_the_knee_and_every_further_permit_is_latency(out: Path) -> None:
    played = {limit: f for (limit,), f in _one(_played("semaphore-and-knee", out)).items()}
    mu = SLOTS / 2.0
    for limit, figures in played.items():
        throughput = min(limit / (1.5 + 0.5 * limit / SLOTS), mu)
        # Arrivals stop, and what is in flight and in line is served all the same.
        at_the_end = (limit + LINE) / KNEE_LENGTH_S
        assert figures["request_throughput"] == pytest.approx(throughput + at_the_end, rel=0.015)
        # Little: latency = in flight / throughput.
        assert figures["e2el_ms"]["p50"] / 1000 == pytest.approx(limit / throughput, rel=0.03)
    assert played[15]["good_calls"] < 0.85 * played[20]["good_calls"]
    assert played[60]["good_calls"] < 1.03 * played[20]["good_calls"]
    assert (120 + LINE) / mu > 10  # beyond the patience
    assert played[120]["good_calls"] < 0.1 * played[20]["good_calls"]


def test_tuned_serves_more_of_the_evening_than_naive_and_naive_more_than_article(out: Path) -> None:
    played = _played("article-or-tuned", out, seeds=(1, 2, 3))
    clients = (played["tuned",], played["naive",], played["article",])
    for tuned, naive, article in zip(*clients, strict=True):
        assert _good_share(tuned) > _good_share(naive) + 0.1 > _good_share(article) + 0.2
        assert tuned["breaker_open_fraction"] < 0.02
        assert article["breaker_open_fraction"] > 0.25
        # A minute each time, at whatever rate: the share turned away is about that of the time.
        assert article["shed_rate"] == pytest.approx(article["breaker_open_fraction"], abs=0.08)
        assert article["stopped_by"]["breaker"] > 0.8 * (article["calls"] - article["outcomes"]["ok"])


def test_a_line_longer_than_the_patience_serves_everybody_too_late(out: Path) -> None:
    """The most that can be served in time: mu * (patience - service) = 10 * (8 - 2) = 60 places."""
    played = _one(_played("queue-and-deadline", out))
    mu, most = 10, 60
    for (_, places), figures in played.items():
        if places <= most - 20:
            assert figures["request_goodput"] == pytest.approx(mu, rel=0.03)
    for places in (80, 120, 240):
        late = played["off", places]
        assert late["request_goodput"] < 0.1 * mu
        assert late["request_throughput"] > 0.97 * mu  # the server is as busy as ever, and for nobody
        assert late["call_latency_ms"]["p50"] / 1000 == pytest.approx(places / mu + 2, rel=0.1)
        assert played[8, places]["request_goodput"] > 0.9 * mu  # what cannot be in time is not sent


def test_an_attempt_timeout_costs_a_few_points_on_a_slow_evening_and_a_short_one_more(out: Path) -> None:
    grid = {"attempt_timeout_s": ["off", 18, 12]}
    played = _played("attempt-timeout", out, seeds=(1, 2, 3, 4), grid=grid)
    good = {timeout: sum(map(_good_share, cells)) / 4 for (timeout,), cells in played.items()}
    assert good["off"] - 0.07 < good[18] < good["off"]
    assert good[12] < good["off"] - 0.05


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_study_of_the_readme_finds_settings_that_beat_the_article_s(tmp_path: Path) -> None:
    spec = read_tune(EXPERIMENTS / "tune-article.toml")
    tuned = tune(spec, tmp_path, 2, None)
    assert tuned.held_out is not None
    gain = tuned.held_out.gain(MEASURES["goodput"])
    assert gain.sure
    assert gain.winner > 1.4 * gain.today  # its finding: half as high again
    assert tuned.held_out.gain(MEASURES["tokens_per_good_call"]).better_by > 0
    assert tuned.held_out.kept
