"""How a payload differs in shape from a golden one, place by place.

A difference is a line: `- usage.x` (the golden payload has it, ours has not), `+ usage.x` (the other way
round), `~ usage.x: null/string` (another JSON type), `= type: a/b` (another value where the value is part of
the format). The items of a list are all held against the first one of the golden list: `choices[].index`.
"""

from typing import Any

# Keys whose value is part of the format, not of the content.
LITERALS = frozenset(
    {
        "object",
        "type",
        "role",
        "index",
        "code",
        "service_tier",
        "finish_reason",
        "stop_reason",
        "stop_sequence",
    }
)

_TYPE_NAMES: dict[type, str] = {
    dict: "object",
    list: "array",
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
}


def differences(golden: Any, ours: Any, where: str = "") -> set[str]:
    """Every difference in shape at any depth."""
    kinds = _TYPE_NAMES[type(golden)], _TYPE_NAMES[type(ours)]
    if kinds[0] != kinds[1]:
        return {f"~ {where}: {kinds[0]}/{kinds[1]}"}
    if isinstance(golden, dict):
        return _of_objects(golden, ours, where)
    if isinstance(golden, list):
        return _of_arrays(golden, ours, where)
    if where.rpartition(".")[2] in LITERALS and golden != ours:
        return {f"= {where}: {golden}/{ours}"}
    return set()


def _of_objects(golden: dict[str, Any], ours: dict[str, Any], where: str) -> set[str]:
    prefix = f"{where}." if where else ""
    missing = {f"- {prefix}{key}" for key in golden.keys() - ours.keys()}
    added = {f"+ {prefix}{key}" for key in ours.keys() - golden.keys()}
    deeper = (differences(golden[key], ours[key], prefix + key) for key in golden.keys() & ours.keys())
    return missing.union(added, *deeper)


def _of_arrays(golden: list[Any], ours: list[Any], where: str) -> set[str]:
    if bool(golden) != bool(ours):
        return {f"~ {where}: {len(golden)}/{len(ours)} items"}
    return {line for item in ours for line in differences(golden[0], item, f"{where}[]")}
