"""The code of another commit, in a folder of its own for as long as it is needed."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reports.errors import UsageError

#: What a checkout must have for its runs to be its own: a package it lacks would be taken from elsewhere.
NEEDED = ("harness", "mockserver", "reports", "scenarios/primetime.py", "scenarios/steady.py")


def commit_of(revision: str) -> str:
    """The full name of a commit of the repository around the current folder. Raises UsageError."""
    done = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if done.returncode:
        where = _git("rev-parse", "--show-toplevel")
        known = f"in {where.stdout.strip()}" if where.returncode == 0 else "the current folder is in none"
        raise UsageError(f"--commit {revision}: expected a commit of a Git repository ({known})")
    return done.stdout.strip()


@contextmanager
def checkout(commit: str) -> Iterator[Path]:
    """The files of a commit, in a temporary folder that is gone afterwards, whatever happens meanwhile.

    Raises UsageError where they cannot be had, or are not those of this project.
    """
    with tempfile.TemporaryDirectory(prefix="primetime-gate-") as folder:
        tree = Path(folder).resolve() / commit[:12]
        try:
            done = _git("worktree", "add", "--detach", "--force", str(tree), commit)
            if done.returncode:
                said = done.stderr.strip().splitlines() or ["git said nothing"]
                raise UsageError(f"--commit {commit[:12]}: cannot be checked out: {said[-1]}")
            if missing := [name for name in NEEDED if not (tree / name).exists()]:
                raise UsageError(
                    f"--commit {commit[:12]}: it has no {missing[0]}: expected this project's code"
                )
            yield tree
        finally:
            _git("worktree", "remove", "--force", "--force", str(tree))
            _git("worktree", "prune")


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Git on the current folder's repository, even from a hook; a Ctrl-C is ours to answer, not its."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        return subprocess.run(  # noqa: S603 - arguments are ours, and a revision behind --end-of-options
            ["git", *arguments],  # noqa: S607 - whichever git the user has
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
            env=environment,
        )
    except OSError as error:
        raise UsageError(f"--commit: git cannot be run: {error.strerror}") from error
