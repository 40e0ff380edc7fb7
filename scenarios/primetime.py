"""The Thai evening at 8 pm: `locust -f scenarios/primetime.py [--headless] [--policy PRESET|FILE]`."""

from locust import task

from harness.bridge import AsyncUser, Evening, install

evening = install(Evening())


class Shops(AsyncUser):
    """All the shops that ask for copy tonight."""

    schedule = evening

    @task
    async def write_copy(self) -> None:
        """One shop asks for one piece of copy."""
        await self.ask(self.arrival.prompt, max_tokens=self.arrival.max_tokens)
