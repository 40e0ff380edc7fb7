"""The keys of the files that `sweep`, `tune` and `gate --virtual` play."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reports.gate.exact_spec import read_exact
from reports.sweep.spec import read_sweep
from reports.tune.spec import read_tune
from reports.virtual.queue_plan import KEYS, queue_plan
from tests.docs.reference.expectations import expected, known
from tests.docs.reference.markdown import code, table

TITLE = "Specs of virtual evenings"

HEAD = """
What `python -m reports sweep`, `tune` and `gate --virtual` play, as TOML. They share the load, the provider
and the policy; files that a spec names are looked for beside it. A misspelt key is an error. How to use
them: [settings that survive](../how-to/find-settings.md), [a gate in CI](../how-to/gate-in-ci.md).
"""

GRID = {"retry.attempts": [1, 3]}
RANGE = {"retry.attempts": {"min": 1, "max": 3}}

#: What each reader cannot do without, and where it stands.
READERS: dict[str, tuple[Callable[[Path], object], dict[str, Any]]] = {
    "A sweep": (read_sweep, {"grid": GRID}),
    "A study": (read_tune, {"range": RANGE}),
    "A gate": (read_exact, {}),
}

TOLD = {
    "A sweep": """\
Every combination of the values in `[grid]`, whose keys are those of a [policy file](policy.md), or of
`[queue]` with `queue.` before them.
""",
    "A study": """\
The best of what `[range]` allows, sought by Optuna: `{ min, max }`, with `log = true` where factors count, or
`{ choices = [...] }`. The settings of `policy` are its first trial.
""",
    "A gate": "One setting, played exactly.\n",
}


def page() -> str:
    """A table for each kind of spec, and for the sections they share."""
    parts = [HEAD]
    for name, (read, least) in READERS.items():
        parts += [f"## {name}\n", TOLD[name], _table(_top(read, least))]
    for name in ("evening", "steady"):
        parts += [f"## [{name}]\n", _table(_section(name))]
    parts += ["## [queue]\n", table(HEADINGS, [[code(key), _of_queue(key)] for key in KEYS])]
    return "\n".join(parts)


#: What the name of a preset or of a table does not say.
ALSO = {"policy": ", or a policy file", "steady": ", in place of `evening`"}

HEADINGS = ("key", "what may stand there")


def _table(read: Callable[[dict[str, object]], object]) -> str:
    keys = known(read)
    if "evening" in keys and "steady" not in keys:  # one of them: the reader asks for the other one only then
        keys.insert(keys.index("evening") + 1, "steady")
    return table(HEADINGS, [[code(key), _expected(read, key) + ALSO.get(key, "")] for key in keys])


def _expected(read: Callable[[dict[str, object]], object], key: str) -> str:
    return expected(lambda wrong: read({key: wrong}), "?", {}, 1, -1, [])


def _of_queue(key: str) -> str:
    return expected(lambda wrong: queue_plan({key: wrong}, {}), -1, "?")


def _top(read: Callable[[Path], object], least: dict[str, Any]) -> Callable[[dict[str, object]], object]:
    return lambda keys: _read(read, {**least, **keys})


def _section(name: str) -> Callable[[dict[str, object]], object]:
    return lambda keys: _read(read_exact, {name: keys})


def _read(read: Callable[[Path], object], document: dict[str, Any]) -> object:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "spec.toml")
        lines = sorted(_lines(document), key=lambda line: "{" in line)
        file.write_text("\n".join(lines), encoding="utf-8")
        return read(file)


def _lines(document: dict[str, Any]) -> list[str]:
    return [f'"{key}" = {_toml(value)}' for key, value in document.items()]


def _toml(value: Any) -> str:
    match value:
        case dict():
            return "{ " + ", ".join(f'"{key}" = {_toml(item)}' for key, item in value.items()) + " }"
        case list():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case str():
            return f'"{value}"'
        case _:
            return str(value)
