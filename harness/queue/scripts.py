"""Our Lua scripts: each is one atomic step of a task's life."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import Any, get_args

from coredis import Redis
from coredis.commands import Script

from harness.queue import keys
from harness.queue.steps import Argument, EngineStep, ScriptName, Step


@dataclass(frozen=True, slots=True)
class Scripts:
    """The scripts of one queue on one server. A call loads its script where the server does not know it."""

    redis: Redis[str]
    name: str
    loaded: dict[str, Script[str]]

    async def run(self, script: ScriptName, *arguments: Argument) -> Any:
        """Run a script; its reply as the server sends it."""
        prefixes = [keys.ours(self.name), keys.engine(self.name)]
        return await self.loaded[script](prefixes, list(arguments), self.redis)


def scripts_of(redis: Redis[str], name: str) -> Scripts:
    """The scripts of a queue."""
    folder = files("harness.queue") / "lua"
    common = (folder / "common.lua").read_text(encoding="utf-8")
    loaded = {}
    for script in (*get_args(Step), *get_args(EngineStep)):
        text = (folder / f"{script}.lua").read_text(encoding="utf-8")
        loaded[script] = Script[str](script=f"{common}\n{text}")
    return Scripts(redis, name, loaded)
