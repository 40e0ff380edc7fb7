"""Where requests go: address, key, and the variables that hold them."""

from __future__ import annotations

import pytest

from harness import ConfigError, Endpoint, ResilientClient
from harness.client.endpoint import WireName
from tests.harness.client.rig import BASE, KEY


@pytest.mark.parametrize(
    ("wire", "variable", "given", "expected"),
    [
        ("openai", "OPENAI_BASE_URL", None, "https://api.openai.com/v1"),
        ("openai", "OPENAI_BASE_URL", "http://proxy.test/api", "http://proxy.test/api"),
        ("openai", "OPENAI_BASE_URL", "http://proxy.test/v1/", "http://proxy.test/v1"),
        ("anthropic", "ANTHROPIC_BASE_URL", None, "https://api.anthropic.com/v1"),
        # As Anthropic's SDK reads it: without the version.
        ("anthropic", "ANTHROPIC_BASE_URL", "http://proxy.test", "http://proxy.test/v1"),
        ("anthropic", "ANTHROPIC_BASE_URL", "http://proxy.test/v1/", "http://proxy.test/v1"),
    ],
)
def test_each_provider_has_variables_of_its_own(
    monkeypatch: pytest.MonkeyPatch, wire: WireName, variable: str, given: str | None, expected: str
) -> None:
    monkeypatch.setenv(f"{wire.upper()}_API_KEY", KEY)
    if given is not None:
        monkeypatch.setenv(variable, given)
    endpoint = Endpoint(wire=wire)
    assert (endpoint.url, endpoint.key) == (expected, KEY)


@pytest.mark.parametrize(("wire", "other"), [("openai", "ANTHROPIC"), ("anthropic", "OPENAI")])
def test_the_other_provider_s_key_is_never_taken(
    monkeypatch: pytest.MonkeyPatch, wire: WireName, other: str
) -> None:
    monkeypatch.setenv(f"{other}_API_KEY", KEY)
    monkeypatch.setenv(f"{other}_BASE_URL", "http://elsewhere.test/v1")
    with pytest.raises(ConfigError, match=f"{wire.upper()}_API_KEY is not set: expected an API key"):
        Endpoint(wire=wire)


def test_what_is_given_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-other")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://elsewhere.test")
    endpoint = Endpoint(BASE, KEY, "anthropic")
    assert (endpoint.url, endpoint.key) == (BASE, KEY)


def test_an_unknown_wire_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"unknown wire format 'antropic', did you mean 'anthropic'\?"):
        ResilientClient(BASE, KEY, wire="antropic")  # type: ignore[arg-type]


def test_a_key_is_not_shown() -> None:
    endpoint = Endpoint("https://api.test/v1", KEY)
    for shown in (repr(endpoint), str(endpoint), endpoint.shown):
        assert KEY not in shown
    assert endpoint.shown == "https://api.test/v1"


@pytest.mark.parametrize("url", ["https://user:hunter2@api.test/v1", "http://hunter2@api.test"])
def test_a_user_and_password_in_an_address_are_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """Every call would fail: they take the place of the key."""
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    for base_url in (url, None):
        with pytest.raises(ConfigError, match=r"base_url = .*without a user and password") as caught:
            ResilientClient(base_url, KEY)
        assert "hunter2" not in str(caught.value)
        assert "\n" not in str(caught.value)
