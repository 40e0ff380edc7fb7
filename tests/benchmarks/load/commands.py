"""Other programs, run to their end."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.benchmarks.load.section import SectionError

ROOT = Path(__file__).parents[3]


def run(command: Sequence[str], *, within_s: float, environment: Mapping[str, str] | None = None) -> str:
    """What a program printed on its standard output. It runs on the cores of this process.

    Raises SectionError when it does not end well in time; then it, and whatever it started, is killed.
    """
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=None if environment is None else {**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a Ctrl-C is ours to answer
    )
    name = Path(command[0]).name
    try:
        printed, complained = process.communicate(timeout=within_s)
    except subprocess.TimeoutExpired:
        raise SectionError(f"{name} did not end within {within_s:g} s") from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode != 0:
        said = (complained.strip() or printed.strip())[-2000:]
        raise SectionError(f"{name} ended with {process.returncode}: {said}")
    return printed


def reason(error: Exception) -> str:
    """Why a program failed, in one line: the last that speaks of an error, else the last of all."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or ["it said nothing"]
    return next((line for line in reversed(lines) if "error" in line.lower()), lines[-1])
