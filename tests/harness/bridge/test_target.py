"""Where requests may go, and with which key."""

import pytest

from harness.bridge.target import MOCK_KEY, Target, address, base_url
from harness.errors import ConfigError
from harness.spending.given import check_allowed


def target(host: str, wire: str = "openai", *, bundled: bool = False) -> Target:
    return Target(host, wire, "m", bundled)  # type: ignore[arg-type]  # a name


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


def test_a_user_and_password_are_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError, match=r"--host.*without a user and password") as caught:
        base_url("http://user:hunter2@127.0.0.1:8000")
    assert "hunter2" not in str(caught.value)


def test_the_port_follows_from_the_scheme() -> None:
    assert address("http://127.0.0.1") == ("127.0.0.1", 80)
    assert address("https://127.0.0.1") == ("127.0.0.1", 443)
    assert address("http://[::1]:8000") == ("::1", 8000)


@pytest.mark.parametrize("host", ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"])
def test_this_machine_is_not_real(host: str) -> None:
    assert not target(host).real


@pytest.mark.parametrize(
    "host",
    ["https://api.openai.com", "http://192.168.1.4", "http://127.0.0.1.example", "http://0.0.0.0:8000"],
)
def test_any_other_host_is_real(host: str) -> None:
    assert target(host).real


def test_what_is_missing_for_a_real_api_is_named_exactly() -> None:
    def said(*, allowed: bool, limited: bool) -> str:
        with pytest.raises(ConfigError) as caught:
            check_allowed("--host https://a.example", real=True, allowed=allowed, limited=limited)
        return str(caught.value)

    budget = "a budget (--max-usd, --max-requests, --max-tokens: at least one)"
    assert said(allowed=False, limited=False).endswith(f"give --allow-real-target and {budget}")
    assert said(allowed=False, limited=True).endswith("give --allow-real-target")
    assert said(allowed=True, limited=False).endswith(f"give {budget}")
    check_allowed("--host https://a.example", real=True, allowed=True, limited=True)
    check_allowed("--host http://127.0.0.1", real=False, allowed=False, limited=False)


@pytest.mark.parametrize(
    ("host", "wire", "variable"),
    [
        ("https://api.openai.com", "openai", "OPENAI_API_KEY"),
        ("https://api.anthropic.com", "anthropic", "ANTHROPIC_API_KEY"),
        ("https://api.anthropic.com", "openai", "ANTHROPIC_API_KEY"),  # which it serves, too
        ("https://api.holysheep.ai/v1", "openai", "HOLYSHEEP_API_KEY"),
        ("https://holysheep.ai.example", "openai", "OPENAI_API_KEY"),
        ("https://llm.example", "openai", "OPENAI_API_KEY"),
        ("https://llm.example", "anthropic", "ANTHROPIC_API_KEY"),
    ],
)
def test_a_host_is_given_its_own_key_and_no_other(
    monkeypatch: pytest.MonkeyPatch, host: str, wire: str, variable: str
) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "HOLYSHEEP_API_KEY"):
        monkeypatch.setenv(name, f"sk-of-{name}")
    found = target(host, wire)
    assert (found.key_variable, found.key) == (variable, f"sk-of-{variable}")
    assert "sk-of" not in repr(found) + str(found.document("calm"))

    monkeypatch.delenv(variable)
    with pytest.raises(ConfigError, match=f"{variable} is not set"):
        _ = found.key


def test_a_server_on_this_machine_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
    assert target("http://127.0.0.1:1").key == "sk-mine"
    assert target("http://127.0.0.1:1", bundled=True).key == MOCK_KEY
    monkeypatch.delenv("OPENAI_API_KEY")
    assert target("http://127.0.0.1:1").key == MOCK_KEY


def test_a_manifest_says_what_is_real() -> None:
    assert target("https://api.example/v1").document("calm") == {
        "host": "https://api.example/v1",
        "bundled": False,
        "profile": None,
        "real": True,
        "wire": "openai",
        "model": "m",
    }
