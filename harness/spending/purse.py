"""A process's portions of the budget, and what it makes of them: in flight, spent, free."""

from __future__ import annotations

from typing import Self

from harness.spending.amount import NOTHING, Amount
from harness.spending.treasury import Ask, Grant

#: What an overdrawn purse means to whoever pays.
OVERDRAWN = "the API billed more for requests than they allow, and more than the budget has"


class Purse:
    """Reserve the most a request can cost before it is sent; settle what it did cost when it has ended.

    spent + held <= what was granted, always, as long as nothing costs more than was reserved for it.
    """

    def __init__(self, first: Grant) -> None:
        self.granted = first.total
        self.spent = NOTHING
        self.held = NOTHING
        self._final = first.final
        self._portion = first.total
        self._short: Amount | None = None

    @property
    def free(self) -> Amount:
        """Neither spent nor held."""
        return self.granted - self.spent - self.held

    @property
    def overdrawn(self) -> bool:
        """Whether the API billed more than was reserved, and more than there was."""
        return not self.spent.fits(self.granted)

    def reserve(self, most: Amount) -> bool:
        """Hold so much for a request, if it is there."""
        if not most.fits(self.free):
            self._short = most if self._short is None else self._short.most(most)
            return False
        self.held += most
        return True

    def is_hopeless(self, most: Amount) -> bool:
        """Whether so much cannot be held any more, even if all that is held came back."""
        return self._final and not most.fits(self.granted - self.spent)

    def settle(self, most: Amount, cost: Amount) -> None:
        """A request for which `most` is held has ended, and cost so much."""
        self.held -= most
        self.spent += cost

    def take(self, grant: Grant) -> None:
        """What the treasury says. Older news than what is known changes nothing."""
        if grant.total != self.granted and self.granted.fits(grant.total):
            self._portion = grant.total - self.granted
            self.granted = grant.total
            self._short = None
        self._final = self._final or grant.final

    @classmethod
    def alone(cls, amount: Amount) -> Self:
        """Of a process that asks nobody for more."""
        return cls(Grant(amount, final=True))

    def ask(self) -> Ask | None:
        """What to ask the treasury for; None while there is enough, or nothing more to be had.

        A new portion is due when half of the last one is used, or a request waits for it.
        """
        if self._final:
            return None
        short = self._short
        if short is None and (self._portion // 2).fits(self.free):
            return None
        return Ask(self.granted, self.spent, NOTHING if short is None else short.above(self.free))
