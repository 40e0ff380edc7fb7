"""Scenarios as users write them, and what becomes of their mistakes."""

from __future__ import annotations

from pathlib import Path

from tests.scenarios.running import Played, play, table
from tests.scenarios.test_conservation import HERE, assert_conserved

HEAD = """
import asyncio
from locust import HttpUser, tag, task
from harness import CallError
from harness.bridge import AsyncUser, Steady, install

steady = install(Steady())

class Mine(AsyncUser):
    schedule = steady
"""


def mine(tmp_path: Path, body: str, *options: str) -> Played:
    path = tmp_path / "mine.py"
    path.write_text(HEAD + body, encoding="utf-8")
    always = ("--rate", "20", "--length", "2s", "--mock-profile", "instant")
    return play(str(path), *always, *options, run_dir=tmp_path / "runs")


def test_a_task_may_make_several_calls_or_none_and_on_start_may_call_too(tmp_path: Path) -> None:
    played = mine(
        tmp_path,
        """
    async def on_start(self):
        await self.client.generate_copy("warm up")

    @task
    async def some(self):
        for _ in range(self.arrival.call_id % 3):
            await self.client.generate_copy(self.prompts.write("caption"))
""",
    )

    played.assert_whole()
    assert_conserved(played)
    calls = table(played.folder, "calls")
    assert sum(c["kind"] == "on_start" for c in calls) == 1
    assert {"ok", "cancelled"} == {c["outcome"] for c in calls}  # a task without a call leaves a record


def test_tasks_are_chosen_by_weight_and_seed(tmp_path: Path) -> None:
    body = """
    @task(3)
    async def long(self):
        await self.client.generate_copy("a", model="long")

    @task
    async def short(self):
        await self.client.generate_copy("a", model="short")
"""
    models = []
    for turn in ("one", "two"):
        (tmp_path / turn).mkdir()
        played = mine(tmp_path / turn, body, "--rate", "100")
        played.assert_whole()
        models.append([c["model"] for c in sorted(table(played.folder, "calls"), key=lambda c: c["call_id"])])

    assert models[0] == models[1]
    assert 0.65 < models[0].count("long") / len(models[0]) < 0.85


def test_a_task_that_raises_degrades_the_run_and_is_shown(tmp_path: Path) -> None:
    played = mine(
        tmp_path,
        """
    @task
    async def broken(self):
        await self.client.generate_copy("a")
        raise ZeroDivisionError("mine")
""",
    )

    assert played.code == 1
    assert_conserved(played)
    assert "ZeroDivisionError: mine" in played.err
    assert any("ZeroDivisionError" in reason for reason in played.summary["degraded"])


def test_a_task_that_is_not_async_is_refused(tmp_path: Path) -> None:
    played = mine(tmp_path, "    @task\n    def plain(self):\n        pass\n")

    assert played.code == 2
    assert "plain" in played.err
    assert "not an async def" in played.err
    assert "Traceback" not in played.err


def test_another_kind_of_user_beside_it_is_refused(tmp_path: Path) -> None:
    body = "    @task\n    async def one(self):\n        pass\n\nclass Plain(HttpUser):\n"
    played = mine(tmp_path, body + "    @task\n    def page(self):\n        pass\n")

    assert played.code == 2
    assert "an open loop plays one AsyncUser" in played.err


def test_tags_that_leave_no_task_are_refused(tmp_path: Path) -> None:
    body = "    @tag('x')\n    @task\n    async def one(self):\n        pass\n"
    played = mine(tmp_path, body, "--tags", "nosuch")

    assert played.code == 2
    assert "has no tasks" in played.err
    assert "Traceback" not in played.err


def test_a_blocking_function_can_be_handed_to_a_thread(tmp_path: Path) -> None:
    played = mine(
        tmp_path,
        """
    @task
    async def threaded(self):
        loop = asyncio.get_running_loop()
        words = await loop.run_in_executor(None, str.upper, "a")
        await asyncio.to_thread(len, words)
        await self.client.generate_copy(words)
""",
    )

    played.assert_whole()
    assert played.summary["outcomes"]["ok"] == played.summary["calls"] > 20


def test_the_budget_of_requests_is_a_hard_stop_over_all_workers(tmp_path: Path) -> None:
    body = "    @task\n    async def one(self):\n        await self.client.generate_copy('a')\n"
    played = mine(tmp_path, body, "--rate", "50", "--max-requests", "15", "--processes", "2")

    played.assert_whole()
    lines = (played.folder / "mock-requests.jsonl").read_text().splitlines()
    assert len(lines) == 15
    assert len(table(played.folder, "calls")) < 60  # arrivals ended with the budget


def test_a_listener_of_requests_that_stops_its_user_degrades_the_run_and_it_still_ends(
    tmp_path: Path,
) -> None:
    played = mine(
        tmp_path,
        """
    @task
    async def write(self):
        await self.ask(self.arrival.prompt, self.arrival.max_tokens)

from locust import events
from locust.exception import StopUser

@events.request.add_listener
def enough(**_):
    raise StopUser
""",
        "--transport",
        "fast",
    )

    assert played.code == 1
    assert_conserved(played)
    assert any("StopUser" in reason for reason in played.summary["degraded"])


def test_calls_of_on_start_are_drained_in_a_closed_loop(tmp_path: Path) -> None:
    played = mine(
        tmp_path,
        """
    async def on_start(self):
        for _ in range(3):
            await self.client.generate_copy("warm up")

    @task
    async def write(self):
        await self.ask(self.arrival.prompt, self.arrival.max_tokens)
""",
        *("--arrivals", "closed", "-u", "5", "--mock-profile", str(HERE / "slow.toml")),
    )

    played.assert_whole()
    assert_conserved(played)
    assert {c["outcome"] for c in table(played.folder, "calls")} == {"ok"}
