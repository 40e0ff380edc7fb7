"""One set of rules, stated twice: random steps, taken by the scripts on a server and by the books in memory.

After every step both have replied the same and keep the same of every task, of every order in which tasks
wait, are held or fall due, and of the engine's own line.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from importlib.resources import files
from itertools import count
from random import Random
from typing import Any, get_args

import pytest
from coredis import Redis
from coredis.commands import Script
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.queue.address import address_of
from harness.queue.connection import connect
from harness.queue.memory.books import MemoryBooks
from harness.queue.memory.line import ORDER
from harness.queue.memory.shelf import WINDOW_MS
from harness.queue.records import metrics_of
from harness.queue.steps import Step
from tests.harness.queue.servers import Server

CLOCK = "local t = redis.call('TIME')\n  return t[1] * 1000 + math.floor(t[2] / 1000)"
TEST_CLOCK = "return tonumber(KEYS[3])"

#: A step, and everything that the queue keeps after it; KEYS[4] are the ids of tasks.
STEP_AND_DUMP = """
local function step()
%s
end
local reply, tasks, out = step(), {}, {}
for i, id in ipairs(cjson.decode(KEYS[4])) do tasks[i] = redis.call('HGETALL', task_key(id)) end
for _, p in ipairs(PRIORITIES) do
  local ids = {}
  for i, entry in ipairs(redis.call('XRANGE', S .. 'queues:' .. p, '-', '+')) do ids[i] = entry[2][2] end
  out[#out + 1] = { redis.call('ZRANGE', P .. 'pending:' .. p, 0, -1, 'WITHSCORES'), ids,
    redis.call('ZRANGE', S .. 'queues:delayed:' .. p, 0, -1, 'WITHSCORES') }
end
local sets = {}
for i, name in ipairs({ 'processing', 'deadlines', 'dead', 'workers', 'finished' }) do
  sets[i] = redis.call('ZRANGE', P .. name, 0, -1, 'WITHSCORES')
end
return { reply, { tasks, out, sets, redis.call('HGETALL', P .. 'counts'),
  redis.call('HGET', P .. 'meta', 'first_ms') } }
"""

START_MS = 1_700_000_000_000
LEASE_MS = 800

#: How long, in milliseconds, what has ended is kept, and how many dead letters.
KEEP = (1_000_000_000, 2)

NAMES = count()

#: What is done, and how often: a task's life is made of the first ones.
WEIGHTS = {
    "submit": 6,
    "claim": 10,
    "commit": 4,
    "put_back": 4,
    "tick": 8,
    "beat": 2,
    "sweep": 1,
    "cancel": 1,
    "redrive": 2,
    "purge": 0.5,
    "metrics": 1,
}


class Both:
    """A queue on a server, whose clock the test sets, and one in memory."""

    def __init__(self, redis: Redis[str]) -> None:
        self.redis, self.name = redis, f"model{next(NAMES)}"
        self.prefix = f"primetime:{self.name}:"
        self.scripts = _loaded()
        self.books = MemoryBooks()
        self.ids: list[str] = []
        self.tries: dict[str, tuple[int, str]] = {}
        self.tokens = count()
        self.now = START_MS

    async def play(self, random: Random) -> None:
        """Any one step, mostly on tasks for which it means something."""
        shelf, some = self.books.shelf, random.choice
        match random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]:
            case "tick":
                self.now += some([1, 300, 500, LEASE_MS, LEASE_MS, 30_000, 60_000])
            case "submit":
                task_id = f"t{len(self.ids)}"
                self.ids.append(task_id)
                key = some([task_id, task_id, task_id, "k1", "k2"])
                priority, limit = some(ORDER), some([3, 6, 100])
                times = some([0, 0, 300, 500]), some([0, 0, 800, 1500])
                await self.step("submit", task_id, key, 1, f"body {task_id}", priority, *times, limit, "{}")
            case "metrics":
                await self.step("metrics")
            case "sweep":
                await self.step("sweep", "expired", some([1, 2, 200]), *KEEP)
            case "cancel":
                fitting = some([self.ids, list(shelf.processing)])
                await self.step("cancel", self.any(random, fitting), "cancelled", *KEEP)
            case "redrive":
                dead = [self.any(random, shelf.dead) for _ in range(3)]
                await self.step("redrive", some([3, 100]), "{}", *dead)
            case "purge":
                await self.step("purge", self.any(random, shelf.dead), self.any(random, shelf.dead))
            case step:
                await self._by_worker(step, random)

    async def _by_worker(self, step: str, random: Random) -> None:
        shelf, some = self.books.shelf, random.choice
        waiting = [task_id for pending in shelf.pending.values() for task_id in pending]
        match step:
            case "claim":
                task_id = self.any(random, waiting if random.random() < 0.7 else shelf.processing)
                _, before = self.tries.get(task_id, (0, "none"))
                token = before if random.random() < 0.1 else f"token-{next(self.tokens)}"
                ends = ("expired", "lost", "cancelled")
                limits = (LEASE_MS, 1, some([1, 2, 9]), *KEEP)
                reply = await self.step("claim", task_id, some(["w1", "w2"]), token, *limits, *ends)
                if reply[0] == "taken":
                    self.tries[task_id] = reply[1], token
            case "commit":
                held, dead = self.held(self.any(random, shelf.processing), random), int(random.random() < 0.6)
                await self.step("commit", *held, some(["completed", "failed"]), "document", dead, *KEEP, 2)
            case "put_back":
                held = self.held(self.any(random, shelf.processing), random)
                how = some([0, 300]), some([0, 1]), "words", 3
                await self.step("put_back", *held, *how, *KEEP, "cancelled")
            case "beat":
                pairs = [self.held(self.any(random, shelf.processing), random)[:2] for _ in range(2)]
                arguments = [part for pair in pairs for part in pair]
                await self.step("beat", some(["w1", "w2"]), LEASE_MS, *arguments)

    def any(self, random: Random, fitting: Iterable[str]) -> str:
        """One of those that fit, as a rule; else one of all there were, or one that never was."""
        fits = list(fitting)
        return random.choice(fits if fits and random.random() < 0.8 else [*self.ids, "t-none"])

    def held(self, task_id: str, random: Random) -> tuple[str, int, str]:
        """What shows that a task is held by its last try; now and then, by one before that."""
        fence, token = self.tries.get(task_id, (0, "none"))
        return (task_id, fence - 1, "stale") if random.random() < 0.15 else (task_id, fence, token)

    async def step(self, step: Step, *arguments: Any) -> Any:
        """A step on both: they reply the same, and keep the same."""
        keys = [self.prefix, f"streaq:{self.name}:", str(self.now), json.dumps(self.ids)]
        theirs, kept = await self.scripts[step](keys, list(arguments), self.redis)
        ours = self.books.step(step, self.now, arguments)
        if step == "metrics":
            assert metrics_of(ours) == metrics_of(theirs)
        else:
            assert ours == theirs, step
        self.compare(kept)
        return ours

    def compare(self, kept: list[Any]) -> None:
        hashes, lines, sets, counts, first_ms = kept
        shelf = self.books.shelf
        found = [shelf.tasks.get(task_id) for task_id in self.ids]
        assert [{} if task is None else task.fields() for task in found] == [_pairs(h) for h in hashes]
        for priority, (pending, stream, later) in zip(ORDER, lines, strict=True):
            assert shelf.pending[priority] == _scores(pending)
            assert shelf.line.standing(priority) == stream
            assert shelf.line.later(priority) == _scores(later)
        ours = (shelf.processing, shelf.deadlines, shelf.dead, shelf.workers)
        assert list(ours) == [_scores(one) for one in sets[:4]]
        in_window = {one: at for one, at in _scores(sets[4]).items() if at >= self.now - WINDOW_MS}
        assert {one: at for one, at in shelf.finished.items() if at >= self.now - WINDOW_MS} == in_window
        assert {name: str(n) for name, n in shelf.counts.items() if n} == _pairs(counts)
        assert shelf.first_ms == (None if first_ms is None else int(first_ms))


def _loaded() -> dict[str, Script[str]]:
    """Our scripts by a clock of the test's."""
    folder = files("harness.queue") / "lua"
    common = (folder / "common.lua").read_text(encoding="utf-8")
    assert CLOCK in common
    head = common.replace(CLOCK, TEST_CLOCK)
    steps = {step: (folder / f"{step}.lua").read_text(encoding="utf-8") for step in get_args(Step)}
    return {step: Script[str](script=head + STEP_AND_DUMP % text) for step, text in steps.items()}


def _pairs(flat: list[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _scores(flat: list[str]) -> dict[str, int]:
    return {name: int(score) for name, score in _pairs(flat).items()}


async def _play(url: str, seed: int, steps: int) -> None:
    async with connect(address_of(url)) as redis:
        both, random = Both(redis), Random(seed)
        for _ in range(steps):
            await both.play(random)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(60, 120))
def test_memory_and_server_decide_and_keep_the_same_whatever_is_asked_of_them(
    valkey: Server, seed: int, steps: int
) -> None:
    asyncio.run(_play(valkey.url, seed, steps))


@pytest.mark.slow
@pytest.mark.timeout(900)
@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(100, 300))
def test_memory_and_either_server_decide_the_same_in_long_lives(
    server: Server, seed: int, steps: int
) -> None:
    asyncio.run(_play(server.url, seed, steps))
