"""Nothing is sent to a real API that was not allowed, limited and consented to."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.bridge import admission, consent
from harness.bridge.admission import Admission
from harness.bridge.options import Settings, settings_from
from harness.bridge.target import Target
from harness.errors import ConfigError
from harness.play.offer import CLOSED, Offer, steady_offer
from harness.spending.amount import NOTHING, Amount
from tests.harness.bridge.test_options import options

HOST = "https://api.example"
OFFER = steady_offer(10, 5, "constant", 1)
TRIED = Amount(1, 9, 24_000_000)


@pytest.fixture(autouse=True)
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The models that were tried; each trial costs the same."""
    found: list[str] = []

    def try_out(endpoint: object, model: str, terms: object) -> Amount:
        del endpoint, terms
        found.append(model)
        return TRIED

    monkeypatch.setattr(admission, "try_out", try_out)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-proj-secret")
    return found


class Terminal(io.StringIO):
    """Somebody sits there."""

    def isatty(self) -> bool:
        return True


def asked(*words: str) -> tuple[Settings, Target]:
    settings = settings_from(options(*words))
    return settings, settings.target(HOST, bundled=False)


def start(*words: str, offer: Offer = OFFER, **more: Any) -> Admission:
    settings, target = asked(*words)
    found = Admission(**{"allowed": True, "yes": True, "web_ui": False, **more})
    found.at_start(target, settings, offer)
    return found


def test_what_was_tried_at_the_start_is_the_first_run_s(tried: list[str]) -> None:
    settings, target = asked("--max-usd", "5")
    found = start("--max-usd", "5")
    first, second = (found.for_run(target, settings) for _ in range(2))

    assert (first.trial, second.trial) == (TRIED, TRIED)
    assert tried == ["gpt-4.1", "gpt-4.1"]  # at the start, and before the second
    assert first.terms is not None
    assert first.terms.limit.picodollars == 5 * 10**12


def test_the_cost_is_shown_to_who_says_yes_beforehand(capsys: pytest.CaptureFixture[str]) -> None:
    start("--max-usd", "5")
    shown = capsys.readouterr().err
    for words in (
        "this is a real API, and this run may spend this:",
        "gpt-4.1, $2.00 a million tokens of prompt, $8.00 of reply (prices.toml)",
        "50 calls, each of about",
        "budget    $5.00",
    ):
        assert words in shown
    assert "[y/N]" not in shown


@pytest.mark.parametrize(("answer", "sent"), [("y\n", True), ("YES\n", True), ("n\n", False), ("", False)])
def test_on_a_terminal_somebody_is_asked(
    monkeypatch: pytest.MonkeyPatch, tried: list[str], answer: str, *, sent: bool
) -> None:
    monkeypatch.setattr(consent.sys, "stdin", Terminal(answer))
    monkeypatch.setattr(consent.sys, "stderr", Terminal())
    if sent:
        start("--max-usd", "5", yes=False)
    else:
        with pytest.raises(ConfigError, match="not consented to: nothing was sent"):
            start("--max-usd", "5", yes=False)
    assert bool(tried) is sent


def test_where_nobody_can_be_asked_it_is_refused(monkeypatch: pytest.MonkeyPatch, tried: list[str]) -> None:
    monkeypatch.setattr(consent.sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(ConfigError, match="no terminal to ask for consent to this cost: give --yes"):
        start("--max-usd", "5", yes=False)
    with pytest.raises(ConfigError, match="the web UI cannot ask for consent"):
        start("--max-usd", "5", yes=False, web_ui=True)
    assert tried == []


def test_it_is_refused_before_it_is_asked(tried: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="give --allow-real-target and a budget"):
        start(allowed=False)
    with pytest.raises(ConfigError, match="no price for gpt-9 "):
        start("--max-usd", "5", "--model", "gpt-9")
    with pytest.raises(ConfigError, match=r"mine\.toml: cannot be read"):
        start("--max-usd", "5", "--prices", "mine.toml")
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(ConfigError, match="OPENAI_API_KEY is not set"):
        start("--max-usd", "5")
    assert tried == []


def test_the_web_ui_may_lower_the_budget_and_change_nothing_else(tmp_path: Path) -> None:
    cheap = tmp_path / "cheap.toml"
    cheap.write_text('[usd_per_million_tokens]\n"gpt-4.1" = { prompt = 0.000001, completion = 0.000001 }\n')
    found = start("--max-usd", "5", web_ui=True)
    settings, target = asked("--max-usd", "4", "--max-requests", "9")
    policy = settings.policy
    other = replace(policy, fallback=replace(policy.fallback, model="gpt-4o"))
    terms = found.for_run(target, settings).terms
    assert terms is not None
    assert (terms.limit.picodollars, terms.limit.requests) == (4 * 10**12, 9)

    for changed, said in (
        ((target, replace(settings, max_usd=6 * 10**12)), "more than was consented to"),
        ((target, replace(settings, max_usd=None)), "more than was consented to"),
        ((replace(target, host="https://dearer.example"), settings), "https://dearer.example with gpt-4.1"),
        ((replace(target, model="gpt-4o"), settings), "start again"),
        ((target, replace(settings, prices=str(cheap))), "--prices: not those of the consent"),
        ((target, replace(settings, policy=other)), "model gpt-4o: not consented to"),
    ):
        with pytest.raises(ConfigError, match=said):
            found.for_run(*changed)


def test_an_api_that_came_in_later_was_not_consented_to() -> None:
    settings, target = asked("--max-usd", "5")
    with pytest.raises(ConfigError, match="was not consented to: start again with --host"):
        Admission(allowed=True, yes=True, web_ui=True).for_run(target, settings)
    with pytest.raises(ConfigError, match="give --allow-real-target"):
        Admission(allowed=False, yes=True, web_ui=True).for_run(target, settings)


def test_a_mock_server_of_ours_is_asked_nothing_and_counted_only_if_wanted(tried: list[str]) -> None:
    settings, _ = asked()
    bundled = settings.target("http://192.0.2.1:1", bundled=True)
    found = Admission(allowed=False, yes=False, web_ui=False)

    assert found.for_run(bundled, settings).terms is None
    limited, _ = asked("--max-tokens", "9")
    admitted = found.for_run(bundled, limited)
    assert (admitted.trial, tried) == (NOTHING, [])
    assert admitted.terms is not None
    assert admitted.terms.limit.tokens == 9


def test_a_closed_loop_has_no_estimate(capsys: pytest.CaptureFixture[str]) -> None:
    start("--max-usd", "5", offer=steady_offer(10, 5, CLOSED, 1))
    assert "estimate  none" in capsys.readouterr().err


def test_a_policy_without_manners_is_named(caplog: pytest.LogCaptureFixture) -> None:
    start("--max-usd", "5", "--policy", "naive")
    assert "policy naive: a real API's Retry-After is obeyed all the same" in caplog.text
