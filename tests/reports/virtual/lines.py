"""Lines of clients that only note what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.sim.loop import VirtualLoop
from harness.sim.provider import Line
from mockserver import Core
from reports.virtual.front import Front
from tests.reports.virtual.sides import profile

US = 1_000_000


class Heard:
    """A line, and what was heard on it with the virtual second of each."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.heard: list[tuple[str, float]] = []
        self.on_end: Callable[[], None] = lambda: None

    def _note(self, what: str) -> None:
        self.heard.append((what, self._loop.time()))

    def whole(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """A whole reply."""
        del headers, body
        self._note(f"whole {status}")

    def head(self, status: int, headers: Mapping[str, str], length: int | None) -> None:
        """The head of a reply."""
        del headers, length
        self._note(f"head {status}")

    def data(self, chunk: bytes) -> None:
        """A part of its body."""
        del chunk
        self._note("data")

    def end(self) -> None:
        """Its end."""
        self._note("end")

    def reset(self) -> None:
        """RST: the line is gone."""
        self._note("reset")
        self.on_end()

    def close(self) -> None:
        """FIN: the line is gone."""
        self._note("close")
        self.on_end()

    def garbage(self) -> None:
        """No HTTP."""
        self._note("garbage")


class Door:
    """A front, and who was served when: (number of the line, whether it had left, virtual second)."""

    def __init__(self, loop: VirtualLoop, **sections: object) -> None:
        self.served: list[tuple[int, bool, float]] = []
        self.forgotten: list[int] = []
        self.lines: list[Heard] = []
        self._loop = loop
        core = Core(profile(**sections), seed=1)
        self.front = Front(core, loop, self._serve, lambda line: self.forgotten.append(self._number(line)))

    def _number(self, line: Line) -> int:
        return next(number for number, known in enumerate(self.lines) if known is line)

    def _serve(self, line: Line, left: bool) -> None:  # noqa: FBT001 - as the front tells it
        self.served.append((self._number(line), left, self._loop.time()))

    def knock(self) -> str:
        """One more line knocks; what it comes to."""
        line = Heard(self._loop)
        self.lines.append(line)
        line.on_end = lambda: self.front.left(line)
        return str(self.front.knock(line).value)

    def knock_again(self, number: int) -> str:
        """A line that was dropped knocks once more."""
        return str(self.front.knock(self.lines[number]).value)

    def leave(self, number: int) -> None:
        """The client of a line leaves."""
        self.front.left(self.lines[number])

    @property
    def served_at(self) -> list[tuple[int, float]]:
        """Who was served when."""
        return [(number, at_s) for number, _, at_s in self.served]
