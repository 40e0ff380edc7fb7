"""A profile as a plain document: the keys and values a profile file would hold."""

from dataclasses import asdict

from mockserver.profile import CurvePoint, Profile
from mockserver.rules import COUNTS_EVENTS, ClockWindow, ConnectionRule, RequestRule, When

Document = dict[str, object]


def as_document(profile: Profile) -> Document:
    """The document `parse_profile` reads back as an equal profile."""
    return {
        "name": profile.name,
        "evening": {
            "window": window_text(profile.evening.window),
            "duration_s": profile.evening.duration_s,
        },
        "ttft": asdict(profile.ttft),
        "inter_token": asdict(profile.inter_token),
        "length": asdict(profile.length),
        "limits": asdict(profile.limits),
        "capacity": asdict(profile.capacity)
        | {"background": [_point(point) for point in profile.capacity.background]},
        "front": asdict(profile.front),
        "connection_faults": [_connection_rule(rule) for rule in profile.connection_faults],
        "request_faults": [_request_rule(rule) for rule in profile.request_faults],
    }


def window_text(window: ClockWindow) -> str:
    return f"{minute_text(window.start_min)}-{minute_text(window.end_min)}"


def minute_text(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _point(point: CurvePoint) -> list[object]:
    return [minute_text(point.minute), point.fraction]


def _connection_rule(rule: ConnectionRule) -> Document:
    return {"name": rule.name, "action": rule.action, "probability": rule.probability} | _when(rule.when)


def _request_rule(rule: RequestRule) -> Document:
    document: Document = {"name": rule.name, "action": rule.action, "probability": rule.probability}
    document |= _when(rule.when)
    if rule.path is not None:
        document["path"] = rule.path
    if rule.model is not None:
        document["model"] = rule.model
    if rule.header is not None:
        document["header"] = f"{rule.header.name}: {rule.header.value}"
    if rule.first is not None:
        document["first"] = rule.first
    if rule.action in COUNTS_EVENTS:
        document["after_events"] = rule.after_events
    if rule.action == "status":
        document["status"] = rule.status
        if rule.retry_after.seconds is not None:
            document["retry_after_s"] = rule.retry_after.seconds
    return document


def _when(when: When) -> Document:
    document: Document = {}
    if when.window is not None:
        document["window"] = window_text(when.window)
    if when.from_s is not None:
        document["from_s"] = when.from_s
    if when.to_s is not None:
        document["to_s"] = when.to_s
    return document
