"""Where requests may go, and what a command line means."""

from argparse import ArgumentParser, Namespace

import pytest

from harness.bridge.options import add_arguments, address, base_url, check_target, settings_from
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
    assert (settings.closed, settings.users, settings.run_time_s, settings.max_requests) == (
        False,
        0,
        None,
        None,
    )


def test_a_closed_loop_has_locust_s_users() -> None:
    settings = settings_from(options(arrivals="closed", num_users=7, run_time=90))

    assert (settings.closed, settings.users, settings.run_time_s) == (True, 7, 90.0)


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1"),
        ("http://localhost:8000/", "http://localhost:8000/v1"),
        ("https://api.example/openai/v2", "https://api.example/openai/v2"),
    ],
)
def test_v1_is_added_where_a_host_names_no_path(host: str, base: str) -> None:
    assert base_url(host) == base


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "ftp://127.0.0.1", "http://", "http://[::1"])
def test_what_is_no_address_is_refused(host: str) -> None:
    with pytest.raises(ConfigError, match="--host"):
        base_url(host)


def test_the_port_follows_from_the_scheme() -> None:
    assert address("http://127.0.0.1") == ("127.0.0.1", 80)
    assert address("https://127.0.0.1") == ("127.0.0.1", 443)
    assert address("http://[::1]:8000") == ("::1", 8000)


@pytest.mark.parametrize("host", ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"])
def test_this_machine_is_always_allowed(host: str) -> None:
    assert check_target(host, allowed=False, max_requests=None)


@pytest.mark.parametrize(
    "host",
    ["https://api.openai.com", "http://192.168.1.4", "http://127.0.0.1.example", "http://0.0.0.0:8000"],
)
def test_elsewhere_needs_both_permission_and_a_budget(host: str) -> None:
    for allowed, most in ((False, None), (True, None), (False, 5)):
        with pytest.raises(ConfigError, match="--allow-real-target"):
            check_target(host, allowed=allowed, max_requests=most)
    assert not check_target(host, allowed=True, max_requests=5)
