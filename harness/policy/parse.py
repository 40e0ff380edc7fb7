"""A policy from a parsed TOML table; an unknown key is an error that names the nearest known one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from harness.errors import ConfigError, expected, nearest
from harness.policy.config import Policy
from harness.policy.presets import preset

#: TOML has no null: this word takes a bound away.
OFF = "off"

T = TypeVar("T")


def parse(table: Mapping[str, Any], name: str) -> Policy:
    """The policy a table describes: `preset` (default "tuned") with the table's other keys laid over it.

    Raises ConfigError with the field, the value and what was expected.
    """
    rest = dict(table)
    base_name = rest.pop("preset", "tuned")
    if not isinstance(base_name, str):
        raise expected("preset", base_name, "the name of a preset")
    if "name" in rest:
        raise ConfigError("name: a policy is named after its file; remove this key")
    return replace(_overlay(preset(base_name), _with_kinds(rest), ""), name=name)


def values(policy: Policy) -> dict[str, Any]:
    """Every value of a policy as nested plain data, as manifests and reports print it."""
    return asdict(policy)


def _with_kinds(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """`concurrency.limit` without a `kind` means a static limit: under another kind it would say nothing."""
    section = table.get("concurrency")
    if isinstance(section, Mapping) and "limit" in section and "kind" not in section:
        return {**table, "concurrency": {"kind": "static", **section}}
    return table


def _overlay(base: T, table: Mapping[str, Any], prefix: str) -> T:
    """`base` (a dataclass) with the table's values; sections descend."""
    hints = get_type_hints(type(base))
    known = [f.name for f in fields(base) if f.name != "name"]  # type: ignore[arg-type]
    changes = {}
    for key, value in table.items():
        path = f"{prefix}{key}"
        if key not in known:
            where = f"[{prefix.rstrip('.')}]" if prefix else "the top level"
            raise ConfigError(
                f"unknown key {path!r}{nearest(key, known)}: {where} has {', '.join(known)}",
            )
        changes[key] = _value(hints[key], value, getattr(base, key), path)
    return replace(base, **changes)  # type: ignore[type-var]


def _value(annotation: Any, value: Any, current: Any, path: str) -> Any:
    """`value` checked against a field's annotation."""
    if is_dataclass(annotation):
        if not isinstance(value, Mapping):
            raise expected(path, value, f"a section [{path}]")
        return _overlay(current, value, f"{path}.")
    optional = get_origin(annotation) is UnionType and NoneType in get_args(annotation)
    if optional and value == OFF:
        return None
    kind = next(a for a in get_args(annotation) if a is not NoneType) if optional else annotation
    return _scalar(kind, value, path, or_off=f', or "{OFF}"' if optional else "")


def _scalar(kind: Any, value: Any, path: str, or_off: str) -> Any:
    """One plain value. A whole number serves as a float; a bool never as a number."""
    if get_origin(kind) is Literal:
        choices = get_args(kind)
        if value not in choices:
            raise expected(path, value, f"one of {', '.join(map(repr, choices))}")
        return value
    if get_origin(kind) is tuple:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise expected(path, value, "a list of strings")
        return tuple(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        names = {int: "a whole number", float: "a number", bool: "true or false", str: "a string"}
        raise expected(path, value, names[kind] + or_off)
    return value
