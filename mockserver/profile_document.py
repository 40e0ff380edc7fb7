"""A profile as a plain document: the keys and values a profile file would hold."""

from dataclasses import asdict

from mockserver.profile import CurvePoint, Limits, Profile
from mockserver.rule_document import Document, connection_rule_document, request_rule_document
from mockserver.tables import minute_text, window_text


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
        "limits": _limits(profile.limits),
        "capacity": asdict(profile.capacity)
        | {"background": [_point(point) for point in profile.capacity.background]},
        "front": asdict(profile.front),
        "connection_faults": [connection_rule_document(rule) for rule in profile.connection_faults],
        "request_faults": [request_rule_document(rule) for rule in profile.request_faults],
    }


def _limits(limits: Limits) -> Document:
    models = {
        item.model: {
            key: value for key, value in asdict(item).items() if key != "model" and value is not None
        }
        for item in limits.models
    }
    return asdict(limits) | {"models": models}


def _point(point: CurvePoint) -> list[object]:
    return [minute_text(point.minute), point.fraction]
