"""A policy table as the text of a policy file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from reports.telling import words


def policy_toml(table: Mapping[str, Any], remarks: Sequence[str] = ()) -> str:
    """The file that `--policy` reads back as this table, under some remarks."""
    return "\n".join([*(f"# {words.clean(line)}" for line in remarks), *_lines(table)]) + "\n"


def _lines(table: Mapping[str, Any]) -> list[str]:
    """The lines of a table: its own keys, then its sections."""
    own = [f"{key} = {value_toml(value)}" for key, value in table.items() if not isinstance(value, Mapping)]
    sections = [
        line
        for key, value in table.items()
        if isinstance(value, Mapping)
        for line in ("", f"[{key}]", *_lines(value))
    ]
    return own + sections


def value_toml(value: Any) -> str:
    """A value as TOML has it."""
    if isinstance(value, str):
        # What JSON escapes is what TOML does, but for the one control character above the others.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(value_toml, value))}]"
    return str(value).lower() if isinstance(value, bool) else repr(value)
