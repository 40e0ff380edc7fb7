"""The keys of a policy file."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from harness.policy.checks import wanted
from harness.policy.config import Policy
from harness.policy.parse import NEEDS, OFF, READS
from harness.policy.presets import PRESETS
from tests.docs.reference.expectations import expected
from tests.docs.reference.markdown import code, prose, table, value

TITLE = "Policy files"

HEAD = """
A policy file is TOML for `--policy`, for `load_policy` and for `policy` in a spec. It starts from a preset
(`preset = "tuned"` where it names none) and overrides what it holds. A misspelt key, a value out of its
range and a key that nothing would read are errors that say what was expected.

`"off"` takes a bound away, where the table says so. An *outcome* is one of [these](outcomes.md), optionally
with a fault: `"transient"`, `"transient.connect"`. How to write one: [a policy of your
own](../how-to/own-policy.md).
"""


def page() -> str:
    """Every section with what it means, then its keys: what may stand there, and what the presets say."""
    plain = [field.name for field in fields(Policy) if not _is_section(field.name) and field.name != "name"]
    parts = [HEAD, "## At the top\n", prose(Policy), _table(Policy, plain, "")]
    for field in fields(Policy):
        if _is_section(field.name):
            section = get_type_hints(Policy)[field.name]
            names = [key.name for key in fields(section)]
            parts += [f"## [{field.name}]\n", prose(section), _table(section, names, field.name)]
    return "\n".join(parts)


def _is_section(name: str) -> bool:
    return is_dataclass(get_type_hints(Policy)[name])


def _table(section: Any, names: list[str], path: str) -> str:
    kinds = READS.get(path, {})
    head = ["key", "what may stand there", *map(code, PRESETS)]
    rows = [
        [_key(name, path, kinds), _allowed(section, name), *(_of(p, path, name) for p in PRESETS.values())]
        for name in names
    ]
    return table(head, rows)


def _key(name: str, path: str, kinds: dict[str, tuple[str, ...]]) -> str:
    """With the kinds of its section that read it, or the key it needs."""
    readers = [f'"{kind}"' for kind, keys in kinds.items() if name in keys]
    if needed := NEEDS.get(f"{path}.{name}"):
        return f"{code(name)} (with {code(needed)})"
    return f"{code(name)} (of {', '.join(map(code, readers))})" if readers else code(name)


def _of(policy: Policy, path: str, name: str) -> str:
    """A preset's value; nothing where its kind does not read the key."""
    section = getattr(policy, path) if path else policy
    kinds = READS.get(path, {})
    if any(name in keys for keys in kinds.values()) and name not in kinds[section.kind]:
        return ""
    found = getattr(section, name)
    return value(OFF if found is None else found)


def _allowed(section: Any, name: str) -> str:
    annotation = get_type_hints(section)[name]
    if get_origin(annotation) is Literal:
        return " or ".join(code(f'"{choice}"') for choice in get_args(annotation))
    if get_origin(annotation) is tuple:
        return "a list of outcomes"
    wide = wanted(annotation, none=code(f'"{OFF}"'), many="list")
    if annotation is bool or str in (annotation, *get_args(annotation)):
        return wide
    whole = int in (annotation, *get_args(annotation))
    range_ = expected(lambda wrong: section(**{name: wrong}), -(10**9) if whole else -1e9)
    noun, _, off = wide.partition(", or ")
    said = range_ if range_.startswith("a ") else f"{noun}, {_generally(range_)}"
    return said + (f", or {off}" if NoneType in get_args(annotation) else "")


def _generally(range_: str) -> str:
    """A range that other keys bound, by their names."""
    return "from `min` to `max`" if range_.startswith("from min") else range_
