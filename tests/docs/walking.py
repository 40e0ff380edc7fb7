"""Do what a page says, block by block, in one shell, as its reader would."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.docs.pages import Step
from tests.scenarios.running import ROOT, SLOW, free_port

#: Not for a test to repeat: what sets up where it already is, and what it is itself a part of.
_SET_UP = re.compile(r"(python3 -m venv|(\.venv/bin/)?pip install) ")

#: What no test repeats, and why.
NOT_REPEATED = {
    "-m pytest": "it is what runs this",
    "--allow-real-target": "it costs money; tests/scenarios/test_real_api.py has it without",
    "192.0.2.": "it needs hosts; tests/scenarios/test_hosts.py has them",
    "gate --ab": "an hour of real time; tests/scenarios/test_gate_ab.py has it shorter",
    "gate --commit": "the same",
}

#: What a clone has that the pages' commands read.
LINKED = ("harness", "mockserver", "reports", "scenarios", "tests", "pyproject.toml")

#: How a scenario's evening is made short: the last of an option given twice counts.
_SHORT = {"steady.py": " --length 4s", "replay.py": " -t 4s"}
_EVENING = " --evening 4s --mock-profile instant"

_SHELL = """\
set -E
trap 'printf "%s\\t%s\\n" "$?" "$BASH_COMMAND" >> {at}.failed' ERR
begun=$EPOCHREALTIME
{{
{commands}
}} > {at}.out 2>&1
trap - ERR
echo "$begun $EPOCHREALTIME" > {at}.time
"""


@dataclass(frozen=True, slots=True)
class Walked:
    """One step that was done: what it printed, which of its commands failed, and how long it took."""

    step: Step
    out: str
    failed: tuple[str, ...]
    took_s: float

    @property
    def unseen(self) -> list[str]:
        """Lines that the page shows and the step did not print; runs of spaces count as one."""
        printed = {" ".join(line.split()) for line in self.out.splitlines()}
        return [line for line in self.step.shown if " ".join(line.split()) not in printed]


def walk(
    steps: Sequence[Step], folder: Path, notes: Path, environment: Mapping[str, str], timeout_s: float
) -> list[Walked]:
    """Every step in turn, in a shell that keeps its variables, its folder and its background jobs."""
    notes.mkdir(parents=True, exist_ok=True)
    script = [_SHELL.format(commands=step.commands, at=notes / f"step-{n}") for n, step in enumerate(steps)]
    shell = subprocess.Popen(
        ["bash", "-c", "\n".join(script)],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        process_group=0,
    )
    try:
        shell.wait(timeout_s)
    finally:
        with suppress(ProcessLookupError):  # what the page started in the background and did not end
            os.killpg(shell.pid, signal.SIGKILL)
        shell.wait()
    return [_walked(step, notes / f"step-{n}") for n, step in enumerate(steps)]


def _walked(step: Step, at: Path) -> Walked:
    failed = at.with_suffix(".failed")
    begun, ended = map(float, at.with_suffix(".time").read_text().split())
    return Walked(
        step,
        at.with_suffix(".out").read_text(encoding="utf-8"),
        tuple(failed.read_text(encoding="utf-8").splitlines()) if failed.exists() else (),
        ended - begun,
    )


def assert_as_told(walked: Sequence[Walked]) -> None:
    """Every command did its work, and printed what the page shows."""
    for done in walked:
        failed = [line for line in done.failed if not _is_slow(line, done.out)]
        assert not failed, f"{failed}\n{done.out}"
        assert not done.unseen, f"not printed: {done.unseen}\n{done.out}"


def _is_slow(failed: str, out: str) -> bool:
    """Beside other tests on two cores the generator may have been slow, and a run says so."""
    return failed.startswith("1\t") and "locust -f" in failed and SLOW in out


def hurried(step: Step) -> Step:
    """The step where everything is set up already: evenings of four seconds, and nothing is installed.

    What they print is then another evening's.
    """
    if not is_repeated(step):
        return Step(":", ())
    lines = [_hurried(line) for line in step.commands.splitlines()]
    real = any("locust -f" in line and "||" not in line for line in lines)
    return Step("\n".join(lines), () if real else step.shown)


def _hurried(line: str) -> str:
    parts = [part for part in line.split(" && ") if not _SET_UP.match(part)]
    return " && ".join(map(_short, parts)) or (line and ":")


def _short(command: str) -> str:
    scenario = re.search(r"locust -f \S*?([\w-]+\.py)", command)
    if scenario is None or "||" in command:
        return command
    own = f" --master-port {_port()}"
    if "--worker" in command:
        return _with(command, own)
    bind = f" --master-bind-port {_port()}"
    alone = "--processes" not in command and "--master" not in command
    return _with(command, _SHORT.get(scenario[1], _EVENING) + ("" if alone else bind + own))


def is_repeated(step: Step) -> bool:
    """Whether tests do what the step says."""
    return not any(part in step.commands for part in NOT_REPEATED) and not any(
        "locust -f" in line and "--headless" not in line and "--worker" not in line for line in step.lines
    )


def _with(command: str, options: str) -> str:
    """The command with options behind its own, before where its output goes."""
    own, apart, rest = command.partition(" > ")
    return own + options + apart + rest


@cache
def _port() -> int:
    """A port for the master of one page's runs: tests run side by side."""
    return free_port()


def laid_out(folder: Path) -> Path:
    """A folder that looks like a clone in which everything was installed."""
    folder.mkdir()
    for entry in LINKED:
        (folder / entry).symlink_to(ROOT / entry)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder
