"""Costs, by prices easy on paper: of `mock` $1 and $2 a million tokens, of `spare` $10 and $20."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model import AttemptFinished, CallFinished, Outcome, StoppedBy
from harness.prices import Price, Prices
from reports.figures import cost
from reports.figures.breakdowns import by_kind, by_model, by_outcome
from reports.figures.cost import Ledger, Used, document
from reports.figures.objectives import DEFAULT
from reports.reading.load import read_run
from reports.reading.run import Run
from reports.summary.result import summarise
from reports.summary.text import render
from tests.reports import runs

PRICES = Prices("paper.toml", {"mock": Price(1_000_000, 2_000_000), "spare": Price(10_000_000, 20_000_000)})


def mixed_run(path: Path, *, fallback: str | None = "spare") -> Run:
    """Three calls of three models; call 1 is served by the fallback, after its first choice failed.

    id  asked  attempts                             tokens   ends
     0  mock   ok                                   100+50   ok
     1  mock   throttled; ok by the fallback        200+10   ok
     2  other  ok, but too late                     30+20    deadline
    """
    path.mkdir(parents=True, exist_ok=True)
    runs.manifest(path)
    values = {} if fallback is None else {"fallback": {"model": fallback, "reserve_s": 0.0}}
    runs.rewrite_manifest(path, policy={"name": "tuned", "values": values, "per_worker": {}})
    late = {"stopped_by": StoppedBy.DEADLINE, "kind": "caption", "model": "other"}
    events = [
        AttemptFinished(runs.attempt(0, 1, 0, 100, tokens=(100, 50))),
        AttemptFinished(runs.attempt(1, 1, 0, 100, Outcome.THROTTLED)),
        AttemptFinished(runs.attempt(1, 2, 100, 200, tokens=(200, 10), route=1)),
        AttemptFinished(runs.attempt(2, 1, 0, 100, tokens=(30, 20))),
        CallFinished(runs.call(0, 0, 100)),
        CallFinished(runs.call(1, 0, 200, attempts=2)),
        CallFinished(runs.call(2, 0, 900, Outcome.DEADLINE, **late)),
    ]
    runs.record(path, 0, events)
    runs.ending(path, {"0": 3})
    return read_run(path)


def test_attempts_are_charged_to_the_model_they_were_sent_to(tmp_path: Path) -> None:
    used = Ledger(mixed_run(tmp_path)).used()
    assert used == [
        Used("mock", attempts=2, prompt=100, completion=50, wasted_prompt=0, wasted_completion=0),
        Used("other", attempts=1, prompt=30, completion=20, wasted_prompt=30, wasted_completion=20),
        Used("spare", attempts=1, prompt=200, completion=10, wasted_prompt=0, wasted_completion=0),
    ]


def test_a_fallback_without_a_model_of_its_own_is_the_calls(tmp_path: Path) -> None:
    used = Ledger(mixed_run(tmp_path, fallback=None)).used()
    assert [(u.model, u.attempts, u.prompt) for u in used] == [("mock", 3, 300), ("other", 1, 30)]


def test_a_model_without_a_price_is_named_and_nothing_is_summed(tmp_path: Path) -> None:
    s = summarise(mixed_run(tmp_path), DEFAULT, PRICES)
    found = s["cost_usd"]
    assert (found["total"], found["wasted"], found["per_good_call"]) == (None, None, None)
    assert found["unpriced"] == ["other"]
    assert found["by_model"]["mock"]["total"] == 0.0002  # 100 x $1 + 50 x $2, a million
    assert found["by_model"]["spare"]["total"] == 0.0022
    assert found["by_model"]["other"]["total"] is None
    assert "no price for other in paper.toml: see --prices" in render(s)


def test_total_waste_and_a_good_calls_cost(tmp_path: Path) -> None:
    prices = Prices("x", {**PRICES.models, "other": Price(1_000_000, 1_000_000)})
    found = document(Ledger(mixed_run(tmp_path)).used(), 2, prices)
    assert found["total"] == 0.00245  # 200 + 2,200 + 50 millionths
    assert found["wasted"] == 0.00005
    assert found["per_good_call"] == 0.001225
    assert found["unpriced"] == []


def test_groups_have_tokens_and_costs_of_their_own(tmp_path: Path) -> None:
    run = mixed_run(tmp_path)
    ledger, good = Ledger(run), np.array([True, True, False])
    kinds, models = by_kind(run, good, ledger, PRICES), by_model(run, good, ledger, PRICES)
    assert kinds["hashtags"]["tokens"] == {"prompt": 300, "completion": 60, "wasted": 0}
    assert kinds["hashtags"]["cost_usd"] == 0.0024
    assert kinds["caption"]["cost_usd"] is None  # only this one asked for a model without a price
    assert {name: (g["calls"], g["good"], g["attempts"]) for name, g in models.items()} == {
        "mock": (2, 2, 3),
        "other": (1, 0, 1),
    }
    ended = by_outcome(run, ledger, PRICES)
    assert list(ended) == ["ok", "deadline"]
    assert ended["deadline"]["took_ms"]["max"] == 900.0
    assert ended["deadline"]["tokens"] == {"prompt": 30, "completion": 20, "wasted": 50}
    assert ended["ok"]["cost_usd"] == 0.0024


def test_many_groups_are_as_apart_as_two(tmp_path: Path) -> None:
    runs.manifest(tmp_path)
    events = [AttemptFinished(runs.attempt(n, 1, 0, 1, tokens=(n, 1))) for n in range(300)]
    calls = [CallFinished(runs.call(n, 0, 1, kind=f"kind {n}")) for n in range(300)]
    runs.record(tmp_path, 0, [*events, *calls])
    run = read_run(tmp_path)
    kinds = by_kind(run, run.ok, Ledger(run), PRICES)
    assert all(
        kinds[f"kind {n}"]["tokens"] == {"prompt": n, "completion": 1, "wasted": 0} for n in range(300)
    )


def test_attempts_of_calls_that_were_never_recorded_still_cost(tmp_path: Path) -> None:
    runs.manifest(tmp_path)
    lost = runs.attempt(7, 1, 0, 9, tokens=(10, 10))
    runs.record(tmp_path, 0, [AttemptFinished(lost), CallFinished(runs.call(0, 0, 9, attempts=0))])
    run = read_run(tmp_path)
    assert [(u.model, u.prompt, u.wasted_prompt) for u in Ledger(run).used()] == [("mock", 10, 0)]
    assert by_kind(run, np.array([True]), Ledger(run), PRICES)["hashtags"]["tokens"]["prompt"] == 0


def test_a_lost_call_of_one_of_several_models_has_no_known_price(tmp_path: Path) -> None:
    runs.manifest(tmp_path)
    calls = [runs.call(0, 0, 9, attempts=0), runs.call(1, 0, 9, attempts=0, model="spare")]
    lost = runs.attempt(7, 1, 0, 9, tokens=(10, 10))
    runs.record(tmp_path, 0, [AttemptFinished(lost), *map(CallFinished, calls)])
    found = summarise(read_run(tmp_path), DEFAULT, PRICES)["cost_usd"]
    assert (found["total"], found["unpriced"]) == (None, [cost.UNKNOWN])


def test_tokens_that_nobody_counted_cost_nothing_at_any_price(tmp_path: Path) -> None:
    runs.manifest(tmp_path)
    refused = runs.attempt(0, 1, 0, 9, Outcome.THROTTLED)
    runs.record(tmp_path, 0, [AttemptFinished(refused), CallFinished(runs.call(0, 0, 9, Outcome.THROTTLED))])
    found = summarise(read_run(tmp_path), DEFAULT, Prices("none", {}))["cost_usd"]
    assert (found["total"], found["wasted"], found["per_good_call"]) == (0.0, 0.0, None)


def test_money_without_a_good_call_is_infinitely_dear() -> None:
    used = [Used("mock", 1, 100, 50, 0, 0)]
    assert document(used, 0, PRICES)["per_good_call"] == "inf"


@pytest.mark.parametrize("second", [3, [], {"model": 4}, {"model": None}, None])
def test_a_strange_fallback_in_a_manifest_is_none(tmp_path: Path, second: object) -> None:
    mixed_run(tmp_path)
    runs.rewrite_manifest(tmp_path, policy={"name": "x", "values": {"fallback": second}, "per_worker": {}})
    assert [u.model for u in Ledger(read_run(tmp_path)).used()] == ["mock", "other"]


@given(
    st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)), min_size=1, max_size=20), st.randoms()
)
def test_no_order_of_adding_shows(tokens: list[tuple[int, int]], random: object) -> None:
    used = [Used("mock", 1, prompt, completion, prompt, 0) for prompt, completion in tokens]
    shuffled = list(used)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert cost.cost(used, PRICES) == cost.cost(shuffled, PRICES)
    assert cost.cost(used, PRICES).total == sum(p * 1_000_000 + c * 2_000_000 for p, c in tokens)
