"""The queue's page: its example runs, its commands exist, its names are those of the library."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from harness import queue
from harness.queue import Queue, QueueSettings, exits
from harness.queue.__main__ import COMMANDS, parser
from mockserver.pytest_plugin import MockLLM

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "harness/queue/README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_example_runs(example: str, mock_llm: MockLLM, tmp_path: Path) -> None:
    environment = os.environ | {
        "OPENAI_API_KEY": "sk-test",
        "OPENAI_BASE_URL": mock_llm.openai_base_url,
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-c", example],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    queue.EmbeddedServer(tmp_path / "runs/queue").stop()
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    assert done.stdout.startswith("completed ")
    assert "'completed': 2" in done.stdout


def test_every_command_of_the_page_can_be_parsed() -> None:
    lines = re.findall(r"^python -m harness\.queue (.*?)(?:  +#.*)?$", PAGE, flags=re.MULTILINE)
    assert {line.split()[0] for line in lines} == set(COMMANDS)
    for line in lines:
        parser().parse_args(re.findall(r'"[^"]*"|\S+', line))


def test_the_page_names_every_method_of_a_queue_and_every_code() -> None:
    beside = {"run", "ask", "revive", "remembering"}  # for workers
    methods = [name for name in vars(Queue) if not name.startswith("_") and name not in beside]
    assert [name for name in methods if f"`{name}(" not in PAGE] == []
    assert all(f"{code} " in PAGE for code in (exits.OK, exits.FAILED, exits.BAD_INPUT, exits.NO_SERVER))
    told = ("max_depth", "keep_s", "keep_dead")
    assert {field.name for field in fields(QueueSettings)} >= set(told)
    assert all(f"`{name}`" in PAGE for name in told)


def test_the_public_names_are_pinned() -> None:
    assert queue.__all__ == sorted(queue.__all__)
    assert queue.__all__ == [
        "CopywritingTask",
        "EmbeddedServer",
        "LastCall",
        "Metrics",
        "NewerVersion",
        "NotFinished",
        "Priority",
        "Queue",
        "QueueClosed",
        "QueueError",
        "QueueFull",
        "QueueSettings",
        "ServerFull",
        "ServerRefused",
        "ServerUnreachable",
        "StartError",
        "TaskChange",
        "TaskRecord",
        "TaskResult",
        "TaskStatus",
        "UnknownTask",
        "UnreadableValue",
        "Worker",
        "WorkerSettings",
    ]
    assert all(hasattr(queue, name) for name in queue.__all__)
