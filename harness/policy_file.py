"""Read a policy from a preset's name or a TOML file."""

from __future__ import annotations

import tomllib
from pathlib import Path

from harness.errors import ConfigError, expected
from harness.files import why
from harness.policy.config import Policy
from harness.policy.parse import parse
from harness.policy.presets import PRESETS, preset


def load_policy(name_or_path: str) -> Policy:
    """The preset of that name, or the policy in that `.toml` file.

    Raises ConfigError that names the file, the key and what was expected.
    """
    if not isinstance(name_or_path, str):
        raise expected("policy", name_or_path, "the name of a preset, or the path of a .toml file")
    if not name_or_path.endswith(".toml"):
        check_name(name_or_path)
        return preset(name_or_path)
    path = Path(name_or_path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        return parse(table, path.stem)
    except OSError as error:
        raise ConfigError(f"policy file {path}: {why(error, path)}") from error
    except (ValueError, RecursionError) as error:  # of bytes, syntax, a number too long, lists too deep
        raise ConfigError(f"policy file {path}: not valid TOML: {error}") from error
    except ConfigError as error:
        raise ConfigError(f"policy file {path}: {error}") from error


def check_name(name: str) -> None:
    """Raises ConfigError for the name of no preset beside which there is a file of that name."""
    file = Path(f"{name}.toml")
    if name not in PRESETS and file.is_file():
        raise ConfigError(f"unknown policy preset {name!r}, did you mean '{file}'?")
