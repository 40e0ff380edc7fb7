"""The steps of a task's life, each atomic, and what takes them: a server's scripts, or books in memory.

What a step is given and what it replies stands at the top of its script, in `lua/`; `memory.books` states the
same rules in Python, and one test holds both to each other.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

#: What is decided of tasks, whoever hands them out.
Step = Literal[
    "submit",
    "claim",
    "commit",
    "put_back",
    "beat",
    "sweep",
    "cancel",
    "redrive",
    "purge",
    "metrics",
]

#: What streaQ's own way of handing them out needs.
EngineStep = Literal["open", "leave", "restore"]

ScriptName = Step | EngineStep

Argument = str | int


class Books(Protocol):
    """Where tasks are kept."""

    async def run(self, step: Step, /, *arguments: Argument) -> Any:
        """Take a step; its reply. Raises QueueError."""

    @property
    def remembering(self) -> tuple[int, int]:
        """How long, in milliseconds, what has ended is kept, and how many dead letters."""
