"""Locust's start form: what it asks for is checked before Locust says that a run has begun."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from copy import copy

from harness.bridge.options import is_closed
from harness.errors import expected

#: Fields that Locust reads in its own way and refuses in its own words.
LOCUSTS_OWN = ("user_count", "spawn_rate", "run_time", "user_classes", "shape_class", "profile")


def asked_for(options: Namespace, form: Mapping[str, str]) -> Namespace:
    """The options as Locust will set them from the form, a copy. Raises ConfigError."""
    asked = copy(options)
    for key, text in form.items():
        if key not in LOCUSTS_OWN and hasattr(options, key):
            setattr(asked, key, _value(key, getattr(options, key), text))
    return asked


def check_loop(started: Namespace, asked: Namespace) -> None:
    """The loop, open or closed, is the one that Locust's shape was made for. Raises ConfigError."""
    if is_closed(asked) != is_closed(started):
        users = " -u N" if is_closed(asked) else ""
        raise expected("--arrivals", asked.arrivals, f"a start with --arrivals {asked.arrivals}{users}")


def _value(key: str, present: object, text: str) -> object:
    """A field's text as the type that the option has, which is Locust's rule."""
    match present:
        case bool():
            return text == "true"
        case int():
            return _number(int, key, text, "a whole number")
        case float():
            return _number(float, key, text, "a number")
        case list() | None:
            return text or present
        case _:
            return text


def _number(kind: type[int | float], key: str, text: str, what: str) -> float:
    try:
        return kind(text)
    except ValueError:
        raise expected(f"--{key.replace('_', '-')}", text, what) from None
