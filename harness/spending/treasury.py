"""The budget of a run, and what each process has been given of it.

Portions are cumulative and only grow: a message that is lost, late or doubled changes nothing. What a process
has not been given it cannot spend, so that the sum of all portions, and with it all spending, stays within
the limit. A process that dies keeps what it had: nobody knows what it had sent.
"""

from __future__ import annotations

import msgspec

from harness.spending.amount import NOTHING, UNLIMITED, Amount

#: First portions take half of the budget together; each later one a quarter of the process's part of what is
#: left: few messages as long as there is much, and small portions to be left over at the end.
FIRST, LATER = 2, 4


class Ask(msgspec.Struct, frozen=True):
    """All that a process was given, as far as it knows; what it has spent of it; what it needs at least."""

    known: Amount
    spent: Amount
    need: Amount


class Grant(msgspec.Struct, frozen=True):
    """All that a process has been given so far. `final`: what it needed is not there any more."""

    total: Amount
    final: bool = False


class Treasury:
    """One budget. `processes` are to be given parts of it."""

    def __init__(self, limit: Amount, processes: int) -> None:
        self.limit = limit
        self._parts = max(1, processes)
        self._first = limit // (FIRST * self._parts)
        self._left = limit
        self._own = NOTHING
        self._granted: dict[str, Amount] = {}
        self._spent: dict[str, Amount] = {}
        self._closed: set[str] = set()
        self._lost: set[str] = set()

    @property
    def left(self) -> Amount:
        """What nobody has been given."""
        return self._left

    @property
    def spent(self) -> Amount:
        """What is known to be spent; of a lost process, all it had been given."""
        return sum(self._spent.values(), self._own) + self.forfeited

    @property
    def forfeited(self) -> Amount:
        """What lost processes had been given beyond what they last told; it counts as spent."""
        gone = (self._granted[process] - self._spent[process] for process in self._lost)
        return sum(map(self._limited, gone), NOTHING)

    def spend(self, amount: Amount) -> None:
        """Something was spent on the run before its processes began."""
        self._left -= amount
        self._own += amount

    def open(self, process: str) -> Grant:
        """The first portion of a process; of one that has its portion, what it has."""
        if process not in self._granted:
            self._spent[process] = self._granted[process] = NOTHING
            self._give(process, self._first if self._first.fits(self._left) else NOTHING)
        return Grant(self._granted[process])

    def ask(self, process: str, asked: Ask) -> Grant:
        """Another portion, if the process knows of its last one, and if there is enough left for its need."""
        if process not in self._granted:
            return Grant(NOTHING, final=True)
        granted = self._granted[process]
        self.tell(process, asked.spent)
        if asked.known != granted or process in self._closed or process in self._lost:
            return Grant(granted)
        if not asked.need.fits(self._left):
            return Grant(granted, final=True)
        self._give(process, (self._left // (LATER * self._parts)).most(asked.need))
        return Grant(self._granted[process])

    def tell(self, process: str, spent: Amount) -> None:
        """What a process has spent so far."""
        if process in self._spent and process not in self._closed:
            self._spent[process] = self._spent[process].most(spent)

    def close(self, process: str, spent: Amount) -> None:
        """A process has ended in good order: what it has not spent can be given to others."""
        if process not in self._granted or process in self._closed or process in self._lost:
            return
        self._spent[process] = spent
        self._closed.add(process)
        self._left += self._granted[process] - spent

    def lose(self, process: str) -> None:
        """A process is gone, with all it had been given."""
        if process in self._granted and process not in self._closed:
            self._lost.add(process)

    def _give(self, process: str, portion: Amount) -> None:
        self._left -= portion
        self._granted[process] += portion

    def _limited(self, amount: Amount) -> Amount:
        """Without what has no limit: of that, nobody knows what was spent."""
        parts = zip(amount.message(), self.limit.message(), strict=True)
        return Amount(*(part if most < UNLIMITED else 0 for part, most in parts))
