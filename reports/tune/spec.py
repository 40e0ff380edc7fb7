"""A study as its file has it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.policy.parse import OFF, unread_keys, values
from mockserver.errors import ProfileError
from mockserver.profile_document import as_document
from mockserver.tables import Table, wrong
from reports.errors import ReportError, SpecError
from reports.tune import constraint as constraints_of
from reports.tune.constraint import Constraint, measure_named
from reports.tune.ranges import Range, read_ones, read_ranges
from reports.virtual.cell import code
from reports.virtual.measures import Measure
from reports.virtual.queue_plan import is_queues
from reports.virtual.queue_plan import today as queues_today
from reports.virtual.stage import STAGE_KEYS, Stage, read_seeds, read_stage, read_toml, repeats

MOST_TRIALS = 100_000

#: A share of the seeds on which every trial is played, unless the spec says otherwise.
FIRST_SHARE = 3

#: In place of a value that nothing reads.
NOT_READ = "not read"


@dataclass(frozen=True, slots=True)
class TuneSpec:
    """Which settings are sought, on what, and what they are held to.

    Every trial is played on the first `first_seeds` of `seeds`, the best third on three times as many, and
    so on to all of them; on every one of the `stages`, which differ in their profile alone. `held_out` seeds
    are for the winner only.
    """

    name: str
    title: str
    finding: str
    stages: tuple[Stage, ...]
    seeds: tuple[int, ...]
    first_seeds: int
    held_out: tuple[int, ...]
    ranges: tuple[Range, ...]
    objectives: tuple[Measure, ...]
    constraints: tuple[Constraint, ...]
    trials: int
    seed: int

    @property
    def stage(self) -> Stage:
        """The first of them: the one that is drawn, and replayed in real time."""
        return self.stages[0]

    @property
    def against(self) -> str:
        """The profiles by name."""
        return ", ".join(stage.profile.name for stage in self.stages)

    @property
    def rungs(self) -> list[int]:
        """How many seeds those play that are still in the race, step by step."""
        sizes = [self.first_seeds]
        while sizes[-1] < len(self.seeds):
            sizes.append(min(len(self.seeds), 3 * sizes[-1]))
        return sizes

    @property
    def today(self) -> dict[str, Any]:
        """What the keys of the ranges are in the policy one starts from, as a policy file has them.

        NOT_READ for one that this policy does not read, as the limit of an adaptive concurrency.
        """
        found = {}
        policy = values(self.stage.policy({}))
        for sought in self.ranges:
            if is_queues(sought.key):
                found[sought.key] = queues_today(self.stage.queue_table, sought.key)
                continue
            value: Any = policy
            for part in sought.key.split("."):
                value = value[part]
            section = sought.key.rpartition(".")[0]
            kind = {f"{section}.kind": policy[section]["kind"]} if "kind" in policy.get(section, {}) else {}
            unread = sought.key in unread_keys(policy, {sought.key: value, **kind})
            found[sought.key] = NOT_READ if unread else _written(value)
        return found

    @property
    def identity(self) -> str:
        """The same for studies that seek the same: their trials may be shared."""
        document = {
            "code": code(),
            "stages": [stage.document() for stage in self.stages],
            "table": self.stage.table,
            "profiles": [as_document(stage.profile) for stage in self.stages],
            "seeds": [*self.seeds, self.first_seeds],
            "ranges": [str(sought) for sought in self.ranges],
            "objectives": [measure.name for measure in self.objectives],
            "constraints": [c.text for c in self.constraints],
        }
        text = json.dumps(document, sort_keys=True, ensure_ascii=False)
        return f"{self.name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    def kept(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Settings without the keys that nothing reads."""
        return read_ones(self.stage, settings)


def read_tune(path: Path) -> TuneSpec:
    """The study in a TOML file. Raises SpecError with one line that names the key, its value, and what was
    expected.
    """
    document = read_toml(path)
    try:
        return _read(document, path)
    except (ProfileError, HarnessError, ReportError) as error:
        raise SpecError(f"{path}: {error}") from error


def _read(document: Mapping[str, Any], path: Path) -> TuneSpec:
    spec = Table("", document)
    if spec.has("grid"):
        raise SpecError("[grid] belongs to a sweep (python -m reports sweep): expected [range]")
    title, finding = spec.optional_text("title") or path.stem, spec.optional_text("finding") or ""
    stages = _stages(spec, document, path.parent)
    stage = stages[0]
    seeds = read_seeds(spec, "seeds", list(range(1, 10)))
    held_out = read_seeds(spec, "held_out", list(range(1001, 1006)))
    if both := sorted(set(seeds) & set(held_out)):
        raise wrong("held_out", both, "seeds that are not among `seeds`: they are to be unseen")
    first = spec.integer("first_seeds", max(1, len(seeds) // FIRST_SHARE), 1, len(seeds))
    trials = spec.integer("trials", 60, 1, MOST_TRIALS)
    seed = spec.integer("seed", 1, 0, 2**32 - 1)
    schedule = stage.load.offer(seeds[0]).schedule
    calls = 0 if schedule is None else len(schedule.at_ns)
    objectives = _objectives(spec, stages, calls)
    constraints = _constraints(spec, stages, calls)
    ranges = read_ranges(spec.raw("range", None), stage)
    spec.finish()
    return TuneSpec(
        path.stem,
        title,
        finding,
        stages,
        seeds,
        first,
        held_out,
        ranges,
        objectives,
        constraints,
        trials,
        seed,
    )


def _stages(spec: Table, document: Mapping[str, Any], folder: Path) -> tuple[Stage, ...]:
    """A stage for each of the profiles: `mock_profile` may be a list of them."""
    profiles = spec.raw("mock_profile", "primetime")
    names = profiles if isinstance(profiles, list) else [profiles]
    if not names or repeats(names):
        raise wrong(
            "mock_profile", profiles, 'a profile, or a list of different ones as ["calm", "primetime"]'
        )
    tables = [Table("", {**document, "mock_profile": name}) for name in names]
    for key in STAGE_KEYS:  # they are read from the tables below
        spec.raw(key, None)
    return tuple(read_stage(table, folder) for table in tables)


def _objectives(spec: Table, stages: Sequence[Stage], calls: int) -> tuple[Measure, ...]:
    names = spec.raw("objectives", ["goodput", "tokens_per_good_call"])
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise wrong("objectives", names, 'a list such as ["goodput", "tokens_per_good_call"]')
    if len(set(names)) < len(names):
        raise wrong("objectives", names, "different measures")
    found = tuple(measure_named(name, "objectives") for name in names)
    for measure in found:
        for stage in stages:
            constraints_of.refuse_untold(measure, f"objective {measure.name!r}", stage, calls)
    return found


def _constraints(spec: Table, stages: Sequence[Stage], calls: int) -> tuple[Constraint, ...]:
    texts = spec.raw("constraints", [])
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise wrong("constraints", texts, 'a list such as ["call_latency.p99 < 20s"]')
    found = tuple(constraints_of.parse(text) for text in texts)
    constraints_of.refuse_contradictions(found)
    for one in found:
        for stage in stages:
            constraints_of.refuse_untold(one.measure, f"constraint {one.text!r}", stage, calls)
        offered = calls / stages[0].load.length_s
        if one.above and one.measure.unit == "/s" and one.limit > offered:
            raise SpecError(f"constraint {one.text!r}: nothing can keep it: {offered:.4g} /s are offered")
    return found


def _written(value: Any) -> Any:
    """A policy's value as its file has it."""
    if value is None:
        return OFF
    return list(value) if isinstance(value, tuple) else value
