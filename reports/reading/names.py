"""Text columns of many rows and few values: a small number a row, and what each number stands for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

#: From the narrowest: what holds the code of the last of so many words.
_CODES = (np.uint8, np.uint16, np.int32)

Codes = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """One text a row: row i's is `words[codes[i]]`. No word stands there twice; some may be of no row.

    Ten million rows of a dozen outcomes take ten megabytes. As an array of texts they would take 400.
    """

    codes: Codes
    words: tuple[str, ...]

    #: NumPy leaves comparisons to this class also where its own array stands on the left.
    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]  # as an array: equal is a question of each row

    @classmethod
    def of(cls, texts: Iterable[str]) -> Names:
        """From one text a row."""
        known: dict[str, int] = {}
        codes = [known.setdefault(text, len(known)) for text in texts]
        return cls(np.array(codes, dtype=narrowest(len(known))), tuple(known))

    @classmethod
    def joined(cls, parts: Sequence[Names]) -> Names:
        """The rows of all parts, in their order."""
        words = tuple(dict.fromkeys(word for part in parts for word in part.words))
        codes = [part.codes_in(words) for part in parts]
        return cls(np.concatenate(codes) if codes else np.empty(0, np.uint8), words)

    def __len__(self) -> int:
        return len(self.codes)

    @overload
    def __getitem__(self, rows: int | np.integer[Any]) -> str: ...
    @overload
    def __getitem__(self, rows: slice | NDArray[Any]) -> Names: ...
    def __getitem__(self, rows: Any) -> str | Names:
        """The text of a row; those of a slice, of a mask or of several rows, in that order."""
        found = self.codes[rows]
        return Names(found, self.words) if isinstance(found, np.ndarray) else self.words[int(found)]

    def __eq__(self, other: object) -> NDArray[np.bool_]:  # type: ignore[override]  # as arrays compare
        """Which rows are this text; or, row by row, the same as other names."""
        if isinstance(other, str):
            code = self.words.index(other) if other in self.words else None
            return self.codes == code if code is not None else np.zeros(len(self), dtype=np.bool_)
        if isinstance(other, Names):
            words = tuple(dict.fromkeys((*self.words, *other.words)))
            return np.asarray(self.codes_in(words) == other.codes_in(words))
        return NotImplemented

    def __ne__(self, other: object) -> NDArray[np.bool_]:  # type: ignore[override]  # as arrays compare
        same = self.__eq__(other)
        return same if same is NotImplemented else ~same

    def tolist(self) -> list[str]:
        """One text a row, as Python has them."""
        return [self.words[code] for code in self.codes.tolist()]

    def counts(self) -> Counter[str]:
        """How often each text occurs, of those that do."""
        found = np.bincount(self.codes, minlength=len(self.words)).tolist()
        return Counter({word: n for word, n in zip(self.words, found, strict=True) if n})

    def unique(self) -> list[str]:
        """The texts that occur, in alphabetical order."""
        return sorted(self.counts())

    def isin(self, texts: Iterable[str]) -> NDArray[np.bool_]:
        """Which rows are one of these texts."""
        wanted = frozenset(texts)
        return np.array([word in wanted for word in (*self.words, "")], dtype=np.bool_)[self.codes]

    def with_each(self, other: Names, join: Callable[[str, str], str]) -> Names:
        """Of each row: this text and the other's, joined. `join` is asked once for each pair that occurs."""
        pair = self.codes.astype(np.int64) * max(len(other.words), 1) + other.codes
        occurs = np.zeros(len(self.words) * len(other.words), dtype=np.bool_)
        occurs[pair] = True
        pairs = np.flatnonzero(occurs)
        mine, others = np.divmod(pairs, max(len(other.words), 1))
        named = Names.of(
            join(self.words[a], other.words[b]) for a, b in zip(mine.tolist(), others.tolist(), strict=True)
        )
        codes = np.zeros(len(occurs), dtype=named.codes.dtype)
        codes[pairs] = named.codes
        return Names(codes[pair], named.words)

    def codes_in(self, words: Sequence[str]) -> Codes:
        """The code of each row where `words`, which hold every word of these, are what codes stand for."""
        place = {word: code for code, word in enumerate(words)}
        table = np.array([place[word] for word in self.words], dtype=narrowest(len(words)))
        return np.asarray(table[self.codes])


def narrowest(words: int) -> type[np.integer[Any]]:
    """The narrowest type for the codes of so many words."""
    return next(kind for kind in _CODES if words <= np.iinfo(kind).max + 1)
