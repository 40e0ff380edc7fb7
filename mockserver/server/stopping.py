"""How a server is told to stop: once to finish what is under way, twice to end at once."""

import asyncio


class Stop:
    """`asked`: nobody new is let in. `forced`: those under way are cut."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.forced = asyncio.Event()

    def ask(self) -> None:
        """Ask; to ask again is to force."""
        if self.asked.is_set():
            self.forced.set()
        self.asked.set()

    def force(self) -> None:
        """End now."""
        self.asked.set()
        self.forced.set()
