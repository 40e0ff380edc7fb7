"""Running it: HTTPS, an address that others reach, and a stop that finishes what was begun."""

import errno
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import openai
import pytest

from mockserver.clock import Clock
from tests.mockserver.server.raw import CHAT_PATH, hear, send
from tests.mockserver.server.running import Mock, command, start

TOKEN = "a-secret-of-the-tests"
# Half a second to the first token, then 10 ms a token: 50 tokens take a second.
SLOW = """
[ttft]
median_ms = 500
sigma = 0
slow_share = 0
per_1k_prompt_ms = 0
[inter_token]
mean_ms = 10
cv = 0
"""


def _slow(tmp_path: Path, *arguments: str) -> Mock:
    profile = tmp_path / "slow.toml"
    profile.write_text(SLOW, encoding="utf-8")
    return start("--profile", str(profile), *arguments, log=tmp_path / "requests.jsonl")


def test_the_sdk_trusts_the_certificate_it_is_shown_and_no_other(tmp_path: Path) -> None:
    certificate = tmp_path / "cert.pem"
    with start("--profile", "instant", "--tls", str(certificate)) as mock:
        assert mock.ready["url"] == f"https://127.0.0.1:{mock.port}"
        assert mock.ready["certificate"] == str(certificate)
        assert "PRIVATE" not in certificate.read_text(encoding="ascii")
        trusting = ssl.create_default_context(cafile=certificate)
        for host in ("127.0.0.1", "localhost"):
            connection = http.client.HTTPSConnection(host, mock.port, context=trusting, timeout=5)
            connection.request("GET", "/healthz")
            assert connection.getresponse().status == 200
            connection.close()
        http_client = openai.DefaultHttpxClient(verify=trusting)
        url = f"{mock.ready['url']}/v1"
        with openai.OpenAI(api_key="k", base_url=url, http_client=http_client, max_retries=0) as client:
            messages = [{"role": "user", "content": "x"}]
            chunks = client.chat.completions.create(model="m", messages=messages, max_tokens=9, stream=True)  # type: ignore[call-overload]
            assert [chunk.choices[0].finish_reason for chunk in chunks][-1] in {"stop", "length"}
        with pytest.raises(ssl.SSLCertVerificationError):
            _handshake(mock.port, ssl.create_default_context())


@pytest.mark.parametrize(
    ("fault", "error", "ending"),
    [("reset", errno.ECONNRESET, "closed"), ("truncate", 0, "closed"), ("hang", 0, "silent")],
)
def test_faults_of_the_wire_are_the_same_under_tls(
    tmp_path: Path, fault: str, error: int, ending: str
) -> None:
    """What the socket has met is asked of the kernel: OpenSSL calls a reset an end as well."""
    certificate = tmp_path / "cert.pem"
    with start("--profile", "instant", "--tls", str(certificate)) as mock:
        context = ssl.create_default_context(cafile=certificate)
        context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
        with _handshake(mock.port, context) as sock:
            body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}]}).encode()
            sock.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k\r\n"
                b"x-mock-fault: %b\r\ncontent-length: %d\r\n\r\n%b" % (fault.encode(), len(body), body)
            )
            time.sleep(0.2)
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == error
            heard = hear(sock, silence_s=0.5)
    assert heard.ending == ending
    assert (heard.data == b"") is (fault != "truncate")


def _handshake(port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    raw = socket.create_connection(("127.0.0.1", port), timeout=5)
    try:
        return context.wrap_socket(raw, server_hostname="127.0.0.1")
    except OSError:
        raw.close()
        raise


def test_where_others_reach_it_the_admin_interface_needs_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOCKSERVER_ADMIN_TOKEN", TOKEN)
    with start("--profile", "instant", "--host", "0.0.0.0") as mock:
        for path in ("/admin/stats", "/admin/requests", "/admin/profile", "/admin/nothing"):
            for given in ({}, {"authorization": "Bearer wrong"}, {"authorization": TOKEN}):
                status, _, body = mock.request("GET", path, headers=given)
                assert status == 401
                assert TOKEN not in body.decode()
        right = {"authorization": f"Bearer {TOKEN}"}
        assert mock.request("GET", "/admin/stats", headers=right)[0] == 200
        assert mock.request("POST", "/admin/reset", {}, right)[0] == 200
        assert mock.request("GET", "/healthz")[0] == mock.request("GET", "/metrics")[0] == 200
        assert mock.chat()[0] == 200  # the API itself takes any key
        arguments = Path(f"/proc/{mock.process.pid}/cmdline").read_bytes()
        assert TOKEN.encode() not in arguments


def test_a_stop_lets_replies_end_and_takes_nobody_new(tmp_path: Path) -> None:
    mock = _slow(tmp_path)
    with (
        send(mock, stream=True, max_tokens=50, headers={"x-primetime-tokens": "50"}) as streamed,
        send(mock, CHAT_PATH, {"x-primetime-tokens": "20"}) as whole,
        socket.create_connection(("127.0.0.1", mock.port), timeout=5) as idle,
    ):
        mock.until("in_flight", 2)
        mock.process.send_signal(signal.SIGTERM)
        assert hear(idle, silence_s=2).ending == "closed"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", mock.port), timeout=1)
        first, second = hear(streamed, silence_s=2), hear(whole, silence_s=2)
    assert mock.stop() == 0
    assert (first.status, first.whole, first.ending) == (200, True, "closed")
    assert (second.status, second.whole, second.ending) == (200, True, "closed")
    assert b"connection: close" in second.head
    assert [(row["status"], row["fault"]) for row in mock.rows()] == [(200, None), (200, None)]


def test_a_stop_waits_for_nobody_who_will_never_be_answered(tmp_path: Path) -> None:
    mock = _slow(tmp_path)
    with send(mock, headers={"x-mock-fault": "hang"}), send(mock, headers={"x-mock-fault": "stall"}):
        send(mock, headers={"x-primetime-tokens": "500"}, max_tokens=500).close()
        mock.until("in_flight", 3)
        clock = Clock()
        assert mock.stop() == 0
    assert clock.now_us() < 2_000_000
    assert len(mock.rows()) == 3


def test_the_grace_is_over_when_it_is_over_and_a_second_signal_is_a_no_to_it(tmp_path: Path) -> None:
    for arguments, signals in ((("--grace", "0.3"), 1), (("--grace", "60"), 2)):
        mock = _slow(tmp_path, *arguments)
        with send(mock, headers={"x-primetime-tokens": "1000"}, max_tokens=1_000) as sock:
            mock.until("in_flight", 1)
            for _ in range(signals):
                mock.process.send_signal(signal.SIGINT)
                time.sleep(0.1)
            assert hear(sock, silence_s=2).ending == "reset"
        assert mock.stop() == 0
        (row,) = mock.rows()
        assert (row["status"], row["fault"]) == (None, "shutdown")


def test_a_stop_waits_for_a_slow_reader_of_a_reply_that_has_been_handed_over() -> None:
    mock = start("--profile", "instant", "--grace", "10")
    asked = {"x-primetime-tokens": "60000"}
    with send(mock, headers=asked, max_tokens=None, n=60) as sock:  # some 20 MB
        mock.until("in_flight", 0)
        mock.process.send_signal(signal.SIGTERM)
        time.sleep(0.6)  # longer than a stop gives to who has nothing to wait for
        heard = hear(sock, silence_s=5)
    assert (heard.whole, heard.ending) == (True, "closed")
    assert mock.stop() == 0


def test_signals_at_the_very_end_do_not_turn_it_into_another_end() -> None:
    mock = start("--profile", "instant")
    while mock.process.poll() is None:
        mock.process.send_signal(signal.SIGTERM)
        time.sleep(0.001)
    assert mock.stop() == 0


def test_at_a_terminal_it_says_what_a_person_needs() -> None:
    """On a pseudo-terminal: where to point an SDK, and what a Ctrl-C does."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        command("--port", "0", "--profile", "instant"), stdout=subprocess.PIPE, stderr=theirs, text=True
    )
    os.close(theirs)
    assert process.stdout is not None
    port = json.loads(process.stdout.readline())["port"]
    timer = threading.Timer(0.2, process.send_signal, [signal.SIGINT])
    timer.start()
    assert process.wait(5) == 0
    process.stdout.close()
    said = os.read(ours, 65_536).decode()
    os.close(ours)
    timer.join()
    assert f"OPENAI_BASE_URL=http://127.0.0.1:{port}/v1  ANTHROPIC_BASE_URL=http://127.0.0.1:{port}" in said
    assert "stopping; replies under way have 5 s" in said


def test_without_the_extra_tls_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "cryptography.py").write_text("raise ImportError\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mockserver", "--tls", str(tmp_path / "cert.pem")],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "mockserver: error: TLS needs the package cryptography: pip install 'primetime-harness[tls]'\n"
    )
