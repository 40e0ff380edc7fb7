"""Callers who come back before they were told to.

A refusal says when to come back (Retry-After). It was said to the call, and it holds for its account (a key
and a model): a retry that does not wait is the one offence, any request of the account before that time the
other, as a provider that counts requests refused sees it.
"""

from collections import OrderedDict
from collections.abc import Hashable

import msgspec

# As many are remembered, calls and accounts each.
MAX_REMEMBERED = 10_000


class Early(msgspec.Struct, frozen=True):
    """By how many microseconds a request comes too early; 0 when it does not."""

    of_call_us: int = 0
    of_account_us: int = 0


_IN_TIME = Early()


class Policeman:
    """Notes what callers were told, and counts those who do not do it."""

    __slots__ = ("_accounts", "_calls", "early_requests", "early_retries")

    def __init__(self) -> None:
        self._calls: OrderedDict[Hashable, int] = OrderedDict()
        self._accounts: OrderedDict[Hashable, int] = OrderedDict()
        self.early_retries = 0
        self.early_requests = 0

    def check(self, key: str, model: str, call: int | None, now_us: int) -> Early:
        """Whether this request comes too early; it is counted. Without a call it is a retry of none."""
        if not self._accounts:
            return _IN_TIME
        of_call_us = max(0, self._calls.get(call, now_us) - now_us)
        of_account_us = max(0, self._accounts.get((key, model), now_us) - now_us)
        self.early_retries += of_call_us > 0
        self.early_requests += of_account_us > 0
        return Early(of_call_us, of_account_us)

    def tell(self, key: str, model: str, call: int | None, until_us: int) -> None:
        """A request was refused, and told to come back then. What was said last of a call holds for it; an
        account has to wait for the latest time.
        """
        if call is not None:
            _remember(self._calls, call, until_us)
        _remember(self._accounts, (key, model), max(until_us, self._accounts.get((key, model), until_us)))


def _remember(book: OrderedDict[Hashable, int], who: Hashable, until_us: int) -> None:
    book[who] = until_us
    book.move_to_end(who)
    if len(book) > MAX_REMEMBERED:
        book.popitem(last=False)
