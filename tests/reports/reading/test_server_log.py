"""The mock server's request log."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reports.errors import RunError
from reports.reading.load import read_run
from reports.reading.server_log import NAME, read_server_log, spent_by_server_s
from tests.reports import runs
from tests.reports.findings import made


def test_a_run_without_one_has_none(tmp_path: Path) -> None:
    assert read_server_log(tmp_path) is None


def test_its_lines_are_read_and_other_fields_ignored(tmp_path: Path) -> None:
    made.log(tmp_path, [(3, 1, 250), (3, 2, 10)])
    log = read_server_log(tmp_path)
    assert log is not None
    assert (log.call_id.tolist(), log.attempt.tolist()) == ([3, 3], [1, 2])
    assert (log.spent_us.tolist(), log.unreadable, len(log)) == ([250, 10], 0, 2)


@pytest.mark.parametrize("tail", ['{"call": 4, "attem', '{"call": 4}\n', "\xff\n", "\n"])
def test_a_line_that_is_none_is_counted_and_left_out(tmp_path: Path, tail: str) -> None:
    made.log(tmp_path, [(3, 1, 250)], tail)
    log = read_server_log(tmp_path)
    assert log is not None
    assert (len(log), log.unreadable) == (1, 1)


def test_an_empty_log_has_no_line(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("")
    log = read_server_log(tmp_path)
    assert log is not None
    assert len(log) == 0


def test_a_log_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    with pytest.raises(RunError, match=NAME):
        read_server_log(tmp_path)


def test_attempts_are_joined_by_call_and_number(paper: Path, tmp_path: Path) -> None:
    attempts = read_run(paper).attempts
    made.log(tmp_path, [(4, 3, 16_000_000), (2, 1, 90_000), (99, 1, 5), (4, 1, 80_000)])
    log = read_server_log(tmp_path)
    assert log is not None
    found, spent_s = spent_by_server_s(attempts, log)
    at = {
        (c, a): i
        for i, (c, a) in enumerate(zip(attempts.call_id.tolist(), attempts.attempt.tolist(), strict=True))
    }
    assert found.sum() == 3
    assert spent_s[[at[4, 3], at[2, 1], at[4, 1]]].tolist() == [16.0, 0.09, 0.08]
    assert np.isnan(spent_s[at[4, 2]])
    assert runs.PAPER_ATTEMPTS[at[4, 3]].end_ns - runs.PAPER_ATTEMPTS[at[4, 3]].sent_ns == 17 * runs.S
