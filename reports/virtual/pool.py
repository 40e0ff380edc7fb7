"""Cells on every core, each kept on disk the moment it is done."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from reports.errors import CellError, OutputError
from reports.summary.result import save
from reports.virtual.cell import Cell, Figures, play_cell
from reports.virtual.stage import Stage

#: PR_SET_PDEATHSIG of Linux's prctl(2).
_DIE_WITH_PARENT = 1


class Store:
    """Finished cells in a folder, one file each: nothing is played twice, whatever ended the run before."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "cells"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{folder}: cannot be made: {error.strerror}") from error

    def get(self, cell: Cell) -> Figures | None:
        """The figures of a cell that has been played; None of one that was not, or half written."""
        try:
            found = msgspec.json.decode(self._path(cell).read_bytes(), type=dict)
        except (OSError, msgspec.DecodeError):
            return None
        return {**found, "settings": dict(cell.settings)}

    def put(self, cell: Cell, figures: Figures) -> None:
        """Keep a cell. Raises OutputError."""
        save(self._path(cell), msgspec.json.encode(figures) + b"\n")

    def _path(self, cell: Cell) -> Path:
        return self._folder / f"{cell.key}.json"


class Pool:
    """Processes that play cells; `jobs` at once. To be left, or its processes stay."""

    def __init__(self, jobs: int, store: Store) -> None:
        self._store = store
        self._jobs = jobs
        self._executor: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._executor is None:
            return
        if kind is not None:
            # A cell may take a minute: who leaves early does not wait for it.
            for process in list(self._executor._processes.values()):  # noqa: SLF001 - there is no public way
                process.kill()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def figures(
        self,
        stage: Stage,
        settings: Sequence[Mapping[str, Any]],
        seeds: Sequence[int],
        step: Callable[[bool], object],
    ) -> list[list[Figures]]:
        """The figures of every setting, in the order of the seeds; `step` hears of each cell whether it was
        played now.
        """
        # By seed: what is there after half of the time covers all settings.
        cells = [Cell(stage, some, seed) for seed in seeds for some in settings]
        found: dict[tuple[str, int], Figures] = {}
        for cell, figures, played in self.play(cells):
            found[str(dict(cell.settings)), cell.seed] = figures
            step(played)
        return [[found[str(dict(some)), seed] for seed in seeds] for some in settings]

    def play(self, cells: Iterable[Cell]) -> Iterator[tuple[Cell, Figures, bool]]:
        """Every cell with its figures, as they are done, and whether it was played now.

        Those on disk come first. Raises CellError, OutputError.
        """
        to_play: dict[str, list[Cell]] = {}
        for cell in cells:
            figures = self._store.get(cell)
            if figures is not None:
                yield cell, figures, False
            else:
                to_play.setdefault(cell.key, []).append(cell)
        for same, figures in self._played([same[0] for same in to_play.values()]):
            for cell in to_play[same.key]:
                yield cell, {**figures, "settings": dict(cell.settings)}, True

    def _played(self, cells: Sequence[Cell]) -> Iterator[tuple[Cell, Figures]]:
        if not cells:
            return
        executor = self._started()
        with _shielded():
            waiting = {executor.submit(play_cell, cell): cell for cell in cells}
        while waiting:
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            # Those that failed last: what is finished beside them is kept.
            for future in sorted(done, key=lambda future: future.exception() is not None):
                cell = waiting.pop(future)
                figures = _result(future, cell)
                self._store.put(cell, figures)
                yield cell, figures

    def _started(self) -> ProcessPoolExecutor:
        if self._executor is None:
            self._executor = ProcessPoolExecutor(
                self._jobs, mp_context=get_context("spawn"), initializer=_begin, initargs=(os.getpid(),)
            )
        return self._executor


@contextmanager
def _shielded() -> Iterator[None]:
    """Processes begun here never hear of Ctrl-C, not even while they start: it is the parent's to answer."""
    caught: list[int] = []
    # The mask is what processes inherit; a thread of a library's may hear of it all the same.
    before = signal.signal(signal.SIGINT, lambda number, _: caught.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, before)
    if caught:
        raise KeyboardInterrupt


def _result(future: Future[Figures], cell: Cell) -> Figures:
    try:
        return future.result()
    except BrokenProcessPool as error:
        what = "a process that played cells was killed (out of memory?); what was finished is kept"
        raise CellError(f"{what}: run the same command again to go on; seed {cell.seed}") from error


def _begin(parent: int) -> None:
    """In a new process: there is nothing to do without its parent."""
    if sys.platform == "linux":
        with suppress(OSError):
            ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:  # it has died meanwhile
        os._exit(1)
