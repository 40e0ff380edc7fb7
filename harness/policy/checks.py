"""What a setting of the policy may be: its type, its range, and the selectors that can occur."""

from __future__ import annotations

import sys
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from harness.errors import ConfigError, expected, nearest
from harness.model import Fault, Outcome

#: Outcome -> the faults an attempt that ended so may have, as transport, wire, exchange and client tell them.
#: After a stream's first output every failure but our own timeout is `partial`.
OCCURRING: dict[Outcome, tuple[Fault, ...]] = {
    Outcome.THROTTLED: (Fault.STATUS, Fault.STREAM, Fault.BODY),
    Outcome.OVERLOADED: (Fault.STATUS, Fault.STREAM, Fault.BODY),
    Outcome.TRANSIENT: (
        Fault.CONNECT,
        Fault.READ,
        Fault.PROTOCOL,
        Fault.STATUS,
        Fault.STREAM,
        Fault.BODY,
    ),
    Outcome.TIMEOUT: (
        Fault.CONNECT_TIMEOUT,
        Fault.READ_TIMEOUT,
        Fault.ATTEMPT_TIMEOUT,
        Fault.FIRST_TOKEN_TIMEOUT,
        Fault.IDLE_TIMEOUT,
    ),
    Outcome.MALFORMED: (Fault.BODY,),
    Outcome.PARTIAL: (
        Fault.READ,
        Fault.PROTOCOL,
        Fault.READ_TIMEOUT,
        Fault.BODY,
        Fault.STREAM,
        Fault.QUOTA,
    ),
    Outcome.LOCAL: (Fault.POOL,),
    Outcome.FATAL: (Fault.STATUS, Fault.STREAM, Fault.BODY, Fault.QUOTA),
    Outcome.DEADLINE: (),
}

#: No retry follows these, whatever is listed: the caller has seen a part of the reply, or the time is over.
NEVER_RETRIED = (Outcome.PARTIAL, Outcome.DEADLINE, f"{Outcome.TIMEOUT}.{Fault.IDLE_TIMEOUT}")

_NAMES: dict[Any, str] = {int: "a whole number", float: "a number", bool: "true or false", str: "a string"}


def types(settings: Any, section: str) -> None:
    """Raise ConfigError for a field that does not hold what its annotation says."""
    for name, annotation in get_type_hints(type(settings)).items():
        value = getattr(settings, name)
        if not fits(annotation, value):
            raise expected(f"{section}.{name}" if section else name, value, wanted(annotation))


def fits(annotation: Any, value: Any) -> bool:
    """Whether a value is of the type. A whole number serves as a float; a bool never as a number."""
    if get_origin(annotation) is Literal:
        return value in get_args(annotation)
    if get_origin(annotation) is tuple:
        return isinstance(value, tuple) and all(isinstance(item, str) for item in value)
    if get_args(annotation):
        return any(fits(choice, value) for choice in get_args(annotation))
    if annotation in (int, float) and isinstance(value, bool):
        return False
    return isinstance(value, (int, float) if annotation is float else annotation)


def wanted(annotation: Any, *, none: str = "None", many: str = "tuple") -> str:
    """A type as an error names it: `none` stands for None, `many` for several strings."""
    if get_origin(annotation) is Literal:
        return f"one of {', '.join(map(repr, get_args(annotation)))}"
    if get_origin(annotation) is tuple:
        return f"a {many} of strings"
    if NoneType in get_args(annotation):
        return f"{_NAMES[get_args(annotation)[0]]}, or {none}"
    return _NAMES.get(annotation) or f"an instance of {annotation.__name__}"


def at_least(field: str, value: float | None, low: float) -> None:
    """None is no bound, and passes."""
    if value is not None and not low <= value <= sys.float_info.max:
        raise expected(field, value, _finite(value) or f"at least {low:g}")


def positive(field: str, value: float | None) -> None:
    """None is no bound, and passes."""
    if value is not None and not 0 < value <= sys.float_info.max:
        raise expected(field, value, _finite(value) or "more than 0")


def fraction(field: str, value: float) -> None:
    """Of the whole, but not nothing of it."""
    if not 0 < value <= 1:
        raise expected(field, value, "a fraction, more than 0 and at most 1")


def selectors(field: str, value: tuple[str, ...], *, never: tuple[str, ...] = ()) -> None:
    """Each is an outcome that an attempt may end as, or `outcome.fault` with a fault it may have then.

    Those in `never` do occur, but are never retried.
    """
    outcomes = [str(outcome) for outcome in OCCURRING if outcome not in never]
    for selector in value:
        outcome, dot, _ = selector.partition(".")
        if outcome in never or selector in never:
            some = ", ".join(outcomes)
            raise ConfigError(f"{field}: {selector!r} is never retried: expected some of {some}")
        if outcome not in outcomes:
            hint = nearest(outcome, outcomes)
            raise ConfigError(
                f"{field}: unknown outcome {selector!r}{hint}: expected some of {', '.join(outcomes)},"
                " each optionally with a fault, as 'transient.connect'"
            )
        finer = [f"{outcome}.{fault}" for fault in OCCURRING[Outcome(outcome)]]
        possible = [one for one in finer if one not in never]
        if dot and selector not in possible:
            hint = nearest(selector, possible)
            raise ConfigError(
                f"{field}: no attempt ends as {selector!r}{hint}: expected {', '.join([outcome, *possible])}"
            )


def _finite(value: float) -> str:
    return "a finite number" if value > sys.float_info.max else ""
