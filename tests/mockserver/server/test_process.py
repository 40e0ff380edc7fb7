"""The process: how it starts, what it refuses, and how it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mockserver.clock import Clock
from mockserver.rules import REFUSING, SPOILING
from tests.mockserver.server.raw import hear, send
from tests.mockserver.server.running import command, running, start


def _refused(*arguments: str) -> str:
    done = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("mockserver: error: ")
    return done.stderr


def _alive(pid: int) -> bool:
    """Whether the process runs; one that ended and waits to be collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_the_ready_line_is_one_json_object() -> None:
    with running("--profile", "calm", "--seed", "42") as mock:
        assert mock.ready == {
            "ready": True,
            "url": f"http://127.0.0.1:{mock.port}",
            "host": "127.0.0.1",
            "port": mock.port,
            "profile": "calm",
            "seed": 42,
            "pid": mock.process.pid,
        }


def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in _refused("--port", str(port))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--profile", "primetim"), "unknown profile 'primetim' (did you mean 'primetime'?)"),
        (("--profile", "/nowhere/x.toml"), "cannot read the profile /nowhere/x.toml: No such file"),
        (
            ("--host", "0.0.0.0"),
            "host 0.0.0.0 can be reached by others, who must not command this server: set",
        ),
        (("--host", "example.org"), "host 'example.org' is not an address"),
        (("--port", "99999"), "'99999' is not a port"),
        (("--grace", "-1"), "'-1': expected seconds from 0 to 3600"),
        (("--tls", "/nowhere/cert.pem"), "cannot write the certificate /nowhere/cert.pem: No such file"),
        (("--port", "0", "--log", "/nowhere/x.jsonl"), "cannot write the log /nowhere/x.jsonl: No such file"),
        (("--seed", "x"), "invalid int value: 'x'"),
        (("--colour",), "unrecognized arguments: --colour"),
    ],
)
def test_what_it_refuses_in_one_line(arguments: tuple[str, ...], words: str) -> None:
    assert words in _refused(*arguments)


def test_a_malformed_profile_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[capacity]\nslot = 3\n", encoding="utf-8")
    assert "mine.toml: unknown key capacity.slot (did you mean 'slots'?)" in _refused("--profile", str(path))


def test_localhost_and_a_profile_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    text = "[limits]\nrpm = 77\n[ttft]\nmedian_ms = 0\n[inter_token]\nmean_ms = 0\n"
    path.write_text(text, encoding="utf-8")
    with running("--host", "localhost", "--profile", str(path)) as mock:
        assert mock.ready["profile"] == "mine"
        assert mock.chat()[1]["x-ratelimit-limit-requests"] == "77"


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_soon_with_code_0_and_a_whole_log(signum: int, tmp_path: Path) -> None:
    path = tmp_path / "hang.toml"
    text = '[[request_faults]]\naction = "hang"\nmodel = "hang"\n[ttft]\nmedian_ms = 60000\n'
    path.write_text(text, encoding="utf-8")
    log = tmp_path / "requests.jsonl"
    mock = start("--profile", str(path), "--grace", "0.2", log=log)
    socks = []
    for call, model in enumerate(("hang", "slow")):
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hello"}]}).encode()
        sock = socket.create_connection(("127.0.0.1", mock.port), timeout=5)
        sock.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk-secret\r\n"
            b"x-primetime-call: %d\r\ncontent-length: %d\r\n\r\n%s" % (call, len(body), body)
        )
        socks.append(sock)
    mock.until("in_flight", 2)
    clock = Clock()
    assert mock.stop(signum) == 0
    assert clock.now_us() < 1_500_000
    rows = {row["call"]: row for row in mock.rows()}
    assert {call: (row["status"], row["fault"]) for call, row in rows.items()} == {
        0: (None, "hang"),
        1: (None, "shutdown"),
    }
    assert "sk-secret" not in log.read_text(encoding="utf-8")
    for sock in socks:
        sock.close()


def test_a_line_of_the_log_has_these_fields(tmp_path: Path) -> None:
    with running("--profile", "instant", log=tmp_path / "requests.jsonl") as mock:
        mock.chat({"x-primetime-call": "12", "x-primetime-attempt": "3", "x-primetime-tokens": "9"})
        mock.stop()
        (row,) = mock.rows()
    times = [row.pop(name) for name in ("received_us", "started_us", "first_us", "finished_us")]
    assert times[0] > 0
    assert times == sorted(times)
    assert row == {
        "call": 12,
        "attempt": 3,
        "arrival": 0,
        "path": "/v1/chat/completions",
        "drawn_us": 0,
        "status": 200,
        "fault": None,
        "refused": None,
        "prompt_tokens": 10,
        "completion_tokens": 9,
        "model": "gpt-4.1",
        "stream": False,
        "events": None,
        "early_us": None,
        "client_gone": False,
    }


def test_nothing_is_said_on_standard_error_in_a_normal_life() -> None:
    mock = start("--profile", "instant")
    mock.chat()
    mock.request("GET", "/nowhere")
    for fault in sorted(REFUSING | SPOILING):
        for stream in (True, False):
            options = "; status=500" if fault == "status" else ""
            with send(mock, headers={"x-mock-fault": fault + options}, stream=stream) as sock:
                hear(sock, silence_s=0.05)
    mock.until("in_flight", 0)
    with socket.create_connection(("127.0.0.1", mock.port), timeout=2) as sock:
        sock.sendall(b"GET / HTTP/9.9\r\n\r\n")
        assert b" 400 " in sock.recv(4096)
    mock._connection.close()
    mock.process.send_signal(signal.SIGTERM)
    _, errors = mock.process.communicate(timeout=5)
    assert errors == ""


def test_it_does_not_outlive_its_parent_when_told_so() -> None:
    parent_code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'mockserver', '--port', '0', '--profile', 'instant',"
        " '--exit-with-parent'], stdout=subprocess.PIPE)\n"
        "print(child.stdout.readline().decode(), flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", parent_code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = json.loads(parent.stdout.readline())["pid"]
        parent.kill()
    clock = Clock()
    while _alive(pid) and clock.now_us() < 4_000_000:
        time.sleep(0.05)
    if alive := _alive(pid):
        os.kill(pid, signal.SIGKILL)
    assert not alive


def test_a_log_that_cannot_be_written_any_more_ends_it_with_code_1() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    mock = start("--profile", "instant", log=Path("/dev/full"))
    mock.chat()
    mock._connection.close()
    _, errors = mock.process.communicate(timeout=5)
    assert mock.process.returncode == 1
    assert errors == "mockserver: error: cannot write the log /dev/full: No space left on device\n"
