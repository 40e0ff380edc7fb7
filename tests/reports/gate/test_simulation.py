"""How often the gate is right, by simulation with known truth; the slow test prints the table.

The noise that is stated: a run's figures are lognormal, sd 1 % for latencies (a third of it for goodput and
amplification, three times for the share of failures), half of the variance common to all figures of the run;
evenings of different seeds differ by 20 %, the same for both sides. Nine metrics are judged, tolerance 5 %.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from reports.gate.record import RunRecord
from reports.gate.verdict import Verdict
from reports.telling.text_table import table
from tests.reports.gate.simulated import Runs, gate, of

STATED_SD = 0.01
TRIES = 2000

P95 = "call_latency.p95"


def codes(sides: Sequence[tuple[list[RunRecord], list[RunRecord]]]) -> Counter[int]:
    """How often the gate ended with each exit code."""
    return Counter(gate(base, new).code for base, new in sides)


def verdicts(runs: Runs, slower: float, tries: int) -> Counter[Verdict]:
    """How often eight pairs gave each verdict on p95."""
    return Counter(of(gate(*runs.abba(8, slower)), P95).verdict for _ in range(tries))


def against_one_seed(runs: Runs) -> tuple[list[RunRecord], list[RunRecord]]:
    """One fresh run against eight of its seed."""
    evening = runs.evening()
    return [runs.run(1, evening) for _ in range(8)], [runs.run(1, evening)]


def against_seeds(runs: Runs, fresh: int) -> tuple[list[RunRecord], list[RunRecord]]:
    """Some fresh runs against one each of eight seeds."""
    evenings = {seed: runs.evening() for seed in range(8)}
    return runs.of_seeds(range(8), evenings), runs.of_seeds(range(fresh), evenings)


def test_a_hundred_comparisons_of_a_thing_with_itself_do_not_fail() -> None:
    runs = Runs(1, STATED_SD)

    assert codes([runs.abba(8) for _ in range(100)])[1] == 0
    assert verdicts(runs, 0.10, 100)[Verdict.REGRESSION] >= 90


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_gate_cries_no_wolf_and_sees_one(capsys: pytest.CaptureFixture[str]) -> None:
    found: dict[float, tuple[Counter[int], Counter[Verdict], Counter[Verdict]]] = {}
    for sd in (0.003, STATED_SD, 0.02, 0.05, 0.2):
        runs = Runs(1, sd)
        found[sd] = (
            codes([runs.abba(8) for _ in range(TRIES)]),
            verdicts(runs, 0.10, TRIES),
            verdicts(runs, 0.03, TRIES),
        )
    ways = {
        (sd, name): codes([play(Runs(1000 * number, sd)) for number in range(TRIES)])
        for sd in (STATED_SD, 0.05, 0.2)
        for name, play in (
            ("1 run, 8 of its seed before", against_one_seed),
            ("1 run, 8 seeds before", lambda runs: against_seeds(runs, 1)),
            ("8 runs, their 8 seeds before", lambda runs: against_seeds(runs, 8)),
        )
    }
    with capsys.disabled():
        print(f"\n{TRIES:,} tries each\n\n{_pairs(found)}\n\n{_baselines(ways)}")  # noqa: T201 - it is shown

    for itself in (*ways.values(), *(same for same, _, _ in found.values())):
        assert itself[1] < 0.02 * TRIES
    assert found[STATED_SD][1][Verdict.REGRESSION] > 0.95 * TRIES
    for _, _, a_little in found.values():
        assert a_little[Verdict.IMPROVED] < 0.01 * TRIES


def _pairs(found: dict[float, tuple[Counter[int], Counter[Verdict], Counter[Verdict]]]) -> str:
    heading = ["8 pairs, A B B A", "noise", "regression", "improved", "inconclusive", "pass"]
    rows = []
    for sd, (itself, *slower) in found.items():
        rows.append(
            ["the same: exit codes", f"{100 * sd:.1f} %", *_shares(itself[1], None, itself[3], itself[0])]
        )
        rows += [
            [f"{name} slower: p95", f"{100 * sd:.1f} %", *_shares(*(said[verdict] for verdict in _SHOWN))]
            for name, said in zip(("10 %", "3 %"), slower, strict=True)
        ]
    return table(heading, rows)


def _baselines(ways: dict[tuple[float, str], Counter[int]]) -> str:
    heading = ["the same against a baseline: exit codes", "noise", "regression", "inconclusive", "pass"]
    rows = [
        [name, f"{100 * sd:.1f} %", *_shares(codes[1], codes[3], codes[0])]
        for (sd, name), codes in ways.items()
    ]
    return table(heading, rows)


_SHOWN = (Verdict.REGRESSION, Verdict.IMPROVED, Verdict.INCONCLUSIVE, Verdict.PASS)


def _shares(*counts: int | None) -> list[str]:
    return ["" if count is None else f"{100 * count / TRIES:.1f} %" for count in counts]
