"""Whether measured latencies are those of the server: call by call, and percentile by percentile."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from reports.figures.metrics import schedule_lag_ms
from tests.benchmarks import servers
from tests.benchmarks.aimock import AbsentError
from tests.benchmarks.cores import ours_apart
from tests.benchmarks.load import aiperf, bundled, fidelity_table, paced_locust, percentiles, server_log
from tests.benchmarks.load.fidelity_table import Row
from tests.benchmarks.load.ours import playing
from tests.benchmarks.load.percentiles import MANY, USUAL
from tests.benchmarks.load.section import Effort, Result, SectionError
from tests.benchmarks.peers import KEY

PROFILE = Path(__file__).with_name("stalls.toml")
POLICY = Path(__file__).with_name("unhindered.toml")

FULL_S, QUICK_S = 60.0, 5.0
LOW, HIGH = 300.0, 1_000.0

#: What we are asked to do, and which percentiles are compared.
RATES: tuple[tuple[float, Mapping[str, float]], ...] = ((LOW, USUAL), (HIGH, MANY))

#: A request each in 3.3 s: no user misses its turn because of a stall.
LOCUST_USERS = 1_000

#: Plays a peer against a port for so many seconds; the percentiles it tells, in milliseconds.
Tell = Callable[[int, float], Mapping[str, float]]


def measure(effort: Effort, say: Callable[[str], None]) -> Result:
    """Ours at two rates; Locust's table and AIPerf at the lower one."""
    seconds = QUICK_S if effort.quick else FULL_S
    rows = []
    with ours_apart() as cores:
        for rate, levels in RATES:
            say(f"fidelity: ours at {rate:,.0f}/s for {seconds:g} s")
            rows.append(_ours(rate, seconds, levels, cores))
        peers: tuple[tuple[str, Tell], ...] = (
            (f"Locust's table, {LOW:g}/s", _locust),
            (f"{aiperf.NAME}, {LOW:g}/s", _aiperf),
        )
        for name, tell in peers:
            say(f"fidelity: {name} for {seconds:g} s")
            rows.append(_peer(name, tell, seconds, cores))
    return Result(
        f"Fidelity: {seconds:g} s of lognormal replies (median 250 ms, sigma 0.3), 2 % of them after 3 s",
        fidelity_table.text(rows),
        fidelity_table.checks(rows),
        {"pinned": bool(cores), "rows": fidelity_table.document(rows)},
        fidelity_table.remarks(rows, pinned=bool(cores)),
    )


def _ours(rate: float, seconds: float, levels: Mapping[str, float], cores: tuple[int, ...]) -> Row:
    """An open loop against the mock server that comes with it: each attempt carries its ids."""

    def during(scenario: psutil.Process) -> None:
        bundled.keep_to(bundled.server_of(scenario), cores)

    options = ["--rate", f"{rate:g}", "--length", f"{seconds:g}s", "--arrivals", "poisson"]
    options += ["--mock-profile", str(PROFILE), "--policy", str(POLICY), "--transport", "fast"]
    with playing(*options, during=during, within_s=seconds + 120) as played:
        log = server_log.read(played.folder / "mock-requests.jsonl")
        joined = server_log.joined(played.run.attempts, log)
        lag_ms = schedule_lag_ms(played.run.calls)
    told_ms = percentiles.of(joined.measured_ms, levels)
    return Row(
        f"ours, {rate:,.0f}/s",
        rate,
        len(log),
        server_log.rate_per_s(log),
        tuple(percentiles.compared(told_ms, joined.served_ms, levels)),
        joined.overhead_ms,
        lag_ms,
    )


def _peer(name: str, tell: Tell, seconds: float, cores: tuple[int, ...]) -> Row:
    """What a peer tells, beside the log of a server of its own."""
    with tempfile.TemporaryDirectory(prefix="primetime-fidelity-") as folder:
        log = Path(folder) / "requests.jsonl"
        try:
            with servers.ours(cores, "--profile", str(PROFILE), "--log", str(log)) as server:
                told_ms = tell(server.port, seconds)
        except AbsentError as error:
            return Row(name, LOW, skipped=str(error))
        rows = server_log.read(log)
    found = tuple(percentiles.compared(told_ms, server_log.served_ms(rows), USUAL))
    return Row(name, LOW, len(rows), server_log.rate_per_s(rows), found)


def _locust(port: int, seconds: float) -> Mapping[str, float]:
    return paced_locust.play(port, paced_locust.Load(LOCUST_USERS, LOW, seconds), USUAL).percentiles_ms


def _aiperf(port: int, seconds: float) -> Mapping[str, float]:
    options = ("--request-rate", f"{LOW:g}", "--api-key", KEY)
    export = aiperf.profile(f"http://127.0.0.1:{port}", *options, seconds=seconds)
    if export.errors:
        raise SectionError(f"{aiperf.NAME}: {export.errors} requests failed")
    return export.latency_ms
