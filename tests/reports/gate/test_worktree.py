"""The code of another commit: there while it is needed, and gone afterwards."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from reports.errors import UsageError
from reports.gate.worktree import checkout, commit_of


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with two commits: the first lacks a scenario, the second has all that is needed."""
    folder = tmp_path / "repository"
    for name in ("harness", "mockserver", "reports", "scenarios"):
        (folder / name).mkdir(parents=True)
        (folder / name / "x.py").write_text("")
    git(folder, "init", "-q", "-b", "main")
    (folder / "scenarios" / "primetime.py").write_text("")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "first")
    (folder / "scenarios" / "steady.py").write_text("# second\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "second")
    monkeypatch.chdir(folder)
    return folder


def test_a_commit_is_checked_out_and_removed(repository: Path) -> None:
    with checkout(commit_of("HEAD")) as tree:
        assert (tree / "scenarios" / "steady.py").read_text() == "# second\n"
        assert str(tree) in git(repository, "worktree", "list")
    assert not tree.exists()
    assert not tree.parent.exists()
    assert len(git(repository, "worktree", "list").splitlines()) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_nothing_is_left_whatever_happens_meanwhile(repository: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), checkout(commit_of("HEAD")) as tree:
        raise error
    assert not tree.parent.exists()
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_a_commit_without_the_project_is_refused(repository: Path) -> None:
    with pytest.raises(UsageError, match=r"it has no scenarios/steady\.py"), checkout(commit_of("HEAD~1")):
        pytest.fail("it was given")
    assert len(git(repository, "worktree", "list").splitlines()) == 1


@pytest.mark.parametrize("revision", ["nowhere", "--all", "HEAD~5", ""])
def test_what_is_no_commit_is_refused(repository: Path, revision: str) -> None:
    with pytest.raises(UsageError, match="expected a commit of a Git repository"):
        commit_of(revision)


def test_outside_of_a_repository_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(UsageError, match="the current folder is in none"):
        commit_of("HEAD")


def test_a_hook_s_environment_does_not_lead_git_astray(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = git(repository, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert commit_of("HEAD") == expected
