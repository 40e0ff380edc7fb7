"""Reading the bodies of admin requests, strictly: an order half understood is not obeyed."""

import json
from dataclasses import dataclass

from mockserver.errors import AdminError, ProfileError
from mockserver.profile import Evening, Profile
from mockserver.profile_file import load_bundled, parse_profile
from mockserver.rule_tables import read_request_rule
from mockserver.rules import RequestRule
from mockserver.tables import Table, is_digits

_DAY_S = 86_400.0
_MAX_SEED = 2**63 - 1
_HOUR_S = 3_600.0


@dataclass(frozen=True, slots=True)
class ClockOrder:
    """Align the evening: `elapsed_s` of it have passed now (negative: it begins later)."""

    evening: Evening
    elapsed_s: float
    seed: int | None


@dataclass(frozen=True, slots=True)
class FaultOrder:
    """Inject a fault now, for that many seconds."""

    rule: RequestRule
    seconds: float


def read_profile(body: bytes) -> Profile:
    """A whole profile, or the bundled one of `{"name": "calm"}`; raises AdminError."""
    document = _document(body)
    try:
        if set(document) == {"name"} and isinstance(document["name"], str):
            # By name only: the admin interface must not read files of the server's machine.
            return load_bundled(document["name"])
        return parse_profile(document)
    except ProfileError as error:
        raise AdminError(str(error)) from error


def read_clock(body: bytes, base: Evening) -> ClockOrder:
    """`{"window", "duration_s", "elapsed_s", "seed"}`, each optional; what is absent is the profile's."""
    try:
        table = Table("", _document(body))
        window = table.optional_window("window")
        order = ClockOrder(
            evening=Evening(
                window=base.window if window is None else window,
                duration_s=table.number("duration_s", base.duration_s, 0.001, 7 * _DAY_S),
            ),
            elapsed_s=table.number("elapsed_s", 0.0, -_DAY_S, 7 * _DAY_S),
            seed=_seed(table),
        )
        table.finish()
    except ProfileError as error:
        raise AdminError(str(error)) from error
    return order


def read_reset(body: bytes) -> int | None:
    """`{"seed"}`, optional."""
    try:
        table = Table("", _document(body))
        seed = _seed(table)
        table.finish()
    except ProfileError as error:
        raise AdminError(str(error)) from error
    return seed


def read_fault(body: bytes) -> FaultOrder:
    """A rule of `request_faults` with `seconds` in place of its times; raises AdminError."""
    try:
        table = Table("", _document(body))
        table.refuse(("window", "from_s", "to_s"), "has no meaning here: it begins now, and lasts `seconds`")
        seconds = table.optional_number("seconds", 0.1, _HOUR_S)
        rule = read_request_rule(table)
    except ProfileError as error:
        raise AdminError(str(error)) from error
    if seconds is None:
        raise AdminError("seconds is missing: expected how long the fault is to last, as 30")
    return FaultOrder(rule, seconds)


def read_count(text: str | None, default: int, most: int) -> int:
    """The `n` of a query, from 1 to `most`."""
    if text is None:
        return default
    if not is_digits(text) or not 1 <= int(text) <= most:
        raise AdminError(f"n = {text[:40]!r}: expected a whole number from 1 to {most}")
    return int(text)


def _seed(table: Table) -> int | None:
    seed = table.integer("seed", 0, -_MAX_SEED, _MAX_SEED)
    return seed if table.has("seed") else None


def _document(body: bytes) -> dict[str, object]:
    try:
        document = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise AdminError("the body is not JSON") from error
    if not isinstance(document, dict):
        raise AdminError("the body is not a JSON object")
    return document
