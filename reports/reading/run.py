"""A run in memory: what was asked for, what was recorded, how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from reports.reading.names import Names

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
#: As narrow as the column's schema has them: arithmetic that may leave a narrow type widens first.
Ints = NDArray[np.signedinteger[Any]]

Scalar = TypeVar("Scalar", bound=np.generic)

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
MINUTES_PER_HOUR = 60
MINUTES_PER_DAY = 24 * MINUTES_PER_HOUR

#: Stands for null in integer columns; no column can hold it otherwise.
ABSENT = -1


def narrow(largest: int) -> type[np.signedinteger[Any]]:
    """The type for counts and places up to `largest`."""
    return np.int32 if largest <= np.iinfo(np.int32).max else np.int64


Clock24 = Annotated[str, Meta(pattern=r"^([01]?\d|2[0-4]):[0-5]\d$")]


@dataclass(frozen=True, slots=True)
class Clock:
    """The hours an evening stands for: `duration_s` of the run play `start` to `end` of `zone`."""

    zone: str
    start: Clock24
    end: Clock24
    duration_s: Annotated[float, Meta(gt=0)]


@dataclass(frozen=True, slots=True)
class Schedule:
    """What was offered. `curve` is a list of (elapsed seconds, calls a second)."""

    scenario: str = ""
    arrivals: str = ""
    peak_rps: float | None = None
    window: str | None = None
    duration_s: float | None = None
    count: int | None = None
    clock: Clock | None = None
    curve: list[tuple[float, float]] | None = None

    @property
    def open_loop(self) -> bool:
        """Whether arrivals keep to a schedule instead of waiting for replies."""
        return self.arrivals != "closed"


@dataclass(frozen=True, slots=True)
class Policy:
    """The client's settings, of the whole run and as divided over its workers."""

    name: str
    values: dict[str, Any] = field(default_factory=dict)
    per_worker: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QueueUsed:
    """What calls went through; `workers` processes served it, numbered from `first_worker` on."""

    workers: Annotated[int, Meta(ge=1)]
    first_worker: Annotated[int, Meta(ge=0)]
    server: str = ""
    name: str = ""
    drain_s: float | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    worker_settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Counted:
    """Requests, tokens and US dollars; None for what was not counted, or has no limit."""

    requests: int | None = None
    tokens: int | None = None
    usd: float | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """What became of a run's budget: see `harness.record.folder.Ending`."""

    requests: int
    tokens: int | None = None
    usd: float | None = None
    forfeited: Counted | None = None
    trial: Counted | None = None
    exhausted: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """The fields of `manifest.json` that reports reason about."""

    schema_version: int
    run: str
    scenario: str
    seed: int
    workers: Annotated[int, Meta(ge=1)]
    policy: Policy
    schedule: Schedule
    target: dict[str, Any]
    started: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, Any] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=dict)
    generator: dict[str, Any] = field(default_factory=dict)
    architecture: str = "direct"
    queue: QueueUsed | None = None
    budget: Counted | None = None

    @property
    def real(self) -> bool:
        """Whether it was no mock server, and no server on the machine itself, that was called."""
        return bool(self.target.get("real"))

    @property
    def processes(self) -> int:
        """All that record: load processes, and the queue's workers."""
        return self.workers if self.queue is None else self.queue.first_worker + self.queue.workers

    @property
    def clients(self) -> range:
        """The numbers of the processes that call the API: the load processes, or the queue's workers."""
        if self.queue is None:
            return range(self.workers)
        return range(self.queue.first_worker, self.queue.first_worker + self.queue.workers)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A worker whose records came over the network: see `harness.record.folder.Elsewhere`."""

    host: str
    folder: str
    files: dict[str, int] = field(default_factory=dict)
    lost: str = ""
    refused: str = ""
    ahead_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """The fields of `ending.json`; times are nanoseconds from the run's start."""

    reason: str
    arrivals_end_ns: Annotated[int, Meta(ge=0)]
    end_ns: int
    scheduled: dict[str, int]
    recorded: dict[str, int] = field(default_factory=dict)
    degraded: list[str] = field(default_factory=list)
    elsewhere: dict[str, Elsewhere] = field(default_factory=dict)
    spent: Spent | None = None


@dataclass(frozen=True, slots=True)
class Lists:
    """A list of integers a row, end to end: row i's are `values[bounds[i]:bounds[i + 1]]`.

    Two arrays hold millions of short lists; an array of arrays would take a Python object a row.
    """

    values: Ints
    bounds: Ints

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __getitem__(self, rows: Ints) -> Lists:
        """Those rows, in that order."""
        lengths = self.lengths[rows]
        bounds = np.zeros(len(lengths) + 1, narrow(int(lengths.sum())))
        np.cumsum(lengths, out=bounds[1:])
        shift = self.bounds[:-1][rows] - bounds[:-1]
        return Lists(self.values[np.arange(bounds[-1]) + np.repeat(shift, lengths)], bounds)

    @property
    def lengths(self) -> Ints:
        """How many each row holds."""
        return np.diff(self.bounds)

    @property
    def first(self) -> Floats:
        """The first of each row; nan where it is empty."""
        return self._at(self.bounds[:-1])

    @property
    def last(self) -> Floats:
        """The last of each row; nan where it is empty."""
        return self._at(self.bounds[1:] - 1)

    @property
    def steps(self) -> Ints:
        """From each value to the next within its row, row after row."""
        inner = self.bounds[(self.bounds > 0) & (self.bounds < len(self.values))]
        within = np.ones(max(len(self.values) - 1, 0), dtype=np.bool_)
        within[inner - 1] = False
        return np.diff(self.values)[within]

    def _at(self, places: Ints) -> Floats:
        found = np.full(len(self), np.nan)
        filled = self.lengths > 0
        found[filled] = self.values[places[filled]]
        return found


@dataclass(frozen=True, slots=True)
class Calls:
    """One element a call, ordered by call id. Columns as in harness.record.schema."""

    call_id: Ints
    worker: Ints
    kind: Names
    model: Names
    intended_ns: Ints
    start_ns: Ints
    end_ns: Ints
    outcome: Names
    stopped_by: Names
    attempts: Ints
    permit_wait_ns: Ints
    backoff_ns: Ints
    detail: Names

    def __len__(self) -> int:
        return len(self.call_id)


@dataclass(frozen=True, slots=True)
class Queued:
    """What the queue did with each call, ordered as `Calls`; ABSENT where it did not."""

    call_id: Ints
    accepted_ns: Ints
    taken_up_ns: Ints


@dataclass(frozen=True, slots=True)
class Attempts:
    """One element an attempt, ordered by call id, then number."""

    call_id: Ints
    attempt: Ints
    sent_ns: Ints
    output_ns: Lists
    end_ns: Ints
    outcome: Names
    fault: Names
    prompt_tokens: Ints
    completion_tokens: Ints
    route: Ints

    def __len__(self) -> int:
        return len(self.call_id)


@dataclass(frozen=True, slots=True)
class Events:
    """One element an event, ordered by worker, then time."""

    worker: Ints
    at_ns: Ints
    name: Names
    text: Names
    value: Floats

    @classmethod
    def joined(cls, parts: Sequence[Events]) -> Events:
        """Of consecutive parts, at least one, ordered as a run's are."""
        events = cls(
            np.concatenate([part.worker for part in parts]),
            np.concatenate([part.at_ns for part in parts]),
            Names.joined([part.name for part in parts]),
            Names.joined([part.text for part in parts]),
            np.concatenate([part.value for part in parts]),
        )
        return events[np.lexsort((events.at_ns, events.worker))]

    def __getitem__(self, rows: Ints | Bools) -> Events:
        """Those rows, in that order."""
        return Events(self.worker[rows], self.at_ns[rows], self.name[rows], self.text[rows], self.value[rows])

    def named(self, name: str) -> Events:
        """Those of a name."""
        return self[self.name == name]


@dataclass(frozen=True, slots=True)
class Cut:
    """A file that stops before its end, and the instant its last record is of; None where it holds none."""

    name: str
    until_ns: int | None = None


@dataclass(frozen=True)
class Run:
    """A run folder, read.

    `document` is the manifest as it stands on disk; `cut` are the files that stop before their end, `missing`
    those that are not there. `ending` is None when the run was cut off, `folder` where it stands on no disk.
    (No slots: some properties are computed once.)
    """

    manifest: Manifest
    document: dict[str, Any]
    ending: Ending | None
    calls: Calls
    attempts: Attempts
    events: Events
    cut: tuple[Cut, ...] = ()
    missing: tuple[str, ...] = ()
    queued: Queued | None = None
    folder: Path | None = None

    @cached_property
    def window_ns(self) -> int:
        """The arrival window, over which rates are taken: until arrivals stopped, not until the drain's end.

        Without an ending it is the last intended instant.
        """
        if self.ending is not None:
            return self.ending.arrivals_end_ns
        return int(self.calls.intended_ns.max(initial=0))

    @property
    def last_ns(self) -> int | None:
        """The instant the last record is of; None where there is none."""
        ends = (self.calls.end_ns, self.attempts.end_ns, self.events.at_ns)
        return max((int(column.max()) for column in ends if len(column)), default=None)

    @property
    def window_s(self) -> float:
        """The arrival window in seconds."""
        return self.window_ns / NS_PER_S

    @cached_property
    def ok(self) -> Bools:
        """Which calls succeeded."""
        return self.calls.outcome == "ok"

    @cached_property
    def call_of_attempt(self) -> Ints:
        """Of every attempt: the index of its call; ABSENT where that was never recorded.

        Of a call that was recorded twice it is the first.
        """
        ids, wanted = self.calls.call_id, self.attempts.call_id
        if len(ids) == 0:
            return np.full(len(wanted), ABSENT, dtype=np.int32)
        place = np.searchsorted(ids, wanted).astype(np.int32)
        np.minimum(place, len(ids) - 1, out=place)
        place[ids[place] != wanted] = ABSENT
        return place

    def of_call(self, values: NDArray[Scalar], *, without: Any) -> NDArray[Scalar]:
        """Of every attempt: its call's one of `values`, one a call; `without` where that is not recorded."""
        # ABSENT is the last place.
        return np.append(values, np.array([without], dtype=values.dtype))[self.call_of_attempt]

    @cached_property
    def last_attempt(self) -> Ints:
        """Of every call: the index of its last attempt; ABSENT for a call without a recorded one."""
        ids = self.attempts.call_id
        if len(ids) == 0:
            return np.full(len(self.calls), ABSENT, dtype=np.int32)
        # Attempts are ordered by call and number, so the last one stands left of where the next id would go.
        last = np.searchsorted(ids, self.calls.call_id, side="right").astype(np.int32) - 1
        last[(last < 0) | (ids[last] != self.calls.call_id)] = ABSENT
        return last

    def of_last_attempt(self, values: Floats) -> Floats:
        """Of every call: its last attempt's one of `values`, one an attempt; nan without such an attempt."""
        if len(values) == 0:
            return np.full(len(self.calls), np.nan)
        found = values[self.last_attempt]
        found[self.last_attempt == ABSENT] = np.nan
        return found
