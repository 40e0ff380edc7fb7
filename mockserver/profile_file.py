"""Profiles from TOML files, from the package's own, and from JSON documents; and back to a document."""

import tomllib
from importlib import resources
from itertools import pairwise
from pathlib import Path

from mockserver.errors import ProfileError
from mockserver.profile import (
    CapacitySettings,
    CurvePoint,
    Evening,
    FrontSettings,
    InterToken,
    Length,
    Limits,
    ModelLimits,
    Profile,
    Ttft,
)
from mockserver.rule_tables import read_connection_rule, read_request_rule
from mockserver.rules import MINUTES_PER_DAY
from mockserver.spread import PERCENTILES, cv_of, mean_of, read_sigma, sigma_of
from mockserver.tables import Table, clock_minute, nearest, wrong

# Bounds against typing errors, not of any model: an hour, a million, a day.
_HOUR_MS = 3_600_000.0
_MANY = 10_000_000
_DAY_S = 86_400.0
_MAX_CV = 10.0
_LEAST_RATE = 0.001
OVERLOAD_STATUSES = (429, 503, 529)
_MAX_TOKENS = 100_000
_MAX_LIMIT = 10_000_000_000


def bundled_names() -> list[str]:
    """The names of the profiles that come with the package."""
    folder = resources.files("mockserver") / "profiles"
    return sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml"))


def load_profile(name_or_path: str) -> Profile:
    """The bundled profile of that name, or the one in a file when it ends in .toml or holds a slash."""
    if name_or_path.endswith(".toml") or "/" in name_or_path:
        return _from_file(Path(name_or_path))
    return load_bundled(name_or_path)


def load_bundled(name: str) -> Profile:
    """The profile of that name that comes with the package; raises ProfileError for any other."""
    names = bundled_names()
    if name not in names:
        raise ProfileError(
            f"unknown profile {name!r}{nearest(name, names)}; "
            f"known: {', '.join(names)}, or a file ending in .toml"
        )
    text = (resources.files("mockserver") / "profiles" / f"{name}.toml").read_text(encoding="utf-8")
    return parse_profile(tomllib.loads(text), default_name=name)


def _from_file(path: Path) -> Profile:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ProfileError(f"cannot read the profile {path}: {error.strerror}{_near(path)}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProfileError(f"{path} is not TOML: {error}") from error
    try:
        return parse_profile(document, default_name=path.stem)
    except ProfileError as error:
        raise ProfileError(f"{path}: {error}") from error


def _near(path: Path) -> str:
    """The profile beside it that was probably meant."""
    return "" if path.exists() else nearest(path.name, (other.name for other in path.parent.glob("*.toml")))


def parse_profile(document: object, *, default_name: str = "custom") -> Profile:
    """The profile a document (parsed TOML or JSON) describes; raises ProfileError."""
    root = Table("", document)
    profile = Profile(
        name=root.text("name", default_name),
        evening=_evening(root.table("evening")),
        ttft=_ttft(root.table("ttft")),
        inter_token=_inter_token(root.table("inter_token")),
        length=_length(root.table("length")),
        limits=_limits(root.table("limits")),
        capacity=_capacity(root.table("capacity")),
        front=_front(root.table("front")),
        connection_faults=tuple(map(read_connection_rule, root.tables("connection_faults"))),
        request_faults=tuple(map(read_request_rule, root.tables("request_faults"))),
    )
    root.finish()
    return profile


def _evening(table: Table) -> Evening:
    base = Evening()
    evening = Evening(
        window=table.optional_window("window") or base.window,
        duration_s=table.number("duration_s", base.duration_s, 0.001, 7 * _DAY_S),
    )
    table.finish()
    return evening


def _ttft(table: Table) -> Ttft:
    base = Ttft()
    median_ms = table.number("median_ms", base.median_ms, 0, _HOUR_MS)
    slow_median_ms = table.number("slow_median_ms", base.slow_median_ms, 0, _HOUR_MS)
    ttft = Ttft(
        median_ms=median_ms,
        sigma=read_sigma(table, "", "ms", median_ms, base.sigma, _HOUR_MS),
        slow_share=table.number("slow_share", base.slow_share, 0, 1),
        slow_median_ms=slow_median_ms,
        slow_sigma=read_sigma(table, "slow_", "ms", slow_median_ms, base.slow_sigma, _HOUR_MS),
        per_1k_prompt_ms=table.number("per_1k_prompt_ms", base.per_1k_prompt_ms, 0, _HOUR_MS),
    )
    table.finish()
    return ttft


def _inter_token(table: Table) -> InterToken:
    """By mean and cv, or by the median and a percentile (or sigma) of the same lognormal."""
    base = InterToken()
    median_ms = table.optional_number("median_ms", 0, _HOUR_MS)
    if median_ms is None:
        table.refuse([f"{name}_ms" for name in PERCENTILES] + ["sigma"], "needs median_ms beside it")
        inter_token = InterToken(
            mean_ms=table.number("mean_ms", base.mean_ms, 0, _HOUR_MS),
            cv=table.number("cv", base.cv, 0, _MAX_CV),
        )
    else:
        table.refuse(["mean_ms", "cv"], "stands beside median_ms: expected one law")
        sigma = read_sigma(table, "", "ms", median_ms, sigma_of(base.cv), _HOUR_MS)
        inter_token = InterToken(mean_ms=mean_of(median_ms, sigma), cv=cv_of(sigma))
        if inter_token.cv > _MAX_CV or inter_token.mean_ms > _HOUR_MS:
            most = f"a mean of at most {_HOUR_MS:g} ms and a cv of at most {_MAX_CV:g}"
            found = f"a mean of {inter_token.mean_ms:.4g} ms and a cv of {inter_token.cv:.4g}"
            raise ProfileError(f"{table.path('median_ms')} and its spread make {found}: expected {most}")
    table.finish()
    return inter_token


def _length(table: Table) -> Length:
    base = Length()
    median_tokens = table.number("median_tokens", base.median_tokens, 1, _MAX_TOKENS)
    length = Length(median_tokens, read_sigma(table, "", "tokens", median_tokens, base.sigma, _MAX_TOKENS))
    table.finish()
    return length


def _limits(table: Table) -> Limits:
    base = Limits()
    limits = Limits(
        rpm=table.integer("rpm", base.rpm, 0, _MAX_LIMIT),
        tpm=table.integer("tpm", base.tpm, 0, _MAX_LIMIT),
        itpm=table.integer("itpm", base.itpm, 0, _MAX_LIMIT),
        otpm=table.integer("otpm", base.otpm, 0, _MAX_LIMIT),
        window_s=table.number("window_s", base.window_s, 0.001, _DAY_S),
        quota_tokens=table.integer("quota_tokens", base.quota_tokens, 0, _MAX_LIMIT),
        models=tuple(_model_limits(model, item) for model, item in table.named_tables("models")),
    )
    table.finish()
    return limits


def _model_limits(model: str, table: Table) -> ModelLimits:
    limits = ModelLimits(
        model,
        rpm=table.optional_integer("rpm", 0, _MAX_LIMIT),
        tpm=table.optional_integer("tpm", 0, _MAX_LIMIT),
        itpm=table.optional_integer("itpm", 0, _MAX_LIMIT),
        otpm=table.optional_integer("otpm", 0, _MAX_LIMIT),
    )
    table.finish()
    return limits


def _capacity(table: Table) -> CapacitySettings:
    base = CapacitySettings()
    capacity = CapacitySettings(
        slots=table.integer("slots", base.slots, 0, _MANY),
        queue=table.integer("queue", base.queue, 0, _MANY),
        background=_curve(table.path("background"), table.raw("background", [])),
        slowdown=table.number("slowdown", base.slowdown, 0, 100),
        abandon_when_client_gone=table.boolean("abandon_when_client_gone", base.abandon_when_client_gone),
        overload_status=_overload_status(table, base.overload_status),
        overload_retry_after_s=table.number("overload_retry_after_s", base.overload_retry_after_s, 0, _DAY_S),
    )
    table.finish()
    if capacity.queue and not capacity.slots:
        raise wrong(
            table.path("queue"), capacity.queue, "slots as well: nobody waits where there is no limit"
        )
    return capacity


def _overload_status(table: Table, default: int) -> int:
    status = table.integer("overload_status", default, 400, 599)
    if status not in OVERLOAD_STATUSES:
        raise wrong(table.path("overload_status"), status, "429, 503 or 529")
    return status


def _curve(where: str, value: object) -> tuple[CurvePoint, ...]:
    if not isinstance(value, list):
        raise wrong(where, value, 'a list of points like ["19:30", 0.35]')
    points = tuple(_curve_point(f"{where}[{index}]", item) for index, item in enumerate(value))
    steps = [(later.minute - earlier.minute) % MINUTES_PER_DAY for earlier, later in pairwise(points)]
    # Forward in time, past midnight if need be, but never a whole day: the curve is a loop of 24 h.
    if 0 in steps or sum(steps) >= MINUTES_PER_DAY:
        raise wrong(where, value, "points in the order of the clock, within 24 hours")
    return points


def _curve_point(where: str, value: object) -> CurvePoint:
    expected = 'a pair like ["19:30", 0.35], the fraction from 0 to 1'
    match value:
        case [minute, fraction]:
            pass
        case _:
            raise wrong(where, value, expected)
    if isinstance(fraction, bool) or not isinstance(fraction, (int, float)) or not 0 <= fraction <= 1:
        raise wrong(where, value, expected)
    return CurvePoint(clock_minute(where, minute), float(fraction))


def _connections_per_s(table: Table, default: float) -> float:
    rate = table.number("connections_per_s", default, 0, _MANY)
    if 0 < rate < _LEAST_RATE:
        raise wrong(table.path("connections_per_s"), rate, f"0 for no limit, or at least {_LEAST_RATE:g}")
    return rate


def _front(table: Table) -> FrontSettings:
    base = FrontSettings()
    front = FrontSettings(
        connections_per_s=_connections_per_s(table, base.connections_per_s),
        burst=table.integer("burst", base.burst, 1, _MANY),
        backlog=table.integer("backlog", base.backlog, 1, 65_535),
        max_open=table.integer("max_open", base.max_open, 0, _MANY),
    )
    table.finish()
    return front
