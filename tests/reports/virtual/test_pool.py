"""Cells are played once, on every core, and kept the moment they are done, whatever ends the run."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import psutil
import pytest

from reports.errors import CellError, OutputError
from reports.virtual import pool as pools
from reports.virtual.cell import Cell, Figures, play_cell
from reports.virtual.pool import Pool, Store
from reports.virtual.stage import Stage
from tests.reports.virtual import small


class Inline:
    """An executor without processes, that counts."""

    def __init__(self, *_: object, **__: object) -> None:
        self._processes: dict[int, Any] = {}

    played: list[tuple[dict[str, Any], int]] = []  # noqa: RUF012 - emptied by the fixture

    def submit(self, play: Callable[[Cell], Figures], cell: Cell) -> Future[Figures]:
        Inline.played.append((dict(cell.settings), cell.seed))
        future: Future[Figures] = Future()
        future.set_result(play(cell))
        return future

    def shutdown(self, **_: object) -> None:
        """Nothing to end."""


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, Any], int]]:
    """What is played from here on, in this process."""
    monkeypatch.setattr(pools, "ProcessPoolExecutor", Inline)
    Inline.played = []
    return Inline.played


def figures(
    folder: Path, settings: list[dict[str, Any]], seeds: list[int], stage: Stage | None = None
) -> tuple[list[list[Figures]], list[bool]]:
    """What a pool gives, and what it told of every step."""
    steps: list[bool] = []
    with Pool(1, Store(folder)) as pool:
        found = pool.figures(stage or small.stage(), settings, seeds, steps.append)
    return found, steps


def test_finished_cells_are_not_played_again(tmp_path: Path, played: list[Any]) -> None:
    first, steps = figures(tmp_path, [{"retry.attempts": 1}, {"retry.attempts": 2}], [1, 2])
    assert (len(played), steps) == (4, [True] * 4)
    played.clear()
    settings = [{"retry.attempts": 2}, {"retry.attempts": 3}, {"retry.attempts": 1}]
    again, steps = figures(tmp_path, settings, [2, 1])
    assert played == [({"retry.attempts": 3}, 2), ({"retry.attempts": 3}, 1)]
    assert steps.count(False) == 4
    assert [again[0], again[2]] == [first[1][::-1], first[0][::-1]]


def test_figures_come_by_setting_in_the_order_of_the_seeds(tmp_path: Path, played: list[Any]) -> None:
    settings = [{"concurrency.limit": 2}, {}]
    found, _ = figures(tmp_path, settings, [7, 3])
    assert [[(cell["settings"], cell["seed"]) for cell in row] for row in found] == [
        [(some, seed) for seed in (7, 3)] for some in settings
    ]
    stage = small.stage()
    assert found == [[play_cell(Cell(stage, some, seed)) for seed in (7, 3)] for some in settings]


def test_settings_that_are_the_same_policy_are_played_once(tmp_path: Path, played: list[Any]) -> None:
    own = small.stage().policy({}).retry.attempts
    settings: list[dict[str, Any]] = [{}, {"retry.attempts": own}, {"preset": "tuned"}]
    found, steps = figures(tmp_path, settings, [1])
    assert played == [({}, 1)]
    assert len(steps) == 3
    assert [row[0].pop("settings") for row in found] == settings
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("left", [b"", b'{"settings":{},"se', b"\xff\xff", b"[1, 2]", b"null"])
def test_a_half_written_cell_is_played_anew(tmp_path: Path, played: list[Any], left: bytes) -> None:
    whole, _ = figures(tmp_path, [{}], [1])
    (path,) = (tmp_path / "cells").iterdir()
    path.write_bytes(left)
    played.clear()
    assert figures(tmp_path, [{}], [1]) == (whole, [True])
    assert len(played) == 1
    assert path.read_bytes().startswith(b'{"settings"')


def test_what_a_killed_writer_left_beside_a_cell_harms_nobody(tmp_path: Path, played: list[Any]) -> None:
    whole, _ = figures(tmp_path, [{}], [1])
    (path,) = (tmp_path / "cells").iterdir()
    path.rename(path.with_name(path.name + ".part"))
    assert figures(tmp_path, [{}], [1]) == (whole, [True])


def test_figures_read_back_are_those_that_were_played(tmp_path: Path) -> None:
    cell = Cell(small.stage(stream=True), {"concurrency.limit": 3}, 2)
    store, found = Store(tmp_path), play_cell(cell)
    assert store.get(cell) is None
    store.put(cell, found)
    assert store.get(cell) == found


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError, match=r"/out: cannot be made: "):
        Store(tmp_path / "out")


def test_nothing_to_play_starts_no_process(tmp_path: Path) -> None:
    with Pool(2, Store(tmp_path)) as pool:
        assert list(pool.play([])) == []
        assert pool._executor is None


def test_a_killed_process_is_an_error_and_what_was_finished_is_kept(tmp_path: Path) -> None:
    stage, before = small.stage(), set(small.children(os.getpid()))
    cells = [Cell(stage, {}, seed) for seed in range(40)]
    kept = []

    def play_and_kill() -> None:
        with Pool(2, Store(tmp_path)) as pool:
            for cell, found, _ in pool.play(cells):
                kept.append((cell, found))
                assert pool._executor is not None
                os.kill(next(iter(pool._executor._processes)), signal.SIGKILL)

    with pytest.raises(CellError, match=r"a process that played cells was killed .* run the same command"):
        play_and_kill()
    assert 1 <= len(kept) < len(cells)
    store = Store(tmp_path)
    assert all(store.get(cell) == found for cell, found in kept)
    left = [p for p in set(small.children(os.getpid())) - before if "spawn_main" in " ".join(p.cmdline())]
    assert [p for p in left if p.status() != psutil.STATUS_ZOMBIE] == []


def test_leaving_early_does_not_wait_for_what_is_under_way(tmp_path: Path) -> None:
    cells = [Cell(small.stage(), {}, seed) for seed in range(40)]
    processes: list[psutil.Process] = []

    def leave() -> None:
        with Pool(2, Store(tmp_path)) as pool:
            for _ in pool.play(cells):
                assert pool._executor is not None
                processes.extend(map(psutil.Process, pool._executor._processes))
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        leave()
    assert processes
    assert not any(process.is_running() for process in processes)
    assert len(small.cells(tmp_path)) < 40
