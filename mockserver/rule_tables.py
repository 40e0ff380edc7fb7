"""Reading fault rules from tables: which fault, and for which connections or requests."""

import re
from typing import Literal, get_args

from mockserver.errors import ProfileError
from mockserver.rules import (
    COUNTS_EVENTS,
    ConnectionRule,
    HeaderIs,
    RefusingAction,
    RequestAction,
    RequestRule,
    RetryAfter,
    SpoilingAction,
    When,
)
from mockserver.tables import Table, wrong

# Bounds against typing errors: a day, a week, more events than the longest reply has, a million requests.
_DAY_S = 86_400.0
_MAX_EVENTS = 100_000
_MANY = 10_000_000

_ACTIONS: tuple[RequestAction, ...] = get_args(RefusingAction) + get_args(SpoilingAction)
# A header name as RFC 9110 has it (token), then a value that begins and ends with something visible.
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+): *([!-~](?:[ -~]*[!-~])?)")


def read_connection_rule(table: Table) -> ConnectionRule:
    """One of `connection_faults`; raises ProfileError."""
    action = table.raw("action", None)
    if action not in ("hang", "reset"):
        raise wrong(table.path("action"), action, '"hang" or "reset"')
    kind: Literal["hang", "reset"] = "hang" if action == "hang" else "reset"
    rule = ConnectionRule(
        name=table.text("name", f"connection_{kind}"),
        action=kind,
        probability=table.number("probability", 1.0, 0, 1),
        when=_when(table),
    )
    table.finish()
    return rule


def read_request_rule(table: Table) -> RequestRule:
    """One of `request_faults`; raises ProfileError."""
    action = _request_action(table)
    status = _status(table, action)
    rule = RequestRule(
        name=table.text("name", _usual_name(action, status)),
        action=action,
        probability=table.number("probability", 1.0, 0, 1),
        when=_when(table),
        path=table.optional_text("path"),
        model=table.optional_text("model"),
        header=_header(table),
        first=table.optional_integer("first", 1, _MANY),
        status=status,
        retry_after=RetryAfter(_retry_after_s(table, action)),
        after_events=_after_events(table, action),
    )
    table.finish()
    return rule


def read_request_fault(table: Table) -> RequestRule:
    """A fault for one request, so without a choice of requests; raises ProfileError."""
    action = _request_action(table)
    status = _status(table, action)
    rule = RequestRule(
        name=_usual_name(action, status),
        action=action,
        status=status,
        retry_after=RetryAfter(_retry_after_s(table, action)),
        after_events=_after_events(table, action),
    )
    table.finish()
    return rule


def _usual_name(action: str, status: int) -> str:
    return f"status_{status}" if action == "status" else action


def _request_action(table: Table) -> RequestAction:
    value = table.raw("action", None)
    for action in _ACTIONS:
        if action == value:
            return action
    names = ", ".join(f'"{name}"' for name in _ACTIONS[:-1])
    raise wrong(table.path("action"), value, f'{names} or "{_ACTIONS[-1]}"')


def _status(table: Table, action: RequestAction) -> int:
    _refuse_beside(table, "status", action, action == "status")
    if action == "status" and not table.has("status"):
        raise ProfileError(f"{table.path('status')} is missing: expected one from 400 to 599")
    return table.integer("status", 500, 400, 599)


def _retry_after_s(table: Table, action: RequestAction) -> float | None:
    _refuse_beside(table, "retry_after_s", action, action == "status")
    return table.optional_number("retry_after_s", 0, _DAY_S)


def _after_events(table: Table, action: RequestAction) -> int:
    _refuse_beside(table, "after_events", action, action in COUNTS_EVENTS)
    return table.integer("after_events", 1, 0, _MAX_EVENTS)


def _refuse_beside(table: Table, key: str, action: str, has_meaning: bool) -> None:  # noqa: FBT001 - a verdict
    if table.has(key) and not has_meaning:
        raise ProfileError(f"{table.path(key)} has no meaning with the action {action}")


def _header(table: Table) -> HeaderIs | None:
    text = table.optional_text("header")
    if text is None:
        return None
    match = _HEADER.fullmatch(text)
    if match is None:
        raise wrong(table.path("header"), text, 'a header like "x-tenant: gold"')
    return HeaderIs(match[1].lower(), match[2])


def _when(table: Table) -> When:
    when = When(
        window=table.optional_window("window"),
        from_s=table.optional_number("from_s", 0, 7 * _DAY_S),
        to_s=table.optional_number("to_s", 0, 7 * _DAY_S),
    )
    if when.from_s is not None and when.to_s is not None and when.from_s >= when.to_s:
        raise wrong(table.path("to_s"), when.to_s, f"more than from_s ({when.from_s:g})")
    return when
