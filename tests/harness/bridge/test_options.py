"""What a command line means."""

from argparse import ArgumentParser, Namespace

import pytest

from harness.bridge.options import add_arguments, settings_from
from harness.errors import ConfigError


def options(*words: str, **locusts_own: object) -> Namespace:
    parser = ArgumentParser()
    add_arguments(parser, "calm")
    parsed = parser.parse_args(words)
    vars(parsed).update({"num_users": None, "run_time": None, **locusts_own})
    return parsed


def test_the_defaults_are_the_tuned_client_and_the_scenario_s_profile() -> None:
    settings = settings_from(options())

    assert (settings.policy.name, settings.seed, settings.mock_profile) == ("tuned", 1, "calm")
    assert (settings.closed, settings.users, settings.run_time_s) == (False, 0, None)
    assert (settings.wire, settings.model, settings.limited) == ("openai", "gpt-4.1", False)


def test_the_web_ui_has_no_field_for_what_is_read_once_at_the_start() -> None:
    parser = ArgumentParser()
    add_arguments(parser, "calm")
    left_out = {a.dest for a in parser._actions if not getattr(a, "include_in_web_ui", True)}

    assert left_out == {"allow_real_target", "yes", "mock_host"}


def test_a_closed_loop_has_locust_s_users() -> None:
    settings = settings_from(options(arrivals="closed", num_users=7, run_time=90))

    assert (settings.closed, settings.users, settings.run_time_s) == (True, 7, 90.0)


def test_a_budget_is_exact() -> None:
    settings = settings_from(options("--max-usd", "0.10", "--max-requests", "7", "--max-tokens", "90"))

    assert (settings.max_usd, settings.max_requests, settings.max_tokens) == (100_000_000_000, 7, 90)
    assert settings.limited


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--max-usd", "0"), "--max-usd = '0': expected US dollars, more than 0"),
        (("--max-usd", "much"), "--max-usd = 'much'"),
        (("--max-usd", "nan"), "--max-usd = 'nan'"),
        (("--max-usd", "2000000"), "at most 1,000,000"),
        (("--max-tokens", "-1"), "--max-tokens = -1"),
    ],
)
def test_a_budget_that_is_none_is_refused(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        settings_from(options(*words))


def test_a_form_may_send_what_argparse_would_not() -> None:
    given = options()
    given.wire, given.max_usd, given.max_tokens = "antropic", "", ""
    with pytest.raises(ConfigError, match="--wire = 'antropic': expected one of openai, anthropic"):
        settings_from(given)
    given.wire = "anthropic"
    assert settings_from(given).model == "claude-haiku-4-5"


def test_retry_after_is_not_optional_where_the_api_is_real() -> None:
    settings = settings_from(options("--policy", "article"))
    local, real = (settings.target(host, bundled=False) for host in ("http://[::1]:1", "https://api.example"))

    assert settings.toward(local).policy == settings.policy
    policy = settings.toward(real).policy
    assert (policy.retry.hints, policy.rate.pause) == (True, True)
    assert (policy.name, policy.retry.attempts) == ("article", 3)
