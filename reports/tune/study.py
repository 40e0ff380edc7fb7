"""The search: the only module that knows Optuna."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import ConfigError
from reports.errors import SpecError, UsageError
from reports.tune.spec import NOT_READ, TuneSpec
from reports.virtual.cell import Figures

#: Trials asked for together: the same on any machine, so that the search is.
BATCH = 8

#: Combinations in a batch that may be no policy.
MOST_REFUSED = 200

#: In place of an objective without an end, which no sampler can weigh.
ENDLESS = 1e12

#: A sampler of its own for every batch, seeded from the study's seed and the batch's first number.
_SEEDS_APART = 100_003

#: Of a URL.
_PASSWORD = re.compile(r":[^:/@]*@")

Evaluate = Callable[[Sequence[Mapping[str, Any]]], list[Sequence[Figures]]]


@dataclass(frozen=True, slots=True)
class Tried:
    """A finished trial: its number and its settings."""

    number: int
    settings: dict[str, Any]


class Search:
    """A study of Optuna's, kept at `storage` (its own URL; by default a file in the folder).

    Several machines with one storage share its trials. Raises UsageError where Optuna is not installed or
    the storage cannot be reached.
    """

    def __init__(self, spec: TuneSpec, folder: Path, storage: str | None) -> None:
        try:
            import optuna  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise UsageError("tune needs Optuna: pip install 'primetime-harness[tune]'") from error
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._optuna = optuna
        self._spec = spec
        url = storage or f"sqlite:///{(folder / 'study.db').resolve()}"
        try:
            self._study = optuna.create_study(
                storage=url,
                study_name=spec.identity,
                directions=["maximize" if m.side > 0 else "minimize" for m in spec.objectives],
                load_if_exists=True,
            )
        except Exception as error:  # whatever the storage's library raises
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            shown = _PASSWORD.sub(":***@", url)
            raise UsageError(f"--storage {shown}: cannot be used: {said}") from error
        if storage is None:
            self._forget_unfinished()

    def tried(self) -> list[Tried]:
        """Every finished trial, whoever made it."""
        return [Tried(trial.number, trial.user_attrs["settings"]) for trial in self._trials_in("COMPLETE")]

    def run(self, evaluate: Evaluate) -> None:
        """Try settings until there are as many finished trials as the spec asks for; today's come first.

        `evaluate` gives the figures of each settings' cells.
        """
        while (left := self._spec.trials - len(self.tried())) > 0:
            self._batch(min(BATCH, left), evaluate)

    def _batch(self, size: int, evaluate: Evaluate) -> None:
        spec, study = self._spec, self._study
        begun = len(study.get_trials(deepcopy=False))
        study.sampler = self._sampler(begun)
        if not self.tried() and self._fits() and not self._trials_in("WAITING"):
            study.enqueue_trial({key: _named(value) for key, value in self._today().items()})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", self._optuna.exceptions.ExperimentalWarning)
            trials, asked = self._ask(size)
            for trial, settings, cells in zip(trials, asked, evaluate(asked), strict=True):
                trial.set_user_attr("settings", settings)
                for constraint in spec.constraints:
                    trial.set_constraint(constraint.text, constraint.violation(cells))
                study.tell(
                    trial, [_weighed(measure.mean(cells), measure.side) for measure in spec.objectives]
                )

    def _ask(self, size: int) -> tuple[list[Any], list[dict[str, Any]]]:
        """Trials whose settings are a policy, and these. Raises SpecError where hardly any are."""
        trials: list[Any] = []
        asked: list[dict[str, Any]] = []
        refused = 0
        while len(trials) < size:
            trial = self._study.ask()
            settings = self._spec.kept(self._suggest(trial))
            try:
                self._spec.stage.policy(settings)
                self._spec.stage.queue(settings)
            except ConfigError as error:
                self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
                refused += 1
                if refused > MOST_REFUSED:
                    raise SpecError(f"[range]: hardly any combination is a policy, as: {error}") from error
                continue
            trials.append(trial)
            asked.append(settings)
        return trials, asked

    def _sampler(self, begun: int) -> Any:
        return self._optuna.samplers.TPESampler(
            seed=(self._spec.seed * _SEEDS_APART + begun) % 2**32,
            n_startup_trials=max(BATCH, self._spec.trials // 4),
            multivariate=True,
        )

    def _suggest(self, trial: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for sought in self._spec.ranges:
            if sought.choices:
                by_name = {_named(choice): choice for choice in sought.choices}
                found[sought.key] = by_name[trial.suggest_categorical(sought.key, list(by_name))]
            elif sought.whole:
                found[sought.key] = trial.suggest_int(
                    sought.key, int(sought.low), int(sought.high), log=sought.log
                )
            else:
                value = trial.suggest_float(sought.key, sought.low, sought.high, log=sought.log)
                found[sought.key] = sought.rounded(value)
        return found

    def _fits(self) -> bool:
        """Whether today's settings lie within the ranges; what nothing reads must stay so, set or not."""
        spec, today = self._spec, self._today()
        others = {r.key: r.choices[0] if r.choices else r.low for r in spec.ranges if r.key not in today}
        held = all(sought.holds(today[sought.key]) for sought in spec.ranges if sought.key in today)
        return held and spec.kept({**others, **today}) == today

    def _today(self) -> dict[str, Any]:
        return {key: value for key, value in self._spec.today.items() if value != NOT_READ}

    def _forget_unfinished(self) -> None:
        """Trials that were under way when the process before was killed: their cells are kept, not they."""
        for trial in self._trials_in("RUNNING"):
            failed = self._optuna.trial.TrialState.FAIL
            self._study.tell(trial.number, state=failed, skip_if_finished=True)

    def _trials_in(self, state: str) -> list[Any]:
        found: list[Any] = self._study.get_trials(
            deepcopy=False, states=(self._optuna.trial.TrialState[state],)
        )
        return found


def _named(value: Any) -> Any:
    """A value as Optuna keeps it: it knows no lists."""
    return json.dumps(value) if isinstance(value, list) else value


def _weighed(value: float, side: int) -> float:
    """An objective as a sampler can weigh it."""
    if value != value or abs(value) > ENDLESS:  # noqa: PLR0124 - nan is what differs from itself
        return -side * ENDLESS
    return value
