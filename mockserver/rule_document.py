"""Fault rules as plain documents: the keys and values a profile file would hold."""

from mockserver.keys import written_key
from mockserver.rules import COUNTS_EVENTS, CallRange, ConnectionRule, RequestRule, RetryAfter, When
from mockserver.tables import window_text

Document = dict[str, object]


def connection_rule_document(rule: ConnectionRule) -> Document:
    """What `read_connection_rule` reads back."""
    return {"name": rule.name, "action": rule.action, "probability": rule.probability} | _when(rule.when)


def request_rule_document(rule: RequestRule) -> Document:
    """What `read_request_rule` reads back; of a key only its digest."""
    document: Document = {"name": rule.name, "action": rule.action, "probability": rule.probability}
    document |= _when(rule.when)
    selectors: Document = {
        "path": rule.path,
        "model": rule.model,
        "key": None if rule.key is None else written_key(rule.key),
        "header": None if rule.header is None else f"{rule.header.name}: {rule.header.value}",
        "call": None if rule.call is None else _call(rule.call),
        "attempts": rule.attempts,
        "first": rule.first,
        "every": rule.every,
    }
    return document | _given(selectors) | _what(rule)


def _what(rule: RequestRule) -> Document:
    """The keys that belong to the action."""
    match rule.action:
        case "status":
            return {"status": rule.status} | _given({"code": rule.code}) | _retry_after(rule.retry_after)
        case "delay":
            return {"delay_ms": rule.delay_ms}
        case "slow_drip":
            return {"bytes_per_s": rule.bytes_per_s}
        case "wrong_length":
            return {"length_off": rule.length_off, "after_events": rule.after_events}
        case action:
            return {"after_events": rule.after_events} if action in COUNTS_EVENTS else {}


def _retry_after(hint: RetryAfter) -> Document:
    return _given(
        {
            "retry_after_s": hint.seconds,
            "retry_after_date": hint.as_date or None,
            "retry_after": hint.text,
            "should_retry": hint.should_retry,
        }
    )


def _when(when: When) -> Document:
    window = None if when.window is None else window_text(when.window)
    return _given({"window": window, "from_s": when.from_s, "to_s": when.to_s})


def _call(call: CallRange) -> object:
    return call.first if call.first == call.last else f"{call.first}-{call.last}"


def _given(document: Document) -> Document:
    return {key: value for key, value in document.items() if value is not None}
