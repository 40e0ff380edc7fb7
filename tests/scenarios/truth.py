"""The same evening by two clocks: what a run was in real time and in virtual time, and how far they agree."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.model import AttemptFinished, BreakerChanged, CallFinished, Event, Outcome
from reports.figures import metrics
from reports.figures.breaker import OPEN
from reports.figures.quantiles import LEAST_SAMPLES, quantile
from reports.reading.names import Names
from reports.reading.run import NS_PER_MS, Floats, Run
from reports.telling.text_table import table

#: How far apart, relatively, a figure may be: of call latency over ok calls, and attempts a call.
BOUNDS = {"p50, s": 0.03, "p99, s": 0.08, "attempts a call": 0.02}

#: A run in real time is one draw of chance: so many of its standard deviations are not the clocks' fault, and
#: a bound is widened by them where evenings are few. The table says where it took that.
CHANCES = 2.0

#: An outcome's counts may be apart by so many standard errors.
SIGMAS = 4.0


@dataclass(frozen=True, slots=True)
class Side:
    """What a run was by one clock. Arrays of calls are in order of call id, so that two sides are pairs."""

    outcomes: Names
    latency_ms: Floats  # of every call, infinite where it failed
    permit_wait_ms: Floats
    lag_ms: Floats  # how late each call was begun
    selectors: Names  # of every attempt
    trips: int  # how often the breaker opened

    @property
    def calls(self) -> int:
        return len(self.outcomes)

    @property
    def ok_ms(self) -> Floats:
        """Call latency over ok calls, sorted."""
        return np.sort(self.latency_ms[np.isfinite(self.latency_ms)])

    def count(self, outcome: str) -> int:
        return int(np.count_nonzero(self.outcomes == outcome))


def real_side(run: Run) -> Side:
    """A run folder, as the reports read it."""
    calls, events = run.calls, run.events
    return Side(
        outcomes=calls.outcome,
        latency_ms=metrics.call_latency_all_ms(calls),
        permit_wait_ms=calls.permit_wait_ns / NS_PER_MS,
        lag_ms=metrics.schedule_lag_ms(calls),
        selectors=metrics.selectors(run.attempts.outcome, run.attempts.fault),
        trips=int(np.count_nonzero((events.name == "breaker") & (events.text == OPEN))),
    )


def virtual_side(told: Sequence[Event]) -> Side:
    """What the client told in virtual time."""
    calls = sorted((e.call for e in told if type(e) is CallFinished), key=lambda call: call.call_id)
    ends_ms = [(c.end_ns - c.intended_ns) / NS_PER_MS if c.outcome is Outcome.OK else np.inf for c in calls]
    return Side(
        outcomes=Names.of(str(c.outcome) for c in calls),
        latency_ms=np.array(ends_ms),
        permit_wait_ms=np.array([c.permit_wait_ns / NS_PER_MS for c in calls]),
        lag_ms=np.array([(c.start_ns - c.intended_ns) / NS_PER_MS for c in calls]),
        selectors=Names.of(e.attempt.selector for e in told if type(e) is AttemptFinished),
        trips=sum(type(e) is BreakerChanged and e.after == OPEN for e in told),
    )


def pooled(sides: Iterable[Side]) -> Side:
    """Several runs as one, in their order."""
    runs = list(sides)
    return Side(
        outcomes=Names.joined([run.outcomes for run in runs]),
        latency_ms=np.concatenate([run.latency_ms for run in runs]),
        permit_wait_ms=np.concatenate([run.permit_wait_ms for run in runs]),
        lag_ms=np.concatenate([run.lag_ms for run in runs]),
        selectors=Names.joined([run.selectors for run in runs]),
        trips=sum(run.trips for run in runs),
    )


@dataclass(frozen=True, slots=True)
class Cell:
    """One policy against one profile, its seeds pooled: one run in real time, several plays in virtual time.

    The first play is the seeds' own; the others begin each call a little late, as a real generator does, and
    tell how much of a difference is chance.
    """

    name: str
    seeds: int
    real: Side
    plays: list[Side]

    @property
    def virtual(self) -> Side:
        """All plays as one."""
        return pooled(self.plays)


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure by both clocks; `spread` is its relative standard deviation from play to play."""

    name: str
    real: float
    virtual: float
    spread: float

    @property
    def apart(self) -> float:
        return self.real / self.virtual - 1

    @property
    def within(self) -> bool:
        """Whether the bound is kept as it stands."""
        return abs(self.apart) <= BOUNDS[self.name]

    @property
    def holds(self) -> bool:
        return abs(self.apart) <= BOUNDS[self.name] + CHANCES * self.spread


@dataclass(frozen=True, slots=True)
class Counted:
    """How many calls had an outcome: of `calls` in real time, and in each of `plays` virtual ones."""

    name: str
    real: int
    plays: Floats
    calls: int

    @property
    def virtual(self) -> float:
        return float(self.plays.mean())

    @property
    def dispersion(self) -> float:
        """Variance from play to play over a binomial's: below 1 where the same faults end the same calls."""
        binomial = self.virtual * (1 - self.virtual / self.calls)
        return float(self.plays.var(ddof=1)) / binomial if binomial else 0.0

    @property
    def error(self) -> float:
        """Standard error of real - virtual: sqrt(n p (1 - p) d (1 + 1 / plays)).

        p is the mean of both shares: by the plays alone, two calls would refute a share of none. d is the
        dispersion where that is above 1: who is shut out of a full backlog is shut out with others. Below, a
        count that chance hardly moves is still held only to what a sample of so many calls tells.
        """
        share = (self.real + self.virtual) / (2 * self.calls)
        most = max(1.0, self.dispersion)
        return math.sqrt(self.calls * share * (1 - share) * most * (1 + 1 / len(self.plays)))

    @property
    def sigmas(self) -> float:
        apart = self.real - self.virtual
        return apart / self.error if apart else 0.0

    @property
    def holds(self) -> bool:
        return abs(self.sigmas) <= SIGMAS


def measured(cell: Cell) -> list[Measured]:
    """Percentiles of ok calls' latency, and attempts a call. A percentile of too few calls is an error."""

    def figure(name: str, of: Callable[[Side], float]) -> Measured:
        each = np.array([of(play) for play in cell.plays])
        return Measured(name, of(cell.real), of(cell.virtual), float(each.std(ddof=1) / each.mean()))

    assert all(side.count("ok") >= LEAST_SAMPLES["p99"][1] for side in (cell.real, *cell.plays)), cell.name
    return [
        figure("p50, s", lambda side: quantile(side.ok_ms, 0.5) / 1000),
        figure("p99, s", lambda side: quantile(side.ok_ms, 0.99) / 1000),
        figure("attempts a call", lambda side: len(side.selectors) / side.calls),
    ]


def counted(cell: Cell) -> list[Counted]:
    """Every outcome that either clock met, most frequent first."""
    both = cell.real.outcomes.counts() + cell.plays[0].outcomes.counts()
    met = sorted({*cell.virtual.outcomes.unique(), *both}, key=lambda name: -both[name])
    return [
        Counted(
            name,
            cell.real.count(name),
            np.array([play.count(name) for play in cell.plays], dtype=np.float64),
            cell.real.calls,
        )
        for name in met
    ]


def broken(cells: Sequence[Cell]) -> list[str]:
    """Every bound that does not hold, in words."""
    found = []
    for cell in cells:
        assert all(play.calls == cell.real.calls for play in cell.plays), f"{cell.name}: not the same calls"
        found += [
            f"{cell.name}: {one.name}: {one.apart:+.1%} in real time, allowed {BOUNDS[one.name]:.0%}"
            for one in measured(cell)
            if not one.holds
        ]
        found += [
            f"{cell.name}: {one.name}: {one.real} calls in real time, {one.virtual:.1f} in virtual time,"
            f" {one.sigmas:+.1f} sigma, allowed {SIGMAS:g}"
            for one in counted(cell)
            if not one.holds
        ]
    return found


def tables(cells: Sequence[Cell]) -> str:
    """Latencies and attempts; outcomes with their errors; and what no bound is set on."""
    return "\n\n".join((_measured_table(cells), _counted_table(cells), _detail_table(cells)))


def _measured_table(cells: Sequence[Cell]) -> str:
    heading = ["policy on profile", "seeds", "calls", "figure", "real", "virtual", "apart", "chance", "holds"]
    rows = []
    for cell in cells:
        for one in measured(cell):
            numbers = [f"{one.real:.4g}", f"{one.virtual:.4g}", f"{one.apart:+.2%}", f"{one.spread:.2%}"]
            rows.append([cell.name, f"{cell.seeds}", f"{cell.real.calls}", one.name, *numbers, _verdict(one)])
    return table(heading, rows)


def _counted_table(cells: Sequence[Cell]) -> str:
    heading = ["policy on profile", "calls", "outcome", "real", "virtual", "apart", "error"]
    heading += ["dispersion", "sigmas", "holds"]
    rows = []
    for cell in cells:
        for one in counted(cell):
            row = [cell.name, f"{one.calls}", one.name, f"{one.real}", f"{one.virtual:.1f}"]
            row += [f"{one.real - one.virtual:+.1f}", f"{one.error:.1f}", f"{one.dispersion:.2f}"]
            rows.append([*row, f"{one.sigmas:+.1f}", _word(one.holds)])
    return table(heading, rows)


def _detail_table(cells: Sequence[Cell]) -> str:
    """The real run beside the seed's own play."""
    heading = ["policy on profile", "without a bound", "real", "virtual"]
    rows = []
    for cell in cells:
        sides = cell.real, cell.plays[0]
        same = np.mean(sides[0].outcomes == sides[1].outcomes)
        rows.append([cell.name, "calls of the same outcome", "", f"{same:.1%}"])
        rows.append([cell.name, "schedule lag p99, ms", *(f"{_p99(side.lag_ms):.1f}" for side in sides)])
        rows.append(
            [cell.name, "permit wait p99, ms", *(f"{_p99(side.permit_wait_ms):.0f}" for side in sides)]
        )
        rows.append([cell.name, "breaker opened", *(f"{side.trips}" for side in sides)])
        attempts = [side.selectors.counts() for side in sides]
        for name, _ in (attempts[0] + attempts[1]).most_common():
            rows.append([cell.name, f"attempts {name}", *(f"{counts[name]}" for counts in attempts)])
    return table(heading, rows)


def _p99(samples: Floats) -> float:
    return quantile(np.sort(samples), 0.99)


def _verdict(one: Measured) -> str:
    return "by chance" if one.holds and not one.within else _word(one.holds)


def _word(yes: bool) -> str:  # noqa: FBT001 - the word for it
    return "yes" if yes else "NO"
