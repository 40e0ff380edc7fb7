"""A walk notices what does not work: a command that fails, a line that is not printed."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from tests.docs import walking
from tests.docs.pages import Step, steps
from tests.docs.walking import assert_as_told, hurried, is_repeated, walk
from tests.scenarios.running import wait_for

PAGE = """\
Save this as `sub/greeting.toml`:

```toml
word = "hello"
```

```sh
name=you
cat sub/greeting.toml
```

```text
word   =   "hello"
…
```

It prints something like this:

```text
never printed
```

```sh
echo "$name" > out.txt
locust -f scenarios/primetime.py
```
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    file = tmp_path / "page.md"
    file.write_text(PAGE, encoding="utf-8")
    return file


def walked(*done: Step, folder: Path) -> list[walking.Walked]:
    return walk(done, folder, folder / "notes", os.environ, 20)


def test_a_page_is_read_as_its_reader_does_it(page: Path, tmp_path: Path) -> None:
    save, show, write = steps(page)
    assert show.shown == ('word   =   "hello"',)

    done = walked(save, show, Step('echo "$name" > out.txt', ()), folder=tmp_path)
    assert_as_told(done)
    assert (tmp_path / "sub" / "greeting.toml").read_text() == 'word = "hello"\n'
    assert (tmp_path / "out.txt").read_text() == "you\n"  # variables live from step to step
    assert not is_repeated(write)


def test_a_command_that_fails_in_the_middle_is_told(tmp_path: Path) -> None:
    (done,) = walked(Step("false\ntrue", ()), folder=tmp_path)
    assert done.failed == ("1\tfalse",)
    with pytest.raises(AssertionError, match="false"):
        assert_as_told([done])


def test_a_failure_that_the_page_expects_is_none(tmp_path: Path) -> None:
    assert_as_told(walked(Step('false || echo "exit code $?"', ("exit code 1",)), folder=tmp_path))


def test_a_line_that_is_not_printed_is_told(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="not printed"):
        assert_as_told(walked(Step("echo one", ("one", "two")), folder=tmp_path))


def test_nothing_outlives_a_walk(tmp_path: Path) -> None:
    walked(Step("sleep 300 &\necho $! > pid", ()), folder=tmp_path)
    pid = int((tmp_path / "pid").read_text())
    wait_for(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


@pytest.mark.parametrize(
    ("line", "done"),
    [
        ("python3 -m venv .venv && .venv/bin/pip install -q -e . && echo 1", "echo 1"),
        (".venv/bin/pip install -q -e '.[queue]'", ":"),
        (
            "locust -f a/steady.py --headless --length 2m",
            "locust -f a/steady.py --headless --length 2m --length 4s",
        ),
        (
            "locust -f mine.py --headless --policy x",
            "locust -f mine.py --headless --policy x --evening 4s --mock-profile instant",
        ),
        ("locust -f a/steady.py --headless --host https://x || echo $?",) * 2,
    ],
)
def test_evenings_are_made_short_and_nothing_is_installed(line: str, done: str) -> None:
    assert hurried(Step(line, ())).commands == done


def test_a_worker_and_its_master_meet_on_a_port_of_their_own() -> None:
    worker = hurried(Step("locust -f a/steady.py --worker > w.txt 2>&1 &", ())).commands
    master = hurried(Step("locust -f a/steady.py --headless --master", ())).commands

    port = worker.split()[worker.split().index("--master-port") + 1]
    assert worker.endswith(f"--worker --master-port {port} > w.txt 2>&1 &")
    assert master.endswith(f"--length 4s --master-bind-port {port} --master-port {port}")
