"""A policy by a preset's name or from a file: the error names the file and what is wrong with it."""

from pathlib import Path
from typing import Any

import pytest

from harness.errors import ConfigError
from harness.policy.presets import preset
from harness.policy_file import load_policy


def test_a_preset_by_its_name_and_a_file_by_its_path(tmp_path: Path) -> None:
    assert load_policy("article") is preset("article")
    path = tmp_path / "mine.toml"
    path.write_text("deadline_s = 20\n", encoding="utf-8")
    policy = load_policy(str(path))
    assert (policy.name, policy.deadline_s) == ("mine", 20.0)


@pytest.mark.parametrize("given", [None, 5, True, b"tuned", ["tuned"], {"retry": {}}])
def test_what_is_no_name_is_refused(given: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        load_policy(given)
    assert (
        str(caught.value) == f"policy = {given!r}: expected the name of a preset, or the path of a .toml file"
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[retry\n", "not valid TOML"),
        (b"\xff\xfe", "not valid TOML"),
        (b"deadline_s = 1" + b"0" * 5000, "not valid TOML"),  # longer than Python reads a number
        (b"a = " + b"[" * 100_000, "not valid TOML"),
        (
            b'[breaker]\nkind = "off"\nprobes = 3\n',
            "breaker.probes: a breaker of kind 'off' does not read it",
        ),
    ],
)
def test_a_file_that_is_no_policy_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_policy(str(path))
    assert str(caught.value).startswith(f"policy file {path}: {said}")


@pytest.mark.parametrize("name", ["none.toml", "\0.toml", ".toml"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"^policy file "):
        load_policy(str(tmp_path / name))
