"""The peer from npm, `@copilotkit/aimock`: where it is, how it is installed, what it is told to answer."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks import replies

PACKAGE = "@copilotkit/aimock"
#: The one our figures were taken with.
VERSION = "1.43.0"

_INSTALL_WITHIN_S = 300.0
_CLI = Path("node_modules") / PACKAGE / "dist" / "cli.js"


class AbsentError(Exception):
    """It cannot be measured here; the message says why."""


def command(*, install: bool) -> list[str]:
    """What starts it. Installs it where that is allowed and needed; raises AbsentError."""
    node = shutil.which("node")
    if node is None:
        raise AbsentError("node is not installed")
    cli = folder() / _CLI
    if not cli.exists():
        if not install:
            raise AbsentError(f"{PACKAGE} is not in {folder()}, and --no-install was given")
        _install()
    return [node, str(cli)]


def folder() -> Path:
    """A folder of its own under the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "primetime-benchmarks" / f"aimock-{VERSION}"


def arguments(port: int, fixture_path: Path) -> Sequence[str]:
    """An event for every token."""
    size = str(len(replies.completion()["choices"][0]["message"]["content"]) // replies.TOKENS)
    return ["-p", str(port), "-f", str(fixture_path), "-c", size, "-l", "0", "--log-level", "silent"]


@contextmanager
def fixture() -> Iterator[Path]:
    """A file that tells it to answer what the other servers answer."""
    asked = replies.document(stream=False)["messages"][0]["content"]
    answer = replies.completion()["choices"][0]["message"]["content"]
    document = {"fixtures": [{"match": {"userMessage": asked}, "response": {"content": answer}}]}
    with tempfile.TemporaryDirectory(prefix="primetime-aimock-") as name:
        path = Path(name) / "fixtures.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        yield path


def _install() -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise AbsentError("npm is not installed")
    folder().mkdir(parents=True, exist_ok=True)
    wanted = f"{PACKAGE}@{VERSION}"
    to = str(folder())
    done = subprocess.run(
        [npm, "install", "--prefix", to, "--ignore-scripts", "--no-audit", "--no-fund", wanted],
        capture_output=True,
        text=True,
        timeout=_INSTALL_WITHIN_S,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["npm said nothing"])[0]
        raise AbsentError(f"npm could not install {wanted}: {said}")
