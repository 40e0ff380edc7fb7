"""What the cells of a sweep or a study share: the load, the provider, the policy they start from."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from harness.errors import ConfigError, HarnessError
from harness.files import near, why
from harness.play.offer import CLOSED, Offer, evening_offer, steady_offer
from harness.policy.config import Policy
from harness.policy.parse import READS, parse
from harness.policy.split import split
from harness.policy_file import check_name
from harness.workload.arrivals import LAWS
from harness.workload.spans import DAY_S, MINUTE_S, Window, parse_span, parse_window
from mockserver.errors import ProfileError
from mockserver.profile import Profile
from mockserver.profile_file import bundled_names, load_profile
from mockserver.rules import MINUTES_PER_DAY, When
from mockserver.tables import Table, clock_minute, nearest, wrong
from reports.errors import SpecError, UsageError
from reports.figures.objectives import DEFAULT, OF_STREAMS, Objective
from reports.figures.objectives import parse as parse_objectives
from reports.virtual.queue_plan import PREFIX, QueuePlan, is_queues, queue_plan

MOST_RPS = 100_000.0
MOST_LENGTH_S = 366.0 * DAY_S
MOST_SEEDS = 10_000
SEEDS = range(-(2**63), 2**63)


#: What `read_stage` reads.
STAGE_KEYS = ("policy", "mock_profile", "goodput", "stream", "evening", "steady", "queue")


@dataclass(frozen=True, slots=True)
class Load:
    """The calls that are offered: an evening between the window's ends, or (without one) a steady rate."""

    window: Window | None
    length_s: float
    rps: float
    arrivals: str

    def offer(self, seed: int) -> Offer:
        """The arrivals of a seed."""
        if self.window is None:
            return steady_offer(self.rps, self.length_s, self.arrivals, seed)
        return evening_offer(self.window, self.length_s, self.rps, self.arrivals, seed)

    def at_s(self, minute: int) -> float | None:
        """Seconds from the run's start to a minute of the day; None for one that is not played."""
        if self.window is None:
            return None
        second = minute * MINUTE_S
        if second < self.window.start_s:
            second += DAY_S
        share = (second - self.window.start_s) / self.window.length_s
        return share * self.length_s if share <= 1 else None


@dataclass(frozen=True, slots=True)
class Stage:
    """What all cells share. `table` is the policy they start from, as a policy file has it.

    `profile_source` is the profile's name or file. `cleared_s`: when the trouble is over from which a run is
    to recover; None where there is none to name. `queue_table` is the spec's [queue].
    """

    policy_name: str
    table: dict[str, Any]
    profile: Profile
    profile_source: str
    load: Load
    objectives: tuple[Objective, ...]
    stream: bool
    cleared_s: float | None
    queue_table: dict[str, Any] | None = None

    def policy(self, settings: Mapping[str, Any], name: str = "") -> Policy:
        """The policy with these dotted keys set. Raises ConfigError naming the key that is wrong."""
        return parse(overlaid(self.table, settings), name or self.policy_name)

    def queue(self, settings: Mapping[str, Any]) -> QueuePlan | None:
        """The queue with these dotted keys set; None where callers call themselves. Raises ConfigError."""
        plan = queue_plan(self.queue_table, settings)
        if plan is not None:
            if self.stream:
                raise ConfigError("queue: its results come whole: expected stream = false")
            policy = self.policy(settings)
            for index in range(plan.workers):
                split(policy, index, plan.workers)
        return plan

    def with_queue(self, settings: Mapping[str, Any]) -> Stage:
        """The stage with the queue's keys among these laid over its [queue]."""
        own = {key.removeprefix(PREFIX): value for key, value in settings.items() if is_queues(key)}
        return replace(self, queue_table={**(self.queue_table or {}), **own}) if own else self

    def document(self) -> dict[str, Any]:
        """The stage as plain data: whatever of it a result depends on."""
        load = asdict(self.load)
        load["window"] = None if self.load.window is None else str(self.load.window)
        return {
            "load": load,
            "profile": self.profile.name,
            "goodput_objectives_ms": {o.metric: o.limit_ms for o in self.objectives},
            "stream": self.stream,
            "cleared_s": self.cleared_s,
            **({} if self.queue_table is None else {"queue": self.queue_table}),
        }


def stage_of(document: Mapping[str, Any], folder: Path) -> Stage:
    """The stage that the keys of a spec describe, and nothing else. Raises SpecError."""
    try:
        spec = Table("", document)
        stage = read_stage(spec, folder)
        spec.finish()
    except (ProfileError, HarnessError) as error:
        raise SpecError(str(error)) from error
    return stage


def overlaid(table: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """A policy table with dotted keys set, and without those that a kind set so does not read.

    The queue's keys are not the policy's.
    """
    result = copy.deepcopy(dict(table))
    for key, value in settings.items():
        if is_queues(key):
            continue
        *sections, last = key.split(".")
        place = result
        for section in sections:
            place = place.setdefault(section, {})
            if not isinstance(place, dict):
                raise ConfigError(f"{key}: {section} is no section of a policy")
        place[last] = value
        if last == "kind":
            reads = READS.get(".".join(sections), {}).get(str(value), place)
            for other in [name for name in place if name != last and name not in reads]:
                if f"{key.removesuffix(last)}{other}" not in settings:
                    del place[other]
    return result


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML document. Raises SpecError."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SpecError(f"{path}: cannot be read: {why(error, path)}") from error
    except (ValueError, RecursionError) as error:
        raise SpecError(f"{path}: not valid TOML: {error}") from error


def read_stage(spec: Table, folder: Path) -> Stage:
    """The keys that every spec has. Files it names are looked for beside it.

    Raises ProfileError, ConfigError or SpecError for the first thing wrong.
    """
    name, table = _policy(spec.text("policy", "tuned"), folder)
    source, profile = _profile(spec.text("mock_profile", "primetime"), folder)
    load, cleared = _load(spec)
    stream = spec.boolean("stream", False)
    objectives = _objectives(spec, stream=stream)
    queue = _queue(spec.raw("queue", None))
    stage = Stage(
        name, table, profile, source, load, objectives, stream, _cleared(cleared, load, profile), queue
    )
    stage.queue({})
    return stage


def read_seeds(spec: Table, key: str, default: list[int]) -> tuple[int, ...]:
    """Whole numbers, each once. Raises ProfileError."""
    value = spec.raw(key, default)
    if (
        not isinstance(value, list)
        or not 1 <= len(value) <= MOST_SEEDS
        or any(type(seed) is not int or seed not in SEEDS for seed in value)
        or len(set(value)) < len(value)
    ):
        raise wrong(spec.path(key), value, "a list of different whole numbers, at least one")
    return tuple(value)


def repeats(values: Sequence[Any]) -> bool:
    """Whether a value stands there twice; they may be of any kind."""
    return any(value in values[:index] for index, value in enumerate(values))


def _queue(table: Any) -> dict[str, Any] | None:
    if table is not None and not isinstance(table, Mapping):
        raise wrong("queue", table, "a table such as [queue] with workers = 2")
    return None if table is None else dict(table)


def _policy(name_or_path: str, folder: Path) -> tuple[str, dict[str, Any]]:
    """A policy's name, and the table that makes it."""
    if not name_or_path.endswith(".toml"):
        check_name(name_or_path)
        table = {"preset": name_or_path}
        return parse(table, name_or_path).name, table
    path = folder / name_or_path
    if not path.exists():
        raise SpecError(f"policy = {name_or_path!r}: no such file: {path}{near(path)}")
    table = read_toml(path)
    try:
        parse(table, path.stem)
    except ConfigError as error:
        raise SpecError(f"policy file {path}: {error}") from error
    return path.stem, table


def _profile(name_or_path: str, folder: Path) -> tuple[str, Profile]:
    """A profile, and how a mock server is told of it."""
    if name_or_path.endswith(".toml"):
        path = folder / name_or_path
        if not path.exists():
            raise SpecError(f"mock_profile = {name_or_path!r}: no such file: {path}{near(path)}")
        return str(path), load_profile(str(path))
    if name_or_path not in bundled_names():
        known = bundled_names()
        what = f"one of {', '.join(known)}, or a .toml file"
        raise wrong("mock_profile", name_or_path, what + nearest(name_or_path, known))
    return name_or_path, load_profile(name_or_path)


def _load(spec: Table) -> tuple[Load, str | None]:
    """The load, and when trouble is over, as it was written."""
    if spec.has("evening") and spec.has("steady"):
        raise ProfileError("[steady] stands beside [evening]: expected one of them")
    if spec.has("steady"):
        table = spec.table("steady")
        load = Load(
            None,
            _span(table, "length", "10m"),
            _rate(table, "rate", 10.0),
            _arrivals(table, "poisson"),
        )
    else:
        table = spec.table("evening")
        window = _window(table)
        length_s = _span(table, "length", f"{window.length_s}s")
        load = Load(window, length_s, _rate(table, "peak_rps", 20.0), _arrivals(table, "gamma"))
    cleared = table.optional_text("cleared")
    table.finish()
    return load, cleared


def _window(table: Table) -> Window:
    text = table.text("window", "19:30-20:30")
    try:
        return parse_window(text)
    except ConfigError as error:
        raise wrong(table.path("window"), text, "two times of the clock such as 19:30-20:30") from error


def _span(table: Table, key: str, default: str) -> float:
    text = table.text(key, default)
    try:
        length_s = parse_span(text, table.path(key))
    except ConfigError as error:
        raise ProfileError(str(error)) from error
    if length_s > MOST_LENGTH_S:
        raise wrong(table.path(key), text, "a year at most")
    return length_s


def _rate(table: Table, key: str, default: float) -> float:
    return table.number(key, default, 0.001, MOST_RPS)


def _arrivals(table: Table, default: str) -> str:
    law = table.text("arrivals", default)
    if law not in LAWS:
        closed = " (a closed loop hides what a storm does)" if law == CLOSED else ""
        raise wrong(table.path("arrivals"), law, f"one of {', '.join(LAWS)}{closed}")
    return law


def _objectives(spec: Table, *, stream: bool) -> tuple[Objective, ...]:
    texts = spec.raw("goodput", [f"{o.metric}:{o.limit_ms:g}" for o in DEFAULT])
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise wrong("goodput", texts, 'a list such as ["call_latency:15000"]')
    try:
        objectives = parse_objectives(texts)
    except UsageError as error:
        raise SpecError(str(error).removeprefix("--")) from error
    if not stream and (never := [o.metric for o in objectives if o.metric in OF_STREAMS]):
        raise SpecError(f"goodput: no call meets {never[0]}: only a stream has it; expected stream = true")
    return objectives


def _cleared(text: str | None, load: Load, profile: Profile) -> float | None:
    """When the trouble is over: as the spec says, or at the end of the profile's last window of faults."""
    if text is None:
        whens = [r.when for r in profile.connection_faults] + [r.when for r in profile.request_faults]
        return max((end for when in whens if (end := _end_s(when, load)) is not None), default=None)
    if load.window is not None:
        at_s = load.at_s(clock_minute("evening.cleared", text))
        if at_s is None or at_s >= load.length_s:
            raise wrong("evening.cleared", text, f"a time within {load.window}, before its end")
        return at_s
    try:
        at_s = parse_span(text, "steady.cleared")
    except ConfigError as error:
        raise ProfileError(str(error)) from error
    if at_s >= load.length_s:
        raise wrong("steady.cleared", text, f"less than the load's length of {load.length_s:g} s")
    return at_s


def _end_s(when: When, load: Load) -> float | None:
    """When a fault's window ends within the run; None if it does not."""
    ends = [when.to_s] if when.to_s is not None else []
    if when.window is not None:
        at_s = load.at_s(when.window.end_min % MINUTES_PER_DAY)
        if at_s is None:
            return None
        ends.append(at_s)
    return min((end for end in ends if end < load.length_s), default=None)
