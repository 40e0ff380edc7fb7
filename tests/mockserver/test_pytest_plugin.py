"""The fixture in the hands of another project: its conftest.py, its tests, its SDK."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from mockserver.errors import AdminError, StartError
from mockserver.process import MockServerProcess
from mockserver.pytest_plugin import MockLLM

CONFTEST = 'pytest_plugins = ["mockserver.pytest_plugin"]\n'
THEIR_TESTS = """
import anthropic
import openai
import pytest

ASKED = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 20}


@pytest.fixture
def client(mock_llm):
    with openai.OpenAI(api_key="any", base_url=mock_llm.openai_base_url, max_retries=2) as client:
        yield client


def test_the_sdk_retries_twice(client, mock_llm):
    mock_llm.fail("status", status=429, retry_after_s=0, first=2)
    assert client.chat.completions.create(**ASKED).choices[0].message.content
    assert [row["status"] for row in mock_llm.requests()] == [429, 429, 200]


def test_each_test_begins_anew(client, mock_llm):
    assert mock_llm.requests() == []
    client.chat.completions.create(**ASKED)
    assert mock_llm.stats()["received"] == 1


def test_a_profile_by_name_and_healing(client, mock_llm):
    mock_llm.play({"limits": {"rpm": 1}, "ttft": {"median_ms": 0}, "request_faults": [{"action": "reset"}]})
    with pytest.raises(openai.APIConnectionError):
        client.with_options(max_retries=0).chat.completions.create(**ASKED)
    mock_llm.heal()
    with pytest.raises(openai.RateLimitError):
        client.with_options(max_retries=0).chat.completions.create(**ASKED)


def test_anthropic(mock_llm):
    with anthropic.Anthropic(api_key="any", base_url=mock_llm.url) as client:
        assert client.messages.create(**ASKED).content[0].text
"""


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_another_project_uses_it(tmp_path: Path, workers: tuple[str, ...]) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (tmp_path / "test_theirs.py").write_text(THEIR_TESTS, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *workers],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


def test_what_makes_no_sense_is_said_and_changes_nothing() -> None:
    with MockServerProcess("--profile", "instant") as process:
        llm = MockLLM(process)
        llm.fail("status", status=503)
        for wrong, words in (
            (lambda: llm.fail("statsu"), "did you mean 'status'?"),
            (
                lambda: llm.fail("status", status=99),
                r"request_faults\[1\].status = 99: expected a whole number",
            ),
            (lambda: llm.play("calmm"), "unknown profile 'calmm' \\(did you mean 'calm'\\?\\)"),
            (lambda: llm.play({"limits": {"rmp": 1}}), "unknown key limits.rmp"),
        ):
            with pytest.raises(AdminError, match=words):
                wrong()
        rules = process.ask("GET", "/admin/profile")["request_faults"]
        assert [rule["name"] for rule in rules] == ["status_503"]


def test_a_process_that_does_not_start_says_why_and_one_that_has_ended_too() -> None:
    with pytest.raises(StartError, match=r"^unknown profile 'calmm'"):
        MockServerProcess("--profile", "calmm")
    with MockServerProcess("--profile", "instant") as process:
        psutil.Process(process.pid).kill()
        psutil.wait_procs([psutil.Process(process.pid)], timeout=5)
        with pytest.raises(AdminError, match="the mock server does not answer"):
            process.ask("GET", "/admin/stats")
    process.stop()
    with pytest.raises(AdminError, match="it was stopped"):
        process.ask("GET", "/admin/stats")


def test_a_connection_that_was_closed_as_idle_is_opened_again() -> None:
    with MockServerProcess("--profile", "instant") as process:
        process.ask("GET", "/admin/stats")
        assert process._connection is not None
        process._connection.sock.shutdown(socket.SHUT_RDWR)  # as the server does after five minutes
        assert process.ask("GET", "/admin/stats")["received"] == 0


def test_what_would_lead_elsewhere_cannot_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StartError, match="--tls cannot be given here"):
        MockServerProcess("--tls", "x.pem")
    with pytest.raises(StartError, match="did not start, but said 'usage: "):
        MockServerProcess("--help")
    monkeypatch.setenv("MOCKSERVER_ADMIN_TOKEN", "secret")
    with MockServerProcess("--profile", "instant") as process:
        assert process.ask("GET", "/admin/stats")["received"] == 0
