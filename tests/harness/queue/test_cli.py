"""`python -m harness.queue`."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import psutil
import pytest

from harness.queue import NotFinished, Queue, TaskResult
from harness.queue.__main__ import COMMANDS, main
from mockserver.pytest_plugin import MockLLM
from tests.harness.queue.processes import WorkerProcess, command
from tests.harness.queue.rig import Rig
from tests.harness.queue.servers import QUOTED

Out = pytest.CaptureFixture[str]


@pytest.fixture
def place(one: Rig, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where the commands look."""
    monkeypatch.setenv("REDIS_URL", one.url)
    return ["--name", one.name]


def told(capsys: Out, *arguments: str) -> tuple[int, str, str]:
    code = main(arguments)
    said = capsys.readouterr()
    return code, said.out, said.err


def test_submit_serve_look_and_stop(
    place: list[str], one: Rig, mock_llm: MockLLM, tmp_path: Path, capsys: Out
) -> None:
    worker = WorkerProcess(one.url, one.name, mock_llm.openai_base_url, tmp_path, "--concurrency", "3")
    assert worker.ready["concurrency"] == 3
    assert worker.ready["idle_timeout_s"] == pytest.approx(2 * (24.9 + 5))
    arguments = psutil.Process(worker.process.pid).cmdline()
    assert not any(one.url in argument or "sk-any" in argument for argument in arguments)
    code, out, _ = told(capsys, "submit", "สวัสดี", "--json", *place, "--wait", "20", "--max-tokens", "30")
    result = json.loads(out)
    assert (code, result["status"]) == (0, "completed")
    assert 1 <= result["usage"]["completion_tokens"] <= 30
    code, out, _ = told(capsys, "status", *place, result["task_id"])
    assert code == 0
    assert f"{result['task_id']}  completed  normal, 1 tries, 1 sent" in out
    mock_llm.fail("status", status=401)
    code, out, _ = told(capsys, "submit", "noch eins", *place, "--wait", "20")
    assert code == 1
    assert re.search(r"failed after \d+\.\d\d s: Fatal: .*401", out)
    code, out, _ = told(capsys, "dead", *place, "--json")
    letters = [json.loads(line) for line in out.splitlines()]
    assert [letter["task"]["prompt"] for letter in letters] == ["noch eins"]
    mock_llm.heal()
    assert told(capsys, "dead", "redrive", "--all", *place)[:2] == (0, "1 taken up again\n")
    code, out, _ = told(capsys, "drain", *place, "--timeout", "20", "--json")
    metrics = json.loads(out)
    assert (code, metrics["closed"], metrics["processing"]) == (0, True, 0)
    assert metrics["counts"]["completed"] == 2
    code, _, err = told(capsys, "submit", "zu spät", *place)
    assert (code, err) == (
        3,
        f"harness.queue: error: queue '{one.name}' is being drained and takes no tasks\n",
    )
    assert told(capsys, "drain", "--open", *place)[0] == 0
    worker.send(signal.SIGTERM)
    assert worker.wait(20) == 0
    assert "workers\n" in told(capsys, "status", *place)[1]


def test_a_file_of_prompts_is_a_task_a_line(place: list[str], tmp_path: Path, capsys: Out) -> None:
    (tmp_path / "prompts.txt").write_text("กาแฟ\n\n  ชา  \n", encoding="utf-8")
    code, out, _ = told(
        capsys, "submit", "--file", str(tmp_path / "prompts.txt"), "--priority", "low", *place
    )
    ids = out.split()
    assert (code, len(ids)) == (0, 2)
    code, out, _ = told(capsys, "status", "--json", *place, *ids)
    records = [json.loads(line) for line in out.splitlines()]
    assert [(r["task"]["prompt"], r["priority"], r["status"]) for r in records] == [
        ("กาแฟ", "low", "pending"),
        ("ชา", "low", "pending"),
    ]
    code, out, _ = told(capsys, "status", "--cancel", "--json", *place, ids[0])
    assert (code, json.loads(out)["result"]["error"]) == (0, "Cancelled")
    code, out, _ = told(capsys, "status", *place)
    assert "waiting     1 (0 high, 0 normal, 1 low), 0 of them until later" in out


def test_a_full_queue_is_code_3(place: list[str], capsys: Out) -> None:
    assert told(capsys, "submit", "a", "--max-depth", "1", *place)[0] == 0
    code, _, err = told(capsys, "submit", "b", "--max-depth", "1", *place)
    assert code == 3
    assert (
        "is full: 1 tasks wait or run, at most 1 may (too few were completed in the last minute to tell"
        in err
    )


def test_what_is_not_finished_in_time_is_code_1(place: list[str], capsys: Out) -> None:
    code, _, err = told(capsys, "submit", "a", "--wait", "0.05", *place)
    assert (code, "it goes on" in err) == (1, True)
    assert told(capsys, "drain", "--timeout", "0", *place)[0] == 1


def test_what_was_accepted_before_the_queue_was_full_is_told(
    place: list[str], tmp_path: Path, capsys: Out
) -> None:
    (tmp_path / "prompts.txt").write_text("one\ntwo\nthree\n")
    wait = ("--file", str(tmp_path / "prompts.txt"), "--max-depth", "2", "--wait", "0.05")
    code, out, err = told(capsys, "submit", *wait, *place)
    *ids, first, second, full = err.splitlines()
    assert (code, out, len(ids)) == (3, "", 2)
    assert [
        f"task {task_id} has not ended" in line for task_id, line in zip(ids, (first, second), strict=True)
    ]
    assert "is full: 2 tasks wait or run" in full
    code, out, _ = told(capsys, "status", "--json", *place, *ids)
    assert [json.loads(line)["task"]["prompt"] for line in out.splitlines()] == ["one", "two"]


def test_results_that_are_there_are_told_though_others_are_not(
    place: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    late: list[str] = []

    async def wait(queue: Queue, task_id: str, _: float) -> TaskResult | None:
        if not late:
            late.append(task_id)
            raise NotFinished(f"task {task_id} has not ended")
        await queue.cancel(task_id)
        return await queue.result(task_id)

    monkeypatch.setattr(Queue, "wait", wait)
    (tmp_path / "prompts.txt").write_text("one\ntwo\n")
    file = ("--file", str(tmp_path / "prompts.txt"), "--wait", "9", "--json")
    code, out, err = told(capsys, "submit", *file, *place)
    first, second, error = err.splitlines()
    assert (code, error) == (1, f"harness.queue: error: task {late[0]} has not ended")
    assert json.loads(first) == {"task_id": late[0]}
    assert json.loads(out)["task_id"] == json.loads(second)["task_id"]


@pytest.mark.slow
def test_a_worker_serves_until_nothing_is_left(one: Rig, mock_llm: MockLLM, tmp_path: Path) -> None:
    (tmp_path / "prompts.txt").write_text("\n".join(f"prompt {n}" for n in range(20)))
    (tmp_path / "url").write_text(one.url)
    at = ("--name", one.name, "--url-file", str(tmp_path / "url"))
    assert (
        command("redis://127.0.0.1:9", "submit", "--file", str(tmp_path / "prompts.txt"), *at).returncode == 0
    )
    worker = WorkerProcess("", one.name, mock_llm.openai_base_url, tmp_path, "--until-empty", *at[2:])
    assert worker.wait(30) == 0
    assert len(mock_llm.requests()) == 20


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["serve"], "invalid choice: 'serve'"),
        (["submit"], "a prompt or --file FILE, one of them"),
        (["submit", "a", "--priority", "urgent"], "invalid choice: 'urgent'"),
        (["submit", "a", "--max-depth", "0"], "queue.max_depth = 0"),
        (["submit", "a", "--deadline", "-1"], "deadline_s = -1.0"),
        (["submit", "--file", "/nowhere"], "--file /nowhere: No such file or directory"),
        (["status", "--name", "a b"], "name = 'a b'"),
        (["status", "--url-file", "/nowhere"], "--url-file /nowhere: No such file or directory"),
        (["status", "nobody"], "knows no task 'nobody'"),
        (["dead", "redrive"], "expected ids, or --all, one of them"),
        (["dead", "--limit", "0"], "--limit 0: expected"),
        (["dead", "list", "ID"], "dead list: it takes no ids"),
        (["dead", "list", "--all"], "dead list: it takes no ids and no --all"),
        (["dead", "redrive", "--all", "--limit", "3"], "dead redrive: --limit is for dead list"),
        (["status", "--cancel"], "status --cancel: expected ids"),
        (["drain", "--open", "--timeout", "3"], "drain --open: it ends at once"),
        (["worker", "--tries", "0"], "worker.tries = 0"),
        (["worker", "--share", "3/2"], "--share 3/2: expected"),
        (["worker", "--policy", "tunned"], "did you mean 'tuned'?"),
        (["worker", "--base-url", "http://api.example/v1"], "requests to a real API cost money"),
        (
            ["worker", "--base-url", "http://api.example/v1", "--allow-real-target"],
            "requests to a real API cost money",
        ),
        (["worker", "--base-url", "nonsense"], "base_url = 'nonsense'"),
    ],
)
def test_bad_input_is_one_line_and_code_2(
    place: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Out, arguments: list[str], words: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-any")
    code, out, err = told(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("harness.queue: error: ")
    assert words in err
    assert err.count("\n") == 1


def test_no_key_is_said_before_anything_is_taken_up(
    place: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    code, _, err = told(capsys, "worker", *place, "--base-url", "http://127.0.0.1:9/v1")
    assert (code, "OPENAI_API_KEY is not set" in err) == (2, True)


def test_no_server_is_one_line_and_code_4_without_the_password() -> None:
    done = command(f"redis://:{QUOTED}@127.0.0.1:9/0", "status")
    assert done.returncode == 4
    assert done.stderr.startswith(
        "harness.queue: error: the queue's server at redis://127.0.0.1:9/0 does not"
    )
    assert done.stderr.count("\n") == 1
    assert "secret" not in done.stderr + done.stdout


def test_the_embedded_server_is_found_and_stopped(tmp_path: Path, capsys: Out) -> None:
    at = ("--dir", str(tmp_path / "queue"))
    assert told(capsys, "status", *at)[0] == 0
    assert told(capsys, "stop", *at)[1] == f"stopped the server of {tmp_path / 'queue'}\n"
    assert json.loads(told(capsys, "stop", "--json", *at)[1]) == {"stopped": False}


def test_help_tells_every_command_and_code(capsys: Out) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["-h"])
    assert caught.value.code == 0
    said = capsys.readouterr().out
    assert all(name in said for name in COMMANDS)
    assert "exit codes:\n  0    done\n  1    a task failed" in said
