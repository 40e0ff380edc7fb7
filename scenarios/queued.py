"""The evening through a queue: `locust -f scenarios/queued.py [--queue-workers N] [--queue-depth N]`.

Arrivals, prompts, seed and faults are those of primetime.py; each is a task for the queue, and worker
processes with the policy between them call the API. (Named queue.py, it would hide Python's own module.)
"""

from locust import task

from harness.bridge import AsyncUser, Evening, install
from harness.bridge.queued import Queued

evening = install(Evening("queued"), Queued())


class Shops(AsyncUser):
    """All the shops that ask for copy tonight, and wait for it."""

    schedule = evening

    @task
    async def write_copy(self) -> None:
        """One shop asks for one piece of copy; its task is accepted, and it is told when it is done."""
        await self.ask(self.arrival.prompt, max_tokens=self.arrival.max_tokens)
