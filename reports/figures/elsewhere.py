"""Records that came over the network: what of them is not here, and where it is.

What is asked is what is in the folder, not what arrived: files that were copied there later make a run whole.
"""

from __future__ import annotations

import numpy as np

from harness.record.schema import TABLES
from reports.reading.run import NS_PER_MS, NS_PER_S, Elsewhere, Run

#: Clocks this far apart shift a worker's calls by as much against those of the others.
CLOCK_LIMIT_MS = 50.0


def reasons(run: Run) -> list[str]:
    """Why such a run is not to be trusted as it stands."""
    found = [_short(run, worker, kept) for worker, kept in _awaited(run).items()]
    for worker, kept in _kept(run).items():
        if kept.ahead_ns is not None and abs(kept.ahead_ns) > CLOCK_LIMIT_MS * NS_PER_MS:
            found.append(_out_of_step(worker, kept.host, kept.ahead_ns))
    return found


def files(run: Run) -> set[str]:
    """The names, as in `Run.cut` and `Run.missing`, of what `reasons` tells already."""
    return {name for worker, kept in _awaited(run).items() for name in _names(worker, kept)}


def _kept(run: Run) -> dict[str, Elsewhere]:
    return {} if run.ending is None else run.ending.elsewhere


def _awaited(run: Run) -> dict[str, Elsewhere]:
    """Those whose files are not whole here, and were not copied since."""
    short = {*(cut.name for cut in run.cut), *run.missing}
    return {
        worker: kept
        for worker, kept in _kept(run).items()
        if not short.isdisjoint(_names(worker, kept)) and not _copied(run, kept)
    }


def _names(worker: str, kept: Elsewhere) -> set[str]:
    """How its files may be told of: one of every table, named alike though nothing of it may have arrived."""
    alike = {name.partition("-")[2] for name in kept.files}
    return {f"every file of worker {worker}", *(f"{table}-{of}" for of in alike for table in TABLES)}


def _copied(run: Run, kept: Elsewhere) -> bool:
    """Whether more is here than arrived."""
    paths = {name: run.folder / name for name in kept.files} if run.folder is not None else {}
    return any(path.exists() and path.stat().st_size > kept.files[name] for name, path in paths.items())


def _short(run: Run, worker: str, kept: Elsewhere) -> str:
    lost = f" was lost: {kept.lost};" if kept.lost else ":"
    refused = f"; no more was taken: {kept.refused}" if kept.refused else ""
    arrived = _arrived(run, worker, at_least=bool(kept.lost))
    return (
        f"worker {worker} on {kept.host}{lost} {arrived}{refused}; to have all, copy"
        f" {kept.host}:{kept.folder}/*-{worker}-*.arrow into this folder and summarise it again"
    )


def _arrived(run: Run, worker: str, *, at_least: bool) -> str:
    here = run.calls.worker == int(worker)
    arrived = int(np.count_nonzero(here))
    if not arrived:
        return "none of its calls arrived"
    recorded = max(arrived, 0 if run.ending is None else run.ending.recorded.get(worker, 0))
    until_s = int(run.calls.end_ns[here].max()) / NS_PER_S
    most = f"at least {recorded}" if at_least else f"{recorded}"
    return f"{arrived} of the {most} calls that it recorded arrived, up to second {until_s:.1f}"


def _out_of_step(worker: str, host: str, ahead_ns: int) -> str:
    way = "ahead of" if ahead_ns > 0 else "behind"
    return (
        f"the clock of worker {worker} on {host} is {abs(ahead_ns) / NS_PER_MS:.0f} ms {way} the master's,"
        " and its times with it: keep the hosts' clocks in step (NTP)"
    )
