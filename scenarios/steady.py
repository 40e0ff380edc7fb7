"""A steady load: `locust -f scenarios/steady.py --rate 10 [-t 60s]`, or `--arrivals closed -u 20`."""

from locust import task

from harness.bridge import AsyncUser, Steady, install

steady = install(Steady())


class Shops(AsyncUser):
    """Shops that ask for copy all day."""

    schedule = steady

    @task
    async def write_copy(self) -> None:
        """One shop asks for one piece of copy."""
        await self.ask(self.arrival.prompt, max_tokens=self.arrival.max_tokens)
