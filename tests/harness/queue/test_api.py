"""The API of a worker, and its part of the budget."""

from __future__ import annotations

import pytest

from harness.errors import ConfigError
from harness.policy.presets import NAIVE
from harness.queue.__main__ import parser
from harness.queue.commands import api as module
from harness.queue.commands.api import Api, api_of, till_of
from harness.spending.amount import UNLIMITED, Amount
from harness.spending.terms import Terms

REAL = ("--base-url", "https://api.example/v1", "--allow-real-target")


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "HOLYSHEEP_API_KEY"):
        monkeypatch.setenv(name, f"sk-of-{name}")


def api(*words: str, part: tuple[int, int] = (0, 1)) -> Api:
    return api_of(parser().parse_args(["worker", *words]), NAIVE, part)


def test_a_worker_has_its_part_of_every_budget() -> None:
    budgets = ("--max-usd", "0.10", "--max-requests", "7", "--max-tokens", "11")
    first, second = (api(*REAL, *budgets, part=(index, 2)) for index in range(2))

    assert first.terms is not None
    assert second.terms is not None
    assert (first.terms.limit, second.terms.limit) == (Amount(4, 6, 5 * 10**10), Amount(3, 5, 5 * 10**10))
    assert first.budget == "$0.05, 4 requests, 6 tokens"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--base-url", "https://api.example/v1"), "give --allow-real-target and a budget"),
        (("--base-url", "https://api.example/v1", "--max-usd", "1"), "give --allow-real-target"),
        (REAL, "give a budget (--max-usd, --max-requests, --max-tokens: at least one)"),
        ((*REAL, "--max-usd", "1", "--model", "gpt-9"), "no price for gpt-9"),
        ((*REAL, "--max-usd", "nothing"), "--max-usd = 'nothing'"),
        ((*REAL, "--max-requests", "0"), "--max-requests = 0"),
    ],
)
def test_an_api_elsewhere_needs_permission_and_a_budget(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        api(*words)
    assert said in str(caught.value)


def test_a_part_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="too little for 2 workers"):
        api(*REAL, "--max-requests", "1", part=(1, 2))


def test_a_real_api_is_given_its_own_key_and_the_manners_it_asks_for() -> None:
    local = api("--base-url", "http://127.0.0.1:9/v1")
    sheep = api("--base-url", "https://api.holysheep.ai/v1", "--allow-real-target", "--max-requests", "5")

    assert (local.real, local.terms, local.budget) == (False, None, "")
    assert (sheep.real, sheep.endpoint.key) == (True, "sk-of-HOLYSHEEP_API_KEY")
    for found, hints in ((local, False), (sheep, True)):
        client = found.client(NAIVE, till_of(found, lambda: None), send_ids=False)
        assert client.policy.retry.hints is hints


def test_the_first_request_is_paid_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def try_out(endpoint: object, model: str, terms: Terms) -> Amount:
        del endpoint
        assert (model, terms.limit) == ("gpt-4.1", Amount(5, UNLIMITED, UNLIMITED))
        return Amount(1, 9, 50)

    monkeypatch.setattr(module, "try_out", try_out)
    found = api(*REAL, "--max-requests", "5")
    till = till_of(found, lambda: None)
    assert till is not None
    found.try_out(till)
    assert till.purse.spent == Amount(1, 9, 50)

    local = api("--base-url", "http://127.0.0.1:9/v1", "--max-requests", "5")
    local_till = till_of(local, lambda: None)
    local.try_out(local_till)
    assert local_till is not None
    assert local_till.purse.spent == Amount()
