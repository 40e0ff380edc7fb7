"""The bundled mock server's own request log beside a run: what it spent on each request it read."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from reports.errors import RunError
from reports.reading.run import Attempts, Bools, Floats, Ints

NAME = "mock-requests.jsonl"

#: Attempts of a call are numbered from 1, through a queue in thousands; the two make one number.
ATTEMPT_BITS = 20
MOST_ATTEMPTS = 1 << ATTEMPT_BITS


class Line(msgspec.Struct, frozen=True, gc=False):
    """What reports read of a line; times are microseconds of the server's clock."""

    call: int
    attempt: int
    received_us: int
    finished_us: int


@dataclass(frozen=True, slots=True)
class ServerLog:
    """One element a request that the server had read, in the order of its log.

    `unreadable` counts lines that are none, as the half line that a killed server or a full disk leaves.
    """

    call_id: Ints
    attempt: Ints
    received_us: Ints
    finished_us: Ints
    unreadable: int = 0

    def __len__(self) -> int:
        return len(self.call_id)

    @property
    def spent_us(self) -> Ints:
        """From the request read to the end of its reply, queueing included."""
        return self.finished_us - self.received_us


def read_server_log(folder: Path) -> ServerLog | None:
    """The log of a run's server; None where it left none. Raises RunError where it cannot be read."""
    path = folder / NAME
    decode = msgspec.json.Decoder(Line).decode
    numbers = array("q")  # four a line: as Python's own they would take ten times as much
    unreadable = 0
    try:
        with path.open("rb") as file:
            for line in file:
                try:
                    row = decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    unreadable += 1
                else:
                    numbers.extend((row.call, row.attempt, row.received_us, row.finished_us))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}") from error
    columns = np.array(numbers, dtype=np.int64).reshape(-1, 4).T
    return ServerLog(columns[0], columns[1], columns[2], columns[3], unreadable)


def spent_by_server_s(attempts: Attempts, log: ServerLog) -> tuple[Bools, Floats]:
    """Of every attempt: whether the server had read it, and what it spent on it (nan where it had not)."""
    wanted, known = _key(attempts.call_id, attempts.attempt), _key(log.call_id, log.attempt)
    order = np.argsort(known, kind="stable")
    place = np.minimum(np.searchsorted(known[order], wanted), max(len(known) - 1, 0))
    found = np.zeros(len(wanted), dtype=np.bool_)
    spent = np.full(len(wanted), np.nan)
    if len(known):
        row = order[place]
        found = known[row] == wanted
        spent[found] = log.spent_us[row[found]] / 1e6
    return found, spent


def _key(call_id: Ints, attempt: Ints) -> Ints:
    return (call_id << ATTEMPT_BITS) | np.minimum(attempt, MOST_ATTEMPTS - 1)
