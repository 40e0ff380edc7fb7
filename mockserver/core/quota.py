"""What a key may spend at all."""

from collections import OrderedDict

# Keys are the caller's choice: the least recently used are forgotten beyond this.
MAX_KEYS = 10_000


class Quota:
    """Tokens a key has spent, prompt and reply; `limit` 0 means that nobody counts."""

    __slots__ = ("_limit", "_spent")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._spent: OrderedDict[str, int] = OrderedDict()

    def exhausted(self, key: str) -> bool:
        return self._limit > 0 and self._spent.get(key, 0) >= self._limit

    def spend(self, key: str, tokens: int) -> None:
        if self._limit == 0:
            return
        self._spent[key] = self._spent.pop(key, 0) + tokens
        if len(self._spent) > MAX_KEYS:
            self._spent.popitem(last=False)
