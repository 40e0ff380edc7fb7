"""What may stand in a setting, as the code says it to whoever gets it wrong.

Every reader of settings names what it expected. So the reference asks for nothing that the code would have to
repeat: it hands each key a value that cannot be right, and writes down the answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_PLAIN = re.compile(r"\d(?:\.\d+)?e\+\d+")


def expected(read: Callable[[object], object], *wrong: object) -> str:
    """The end of the error that `read` raises for the first of these values that it does not take."""
    for value in wrong:
        try:
            read(value)
        except Exception as error:  # noqa: BLE001 - each package has an error of its own
            _, _, said = str(error).partition("expected ")
            if said:
                return _PLAIN.sub(lambda number: f"{float(number[0]):.0f}", said)
    raise AssertionError(f"every one of {wrong} was taken")


def known(read: Callable[[dict[str, object]], object]) -> list[str]:
    """The keys of a table, as its reader names them to whoever misspells one."""
    try:
        read({"?": 1})
    except Exception as error:  # noqa: BLE001
        return re.findall(r"\w+", str(error).partition("known here: ")[2])
    raise AssertionError("a key that nobody knows was taken")
