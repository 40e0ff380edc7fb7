"""The workers of a run: what each said of itself last, which are lost, and where their records are."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from harness.clock import wall_ns
from harness.play.tally import Tally, total
from harness.record.folder import Elsewhere
from harness.record.inbox import Inbox
from harness.record.parcel import Parcel, Receipt
from harness.units import NS
from harness.workload.schedule import Schedule

#: So long a worker that leaves may take for that, and one on another host that was cut off to come back.
RETURN_S = 20.0

logger = logging.getLogger(__name__)


class _Loss(NamedTuple):
    """Why a worker is lost, and until when it is waited for; `leaving`: it said so itself."""

    why: str
    until_ns: int
    leaving: bool = False


class Roll:
    """The workers by Locust's client ids, in order; `folder` is where their records are to be."""

    def __init__(self, workers: list[str], folder: Path) -> None:
        self._inbox = Inbox(folder, folder.name, wall_ns)
        self._folder = folder
        self._tallies = {worker: Tally() for worker in workers}
        self._numbers = {worker: number for number, worker in enumerate(workers)}
        self._lost: dict[str, _Loss] = {}
        self._refused: set[str] = set()
        self._here = socket.gethostname()

    def hear(self, worker: str, tally: Tally) -> None:
        """A worker told how far it is; one that was lost is back with that."""
        if worker not in self._tallies:
            return
        self._tallies[worker] = tally
        loss = self._lost.get(worker)
        if loss is None or (loss.leaving and not tally.finished):
            return
        del self._lost[worker]
        if not loss.leaving:
            logger.info("%s is back", self._named(worker))

    def take(self, worker: str, parcel: Parcel) -> Receipt | None:
        """Records of a worker's; None for those that are not of this run."""
        if worker not in self._numbers:
            return None
        receipt = self._inbox.take(self._numbers[worker], parcel)
        if receipt is not None and receipt.refused and worker not in self._refused:
            self._refused.add(worker)
            logger.error("no more records of %s are taken: %s", self._named(worker), receipt.refused)
        return receipt

    def leaves(self, worker: str) -> None:
        """A worker said that it goes, before the run's end: it ends its calls first, and tells of them."""
        self._lose(worker, "it left", RETURN_S, leaving=True)

    def disappears(self, worker: str) -> None:
        """A worker is not heard of. One on another host may be cut off, and come back."""
        self._lose(worker, "it disappeared", RETURN_S if self._away(worker) else 0.0)

    def close(self, *, stopped: bool) -> None:
        """Nobody is waited for any more; `stopped`: because somebody asked for the end."""
        self._inbox.close()
        for worker, tally in self._tallies.items():
            if not tally.finished:
                self._lose(worker, "it did not finish in time", 0.0)
            elif tally.left and not stopped:
                self._lost.setdefault(worker, _Loss("it was stopped before the end", wall_ns()))

    @property
    def finished(self) -> bool:
        """Whether every worker that is still there, or may come back, has drained and delivered."""
        return all(tally.finished or self._gone(worker) for worker, tally in self._tallies.items())

    @property
    def lost(self) -> dict[int, str]:
        """Those that are gone now, and why, by their numbers."""
        return {self._numbers[worker]: loss.why for worker, loss in self._lost.items()}

    @property
    def total(self) -> Tally:
        """All of them together."""
        return total(self._tallies.values())

    def scheduled(self, schedule: Schedule | None, ends_ns: int) -> dict[str, int]:
        """Arrivals due by `ends_ns`, by worker; for a lost one the schedule knows, whatever it last said."""
        return {
            str(number): tally.scheduled
            if worker not in self._lost or schedule is None
            else int((schedule.at_ns[number :: len(self._tallies)] <= ends_ns).sum())
            for number, worker, tally in self._each()
        }

    def recorded(self) -> dict[str, int]:
        """Calls that each worker recorded, as far as it told."""
        return {str(number): tally.recorded for number, _, tally in self._each()}

    def degraded(self) -> list[str]:
        """What went wrong with them, but for what `elsewhere` tells."""
        reasons = [
            f"{self._named(worker)}: {tally.degraded}" if self._away(worker) else tally.degraded
            for _, worker, tally in self._each()
            if tally.degraded
        ]
        told = self.elsewhere()
        return reasons + [
            f"{self._named(worker)} was lost: {loss.why}"
            for worker, loss in self._lost.items()
            if self._tallies[worker].finished or str(self._numbers[worker]) not in told
        ]

    def elsewhere(self) -> dict[str, Elsewhere]:
        """The workers whose records came over the network, or were to."""
        found = {}
        for number, worker, tally in self._each():
            kept, loss = self._inbox.kept.get(number), self._lost.get(worker)
            lost = "" if loss is None or tally.finished else loss.why
            if kept is not None:
                found[str(number)] = Elsewhere(
                    kept.host, kept.folder, dict(kept.files), lost, kept.refused, kept.ahead_ns
                )
            elif lost and self._away(worker):
                found[str(number)] = Elsewhere(host_of(worker), str(self._folder.resolve()), lost=lost)
        return found

    def _lose(self, worker: str, why: str, wait_s: float, *, leaving: bool = False) -> None:
        if self._tallies[worker].finished or worker in self._lost:
            return
        self._lost[worker] = _Loss(why, wall_ns() + round(wait_s * NS), leaving)
        wait = f"; it is waited for {wait_s:g} s" if wait_s else ""
        logger.warning("%s %s%s", self._named(worker), "leaves" if leaving else f"is lost: {why}", wait)

    def _each(self) -> Iterator[tuple[int, str, Tally]]:
        return ((self._numbers[worker], worker, tally) for worker, tally in self._tallies.items())

    def _gone(self, worker: str) -> bool:
        """Whether a worker is not waited for."""
        loss = self._lost.get(worker)
        return loss is not None and wall_ns() >= loss.until_ns

    def _away(self, worker: str) -> bool:
        """Whether a worker is on another host."""
        return self._numbers[worker] in self._inbox.kept or host_of(worker) not in {"", self._here}

    def _named(self, worker: str) -> str:
        at = f" on {host_of(worker)}" if self._away(worker) else ""
        return f"worker {self._numbers[worker]}{at}"


def host_of(worker: str) -> str:
    """The host's name in a client id of Locust's: <host>_<random>."""
    return worker.rpartition("_")[0]
