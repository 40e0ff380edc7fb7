"""A policy from a parsed TOML table; an unknown key is an error that names the nearest known one."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, fields, is_dataclass, replace
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

from harness.errors import ConfigError, expected, nearest
from harness.policy.checks import fits, wanted
from harness.policy.config import Policy
from harness.policy.presets import preset

#: TOML has no null: this word takes a bound away.
OFF = "off"

#: Section -> kind -> the keys a section of this kind reads beside `kind`.
READS: dict[str, dict[str, tuple[str, ...]]] = {
    "budget": {"bucket": ("ratio", "min_per_s", "cap"), "off": ()},
    "breaker": {
        "ratio": (
            "counts",
            "recheck",
            "window_s",
            "min_calls",
            "failure_ratio",
            "slow_call_s",
            "slow_ratio",
            "open_s",
            "max_open_s",
            "probes",
            "ramp",
        ),
        "counter": ("counts", "recheck", "open_s", "threshold"),
        "off": (),
    },
    "concurrency": {
        "static": ("limit",),
        "aimd": ("initial", "min", "max", "decrease", "decrease_on"),
        "off": (),
    },
}

#: A key that is read only where another of its section is on.
NEEDS = {"breaker.slow_ratio": "slow_call_s", "rate.max_pause_s": "pause"}

#: What a section describes, where its name does not say it.
_NOUNS = {"concurrency": "concurrency limit"}

T = TypeVar("T")


def parse(table: Mapping[str, Any], name: str) -> Policy:
    """The policy a table describes: `preset` (default "tuned") with the table's other keys laid over it.

    Raises ConfigError with the field, the value and what was expected; for a key, too, that nothing would
    read.
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


def restored(plain: Mapping[str, Any]) -> Policy:
    """The policy whose `values` these are, though they may have travelled."""
    return msgspec.convert(plain, Policy)


def unread_keys(policy: Mapping[str, Any], settings: Mapping[str, Any]) -> set[str]:
    """Which dotted keys among `settings` nothing would read, laid over a policy's `values`.

    A key of a section whose kind, as it then is, does not have it; one that needs another that is off.
    """
    return {key for key in settings if not _is_read(policy, settings, key)}


def _is_read(policy: Mapping[str, Any], settings: Mapping[str, Any], path: str) -> bool:
    section, _, key = path.rpartition(".")
    kinds = READS.get(section, {})
    if any(key in keys for keys in kinds.values()):
        implied = "static" if path == "concurrency.limit" else policy[section]["kind"]
        kind = settings.get(f"{section}.kind", implied)
        if key not in kinds.get(kind, ()):
            return False
    needed = NEEDS.get(path)
    if needed is None:
        return True
    other = settings.get(f"{section}.{needed}", policy[section][needed])
    return bool(other) and other != OFF


def _with_kinds(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """`concurrency.limit` without a `kind` means a static limit: under another kind it would say nothing."""
    section = table.get("concurrency")
    if isinstance(section, Mapping) and "limit" in section and "kind" not in section:
        return {**table, "concurrency": {"kind": "static", **section}}
    return table


def _overlay(base: T, table: Mapping[str, Any], section: str) -> T:
    """`base` (a dataclass) with the table's values; sections descend."""
    known = [f.name for f in fields(base) if f.name != "name"]  # type: ignore[arg-type]
    prefix = f"{section}." if section else ""
    hints = get_type_hints(type(base))
    changes = {}
    for key, value in table.items():
        path = f"{prefix}{key}"
        if key not in known:
            where = f"[{section}]" if section else "the top level"
            raise ConfigError(
                f"unknown key {path!r}{nearest(key, known)}: {where} has {', '.join(known)}",
            )
        changes[key] = _value(hints[key], value, getattr(base, key), path)
    resulting = {name: changes.get(name, getattr(base, name)) for name in known}
    for key in changes:
        _refuse_unread(section, key, resulting)
    return replace(base, **changes)  # type: ignore[type-var]


def _refuse_unread(section: str, key: str, resulting: Mapping[str, Any]) -> None:
    """An option that changes nothing is a mistake of whoever set it."""
    path = f"{section}.{key}"
    kinds = READS.get(section, {})
    readers = [f'"{kind}"' for kind, keys in kinds.items() if key in keys]
    if readers and key not in kinds[resulting["kind"]]:
        noun = _NOUNS.get(section, section)
        raise ConfigError(
            f"{path}: a {noun} of kind {resulting['kind']!r} does not read it;"
            f" expected kind = {' or '.join(readers)}"
        )
    needed = NEEDS.get(path)
    if needed is not None and not resulting[needed]:
        raise ConfigError(f"{path}: nothing reads it while {needed} is off; expected {needed} to be set, too")


def _value(annotation: Any, value: Any, current: Any, path: str) -> Any:
    """`value` as a field of this type holds it. TOML has no tuples, and a whole number is no float to it."""
    if is_dataclass(annotation):
        if not isinstance(value, Mapping):
            raise expected(path, value, f"a section [{path}]")
        return _overlay(current, value, path)
    if value == OFF and fits(annotation, None):
        return None
    held: Any = tuple(value) if isinstance(value, list) else value
    if not fits(annotation, held):
        raise expected(path, value, wanted(annotation, none=f'"{OFF}"', many="list"))
    if annotation is float or float in get_args(annotation):
        with suppress(OverflowError):  # one without an end to it is refused as such
            return float(held)
    return held
