"""What some runs saw of an API, in one set of columns: every attempt of every run, one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from reports.errors import RunError, UnlikeError
from reports.reading.names import Names
from reports.reading.run import ABSENT, NS_PER_S, Bools, Floats, Ints, Lists, Run
from reports.reading.table import read_table

#: The attempts of an API that was asked second are not of the one that is fitted.
FIRST_ROUTE = 0

#: Between two runs that are laid end to end: nothing of one is in flight with anything of the other.
_APART_NS = 3600 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Attempts:
    """One element an attempt; columns as in harness.record.schema."""

    call_id: Ints
    attempt: Ints
    sent_ns: Ints
    headers_ns: Ints
    first_token_ns: Ints
    output_ns: Lists
    end_ns: Ints
    outcome: Names
    fault: Names
    status: Ints
    code: Names
    retry_after_ns: Ints
    prompt_tokens: Ints
    completion_tokens: Ints
    finish_reason: Names
    limit_requests: Ints
    left_requests: Ints
    limit_tokens: Ints
    left_tokens: Ints
    limit_input_tokens: Ints
    limit_output_tokens: Ints
    route: Ints

    def __len__(self) -> int:
        return len(self.call_id)

    def __getitem__(self, rows: Ints) -> Attempts:
        """Those rows, in that order."""
        columns: dict[str, Any] = {name: getattr(self, name)[rows] for name in _NAMES}
        return Attempts(**columns)

    @classmethod
    def joined(cls, parts: Sequence[Attempts]) -> Attempts:
        """Of all parts, one after the other."""
        columns: dict[str, Any] = {name: _joined([getattr(part, name) for part in parts]) for name in _NAMES}
        return cls(**columns)


@dataclass(frozen=True, slots=True)
class _Planned:
    call_id: Ints
    end_ns: Ints
    planned_completion_tokens: Ints


_NAMES = tuple(field.name for field in fields(Attempts))


@dataclass(frozen=True, slots=True)
class Observed:
    """The attempts of some runs of one API, by when they were sent.

    `at_ns` is each one's instant within its run, `shift_ns` how far its run was moved for the others' sake;
    `planned` whether the lengths were the schedule's. `details` are what calls said last, with how often.
    """

    runs: tuple[Run, ...]
    model: str
    attempts: Attempts
    shift_ns: Ints
    planned: bool
    details: dict[str, int]
    elsewhere: int

    @property
    def sent_s(self) -> Floats:
        """When each was sent, on the line on which the runs lie end to end."""
        return (self.attempts.sent_ns + self.shift_ns) / NS_PER_S

    @property
    def left_s(self) -> Floats:
        """When each left the API, on the same line: at its end, or when a stream that broke said its last.

        A client may wait long for a stream that has fallen silent.
        """
        last_ns = np.where(self.streamed & ~self.ok, self.attempts.output_ns.last, self.attempts.end_ns)
        return np.asarray((last_ns + self.shift_ns) / NS_PER_S)

    @property
    def elapsed_s(self) -> Floats:
        """When each was sent, from the start of its run."""
        return self.attempts.sent_ns / NS_PER_S

    @property
    def took_ms(self) -> Floats:
        """From sent to its end."""
        return (self.attempts.end_ns - self.attempts.sent_ns) / 1e6

    @property
    def ok(self) -> Bools:
        """Which succeeded."""
        return self.attempts.outcome == "ok"

    @property
    def streamed(self) -> Bools:
        """Of which a part of the reply was read as it came."""
        return self.attempts.output_ns.lengths > 0

    @property
    def first_ms(self) -> Floats:
        """From sent to the first part of the reply; nan where none was read as it came."""
        return (self.attempts.output_ns.first - self.attempts.sent_ns) / 1e6


def observe(runs: Sequence[Run]) -> Observed:
    """Lay the runs end to end. Raises UnlikeError where they asked different APIs, RunError."""
    _refuse_unlike(runs)
    parts, shifts, at_ns = [], [], 0
    for run in runs:
        if run.folder is None:
            raise RunError("a run in memory has no columns to fit to")
        part = read_table(run.folder, Attempts, "attempts")
        parts.append(part)
        shifts.append(np.full(len(part), at_ns, dtype=np.int64))
        at_ns += (run.last_ns or 0) + _APART_NS
    attempts, shift_ns = Attempts.joined(parts), np.concatenate(shifts)
    first = attempts.route == FIRST_ROUTE
    order = np.flatnonzero(first)
    order = order[np.argsort((attempts.sent_ns + shift_ns)[order], kind="stable")]
    return Observed(
        runs=tuple(runs),
        model=_model(runs),
        attempts=attempts[order],
        shift_ns=shift_ns[order],
        planned=_planned(runs),
        details=_details(runs),
        elsewhere=int(np.count_nonzero(~first)),
    )


def target(run: Run) -> dict[str, str]:
    """Which API a run asked, as far as its manifest tells; the bundled server by its profile."""
    told = run.manifest.target
    if told.get("bundled"):
        return {"bundled": str(told.get("profile", ""))}
    return {key: str(told[key]) for key in ("host", "wire") if told.get(key) is not None}


def in_words(api: Mapping[str, str]) -> str:
    """The same in words."""
    if "bundled" in api:
        return f"the bundled mock server as {api['bundled']}"
    return " ".join(api.values()) or "an API that its manifest does not name"


def _refuse_unlike(runs: Sequence[Run]) -> None:
    first = target(runs[0])
    for run in runs[1:]:
        if (other := target(run)) != first:
            both = f"{_name(run)} asked {in_words(other)}, {_name(runs[0])} {in_words(first)}"
            raise UnlikeError(f"{both}: expected runs of one API")
    by_model: dict[str, str] = {}
    for run in runs:
        for model in _models(run):
            by_model.setdefault(model, _name(run))
    if len(by_model) > 1:
        said = ", ".join(f"{model or '(none)'} ({name})" for model, name in by_model.items())
        raise UnlikeError(f"several models were asked: {said}: expected runs of one")


def _models(run: Run) -> list[str]:
    return run.calls.model.unique()


def _model(runs: Sequence[Run]) -> str:
    return next((model for run in runs for model in _models(run)), "")


def _name(run: Run) -> str:
    """Its folder: that two runs have the same name is not seldom."""
    return run.manifest.run if run.folder is None else str(run.folder)


def _planned(runs: Sequence[Run]) -> bool:
    """Whether the bundled server was told how long replies are to be: a trace has lengths of its own."""
    return any(
        bool((read_table(run.folder, _Planned, "calls").planned_completion_tokens != ABSENT).any())
        for run in runs
        if run.folder is not None and run.manifest.target.get("bundled")
    )


def _details(runs: Sequence[Run]) -> dict[str, int]:
    found: dict[str, int] = {}
    for run in runs:
        for text, count in run.calls.detail.counts().items():
            found[text] = found.get(text, 0) + count
    found.pop("", None)
    return found


def _joined(values: list[Any]) -> Any:
    """A column of all parts."""
    if isinstance(values[0], Names):
        return Names.joined(values)
    return _joined_lists(values) if isinstance(values[0], Lists) else np.concatenate(values)


def _joined_lists(parts: Sequence[Lists]) -> Lists:
    lengths = np.concatenate([part.lengths for part in parts])
    bounds = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
    return Lists(np.concatenate([part.values for part in parts]), bounds)
