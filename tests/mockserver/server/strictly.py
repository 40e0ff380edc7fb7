"""JSON read by a type of the official SDKs, which by themselves take almost anything, with nothing let pass.

Types are not converted, every required field is there, and no object has a key its type does not know.
"""

from typing import Any

from pydantic import BaseModel, TypeAdapter


def read_strictly(kind: Any, body: bytes | str) -> Any:
    """A body or an event as an instance of `kind`; raises ValidationError or AssertionError."""
    value = TypeAdapter(kind).validate_json(body, strict=True)
    unknown = unknown_keys(value)
    assert not unknown, f"unknown keys: {unknown}"
    return value


def unknown_keys(value: object, where: str = "") -> set[str]:
    """The keys at any depth that the types do not know, by their place."""
    match value:
        case BaseModel():
            extra = {f"{where}.{key}" for key in value.model_extra or {}}
            fields = {key: getattr(value, key) for key in type(value).model_fields}
            return extra | unknown_keys(fields, where)
        case dict():
            return {line for key, item in value.items() for line in unknown_keys(item, f"{where}.{key}")}
        case list():
            return {line for item in value for line in unknown_keys(item, f"{where}[]")}
        case _:
            return set()
