"""Reading fault rules from tables: which fault, and for which connections or requests."""

import re
from typing import TypeVar, get_args

from mockserver.errors import ProfileError
from mockserver.keys import read_key
from mockserver.rules import (
    COUNTS_EVENTS,
    ERROR_CODES,
    CallRange,
    ConnectionAction,
    ConnectionRule,
    HeaderIs,
    RefusingAction,
    RequestAction,
    RequestRule,
    RetryAfter,
    SpoilingAction,
    When,
)
from mockserver.tables import Table, is_digits, nearest, wrong

# Bounds against typing errors: a week, ten years (a Retry-After may be meant to be absurd), more events than
# the longest reply has, a million requests, a megabyte.
_WEEK_S = 7 * 86_400.0
_TEN_YEARS_S = 10 * 366 * 86_400.0
_MAX_EVENTS = 100_000
_MANY = 10_000_000
_MEGABYTE = 1_000_000
_MAX_CALL = 2**62

_Action = TypeVar("_Action", bound=str)

_CONNECTION_ACTIONS: tuple[ConnectionAction, ...] = get_args(ConnectionAction)
_ACTIONS: tuple[RequestAction, ...] = get_args(RefusingAction) + get_args(SpoilingAction)
# A header name as RFC 9110 has it (token), then a value that begins and ends with something visible.
_VISIBLE = r"[!-~](?:[ -~]*[!-~])?"
_HEADER = re.compile(rf"([!#$%&'*+.^_`|~0-9A-Za-z-]+): *({_VISIBLE})")
_HEADER_VALUE = re.compile(_VISIBLE)

# The keys that belong to one action, or to some.
_KEYS_OF: dict[str, frozenset[str]] = {
    "status": frozenset({"status"}),
    "code": frozenset({"status"}),
    "retry_after_s": frozenset({"status"}),
    "retry_after_date": frozenset({"status"}),
    "retry_after": frozenset({"status"}),
    "should_retry": frozenset({"status"}),
    "delay_ms": frozenset({"delay"}),
    "bytes_per_s": frozenset({"slow_drip"}),
    "length_off": frozenset({"wrong_length"}),
    "after_events": COUNTS_EVENTS,
}


def read_connection_rule(table: Table) -> ConnectionRule:
    """One of `connection_faults`; raises ProfileError."""
    action = _action(table, _CONNECTION_ACTIONS)
    rule = ConnectionRule(
        name=table.text("name", f"connection_{action}"),
        action=action,
        probability=table.number("probability", 1.0, 0, 1),
        when=_when(table),
    )
    table.finish()
    return rule


def read_request_rule(table: Table) -> RequestRule:
    """One of `request_faults`; raises ProfileError."""
    return _request_rule(table, which=True)


def read_request_fault(table: Table) -> RequestRule:
    """A fault for one request, so without a choice of requests; raises ProfileError."""
    return _request_rule(table, which=False)


def _request_rule(table: Table, *, which: bool) -> RequestRule:
    action = _action(table, _ACTIONS)
    for key, actions in _KEYS_OF.items():
        if table.has(key) and action not in actions:
            raise ProfileError(f"{table.path(key)} has no meaning with the action {action}")
    status = _status(table, action)
    name = f"status_{status}" if action == "status" else action
    base = RequestRule(name, action)
    rule = RequestRule(
        name=table.text("name", name) if which else name,
        action=action,
        probability=table.number("probability", 1.0, 0, 1) if which else 1.0,
        when=_when(table) if which else When(),
        path=table.optional_text("path") if which else None,
        model=table.optional_text("model") if which else None,
        key=_key(table) if which else None,
        header=_header(table) if which else None,
        call=_call(table) if which else None,
        attempts=table.optional_integer("attempts", 1, _MANY) if which else None,
        first=table.optional_integer("first", 1, _MANY) if which else None,
        every=table.optional_integer("every", 1, _MANY) if which else None,
        status=status,
        code=_code(table),
        retry_after=_retry_after(table),
        delay_ms=table.number("delay_ms", base.delay_ms, 0, 3_600_000),
        bytes_per_s=table.number("bytes_per_s", base.bytes_per_s, 0.1, _MEGABYTE),
        length_off=_length_off(table, base.length_off),
        after_events=table.integer("after_events", base.after_events, 0, _MAX_EVENTS),
    )
    table.finish()
    return rule


def _action(table: Table, actions: tuple[_Action, ...]) -> _Action:
    value = table.raw("action", None)
    for action in actions:
        if action == value:
            return action
    names = ", ".join(f'"{name}"' for name in actions[:-1])
    hint = nearest(value, actions) if isinstance(value, str) else ""
    raise wrong(table.path("action"), value, f'{names} or "{actions[-1]}"{hint}')


def _status(table: Table, action: RequestAction) -> int:
    if action == "status" and not table.has("status"):
        raise ProfileError(f"{table.path('status')} is missing: expected one from 400 to 599")
    return table.integer("status", 500, 400, 599)


def _code(table: Table) -> str | None:
    code = table.optional_text("code")
    if code is not None and code not in ERROR_CODES:
        raise wrong(table.path("code"), code, f"one of {', '.join(ERROR_CODES)}{nearest(code, ERROR_CODES)}")
    return code


def _retry_after(table: Table) -> RetryAfter:
    seconds = table.optional_number("retry_after_s", 0, _TEN_YEARS_S)
    as_date = table.boolean("retry_after_date", False)
    text = table.optional_text("retry_after")
    if text is not None and seconds is not None:
        raise ProfileError(f"{table.path('retry_after')} stands beside retry_after_s: expected one of them")
    if text is not None and not _HEADER_VALUE.fullmatch(text):
        raise wrong(table.path("retry_after"), text, "visible ASCII text")
    if as_date and seconds is None:
        raise ProfileError(f"{table.path('retry_after_date')} needs retry_after_s: how far ahead the date is")
    should_retry = table.boolean("should_retry", False) if table.has("should_retry") else None
    table.raw("should_retry", None)  # known here, though absent
    return RetryAfter(seconds, as_date, text, should_retry)


def _length_off(table: Table, default: int) -> int:
    off = table.integer("length_off", default, -_MEGABYTE, _MEGABYTE)
    if off == 0:
        raise wrong(table.path("length_off"), off, "another number than 0")
    return off


def _key(table: Table) -> str | None:
    text = table.optional_text("key")
    return None if text is None else read_key(text)


def _call(table: Table) -> CallRange | None:
    """`17`, or `"100-199"`."""
    value = table.raw("call", None)
    if not table.has("call"):
        return None
    expected = 'a call id, or a range like "100-199"'
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_CALL:
        return CallRange(value, value)
    if isinstance(value, str):
        first, _, last = value.partition("-")
        if is_digits(first) and is_digits(last) and int(first) <= int(last) <= _MAX_CALL:
            return CallRange(int(first), int(last))
    raise wrong(table.path("call"), value, expected)


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
        from_s=table.optional_number("from_s", 0, _WEEK_S),
        to_s=table.optional_number("to_s", 0, _WEEK_S),
    )
    if when.from_s is not None and when.to_s is not None and when.from_s >= when.to_s:
        raise wrong(table.path("to_s"), when.to_s, f"more than from_s ({when.from_s:g})")
    return when
