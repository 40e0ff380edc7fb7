"""A real trace again: `locust -f scenarios/replay.py --trace FILE [--speedup 20] [--headless -t 60s]`."""

from locust import task

from harness.bridge import AsyncUser, Trace, install

trace = install(Trace())


class Callers(AsyncUser):
    """Whoever made the trace."""

    schedule = trace

    @task
    async def repeat(self) -> None:
        """One row: its input padded to its tokens, its output asked for at its length."""
        row = self.arrival
        await self.ask(row.prompt, max_tokens=row.max_tokens, system=None)
