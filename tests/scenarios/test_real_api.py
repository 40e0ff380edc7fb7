"""A "real" API: a TLS mock server at an address that is not loopback, on a host of its own.

The server's own log says what was billed; the key is searched for in every byte that a run left.
"""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.namespaces import Host, needs_namespaces, network
from tests.scenarios.running import SCENARIOS, SLOW, STARTED, Played, environment, finish, read_json, wait_for

pytestmark = needs_namespaces

KEY = "sk-proj-J9x2bQ7vT4mW8zK1nR5cY3hL6pD0aF"
PORT = 8443

# Of gpt-4.1, in dollars a token: https://openai.com/api/pricing, as in harness/prices.toml.
PROMPT_USD, REPLY_USD = 2e-6, 8e-6

PROFILE = Path(__file__).parent / "real.toml"


@dataclass
class Place:
    """Two hosts: the API's, and the one that load is made on. All that a run writes is below `folder`."""

    api: Host
    load: Host
    folder: Path

    @property
    def url(self) -> str:
        return f"https://{self.api.address}:{PORT}"

    @property
    def certificate(self) -> Path:
        return self.folder / "certificate.pem"

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    @property
    def env(self) -> dict[str, str]:
        """With a HOME and a TMPDIR of its own, so that nothing it leaves is overlooked."""
        own = {name: str(self.folder / name[0]) for name in ("HOME", "TMPDIR")}
        for path in own.values():
            Path(path).mkdir(exist_ok=True)
        return {**own, "SSL_CERT_FILE": str(self.certificate), "OPENAI_API_KEY": KEY}

    def serve(self, profile: str, *options: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "mockserver", "--host", self.api.address, "--port", str(PORT)]
        command += ["--profile", profile, "--log", str(self.folder / "log.jsonl"), *options]
        server = self.api.start(*command, env={"MOCKSERVER_ADMIN_TOKEN": "t"})
        assert server.stdout is not None
        ready = server.stdout.readline()
        assert ready, server.communicate()[1]
        return server

    def command(self, scenario: str, *options: str) -> list[str]:
        command = [sys.executable, "-m", "locust", "-f", str(SCENARIOS / scenario), "--headless"]
        return [*command, "--run-dir", str(self.runs), "--host", self.url, *options]

    def play(self, scenario: str, *options: str, **env: str) -> Played:
        process = self.load.start(*self.command(scenario, *options), env={**self.env, **env})
        return finish(process, self.runs)

    def log(self) -> list[dict[str, Any]]:
        lines = (self.folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with network("api", "load") as hosts:
        yield Place(hosts["api"], hosts["load"], tmp_path)


@contextmanager
def watching_arguments(key: str) -> Iterator[list[str]]:
    """Every process's arguments that had the key in them, looked at again and again."""
    found: list[str] = []
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(0.05):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    if key.encode() in path.read_bytes():
                        found.append(str(path))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join()


def billed(log: list[dict[str, Any]]) -> tuple[int, int, float]:
    """Requests, tokens and dollars that the server's log amounts to: all it answered 200, or broke off."""
    served = [row for row in log if row["status"] in {200, None}]
    prompt = sum(row["prompt_tokens"] or 0 for row in served)
    reply = sum(row["completion_tokens"] or 0 for row in served)
    return len(log), prompt + reply, prompt * PROMPT_USD + reply * REPLY_USD


def assert_nowhere(place: Place, *printed: str) -> None:
    """The key stands in no byte of what was printed and written."""
    for text in printed:
        assert KEY not in text
    for path in place.folder.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path


STEADY = ("--rate", "40", "--length", "40s", "--allow-real-target", "--yes")


@pytest.mark.slow
@pytest.mark.parametrize("stream", [(), ("--stream", "--transport", "fast")], ids=["whole", "stream"])
@pytest.mark.parametrize("workers", [1, 4])
def test_the_budget_is_never_exceeded_by_the_server_s_own_log(
    place: Place, workers: int, stream: tuple[str, ...]
) -> None:
    place.serve(str(PROFILE), "--tls", str(place.certificate))
    several = ("--processes", str(workers)) if workers > 1 else ()
    with watching_arguments(KEY) as seen:
        played = place.play("steady.py", *STEADY, "--max-usd", "0.25", *several, *stream)

    requests, tokens, usd = billed(place.log())
    assert usd <= 0.25
    ending, manifest = (read_json(played.folder / f"{name}.json") for name in ("ending", "manifest"))
    spent = ending["spent"]
    assert (spent["forfeited"], spent["requests"]) == (None, requests)
    assert tokens <= spent["tokens"]
    assert usd <= spent["usd"] <= 0.25
    assert spent["usd"] > 0.2, "most of it was used before the run stopped"
    assert spent["exhausted"]
    assert ending["arrivals_end_ns"] < 40e9, "it stopped there"
    assert (manifest["target"]["real"], manifest["budget"]["usd"]) == (True, 0.25)
    assert seen == []
    assert_nowhere(place, played.out, played.err)
    assert "REAL API https://10.91.0.1:8443, model gpt-4.1, wire openai: $0.2" in played.out
    played.assert_whole()


@pytest.mark.slow
def test_a_worker_that_is_killed_takes_its_portion_with_it(place: Place) -> None:
    place.serve(str(PROFILE), "--tls", str(place.certificate))
    budget = ("--max-usd", "0.25", "--max-requests", "300", "--max-tokens", "60000")
    command = place.command("steady.py", *STEADY, *budget, "--processes", "4")
    process = place.load.start(*command, env=place.env)
    wait_for(lambda: len(place.log()) > 40)
    os.kill(children(process.pid)[0], signal.SIGKILL)
    played = finish(process, place.runs)

    requests, tokens, usd = billed(place.log())
    assert (requests <= 300, tokens <= 60_000, usd <= 0.25) == (True, True, True)
    spent = read_json(played.folder / "ending.json")["spent"]
    assert spent["forfeited"]["requests"] > 0
    assert requests <= spent["requests"] <= 300
    assert played.code == 1
    assert "DEGRADED" in played.out


@pytest.mark.slow
def test_workers_of_a_queue_have_fixed_shares_of_the_budget(place: Place) -> None:
    place.serve(str(PROFILE), "--tls", str(place.certificate))
    options = ("--evening", "15s", "--peak-rps", "30", "--allow-real-target", "--yes")
    with watching_arguments(KEY) as seen:
        played = place.play("queued.py", *options, "--max-usd", "0.1", "--queue-workers", "2")

    assert "Traceback" not in played.err
    requests, _, usd = billed(place.log())
    spent = read_json(played.folder / "ending.json")["spent"]
    assert usd <= spent["usd"] <= 0.1
    assert requests == spent["requests"]
    assert seen == []
    assert_nowhere(place, played.out, played.err)


@pytest.mark.slow
def test_workers_on_other_hosts_share_the_budget_and_one_that_is_cut_off_takes_its_portion(
    tmp_path: Path,
) -> None:
    with network("api", "load", "far") as hosts:
        place = Place(hosts["api"], hosts["load"], tmp_path)
        place.serve(str(PROFILE), "--tls", str(place.certificate))
        locust = [sys.executable, "-m", "locust", "-f", str(SCENARIOS / "steady.py")]
        for host in (hosts["load"], hosts["far"]):
            host.start(*locust, "--worker", "--master-host", place.load.address, env=place.env)
        lead = ("--master", "--expect-workers", "2", "--length", "15s", "--max-usd", "0.25")
        process = place.load.start(*place.command("steady.py", *STEADY, *lead), env=place.env)
        wait_for(lambda: len(place.log()) > 60)
        hosts["far"].cut()
        played = finish(process, place.runs)

    _, _, usd = billed(place.log())
    spent = read_json(played.folder / "ending.json")["spent"]
    assert usd <= spent["usd"] <= 0.25
    assert spent["forfeited"]["usd"] > 0
    assert played.code == 1
    assert_nowhere(place, played.out, played.err)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def refusal(played: Played) -> str:
    """The one line of a run that was refused before it began."""
    assert (played.code, played.folders) == (2, [])
    lines = [line for line in played.err.splitlines() if "error:" in line]
    assert len(lines) == 1, played.err
    assert "Traceback" not in played.err
    return lines[0]


ALLOWED = ("--rate", "5", "--length", "2s", "--allow-real-target", "--max-requests", "30")


def test_nothing_is_sent_without_consent(place: Place) -> None:
    place.serve("instant", "--tls", str(place.certificate))

    said = refusal(place.play("steady.py", *ALLOWED))
    assert "no terminal to ask for consent" in said
    assert "--yes" in said
    code, shown = on_terminal(place, *ALLOWED, answer="n\n")
    assert (code, "not consented to: nothing was sent" in shown) == (2, True)
    for words in (
        "$2.00 a million tokens of prompt",
        "key from OPENAI_API_KEY",
        "30 requests: the run stops",
    ):
        assert words in shown
    assert place.log() == []

    code, shown = on_terminal(place, *ALLOWED, answer="y\n")
    assert code == 0 or (code == 1 and SLOW in shown), shown
    assert place.log() != []
    assert_nowhere(place, shown)


def on_terminal(place: Place, *options: str, answer: str) -> tuple[int, str]:
    """Play with a terminal to ask on; the exit code, and what it showed."""
    here, there = pty.openpty()
    command = place.load.command(place.command("steady.py", *options))
    process = subprocess.Popen(
        command,
        stdin=there,
        stdout=there,
        stderr=there,
        env={**environment(), **place.env},
        text=True,
        process_group=0,
        cwd=SCENARIOS.parent,
    )
    STARTED.append(process)
    os.close(there)
    shown = b""
    with suppress(OSError):  # which is how a terminal ends
        while chunk := os.read(here, 1 << 16):
            shown += chunk
            if shown.endswith(b"[y/N] "):
                os.write(here, answer.encode())
    code = process.wait(timeout=60)
    STARTED.remove(process)
    os.close(here)
    return code, shown.decode("utf-8", "replace").replace("\r\n", "\n")


def test_what_is_wrong_with_an_api_is_explained_after_one_request(place: Place) -> None:
    place.serve("instant", "--tls", str(place.certificate))
    yes = (*ALLOWED, "--yes")

    untrusted = refusal(place.play("steady.py", *yes, SSL_CERT_FILE=""))
    assert "certificate that is not trusted" in untrusted
    assert "SSL_CERT_FILE" in untrusted
    assert "OPENAI_API_KEY is not set" in refusal(place.play("steady.py", *yes, OPENAI_API_KEY=""))
    assert place.log() == []

    elsewhere = refusal(place.play("steady.py", *yes, "--host", f"{place.url}/llm"))
    assert "has nothing at that path" in elsewhere
    assert "--host" in elsewhere
    assert len(place.log()) <= 1
    plain = refusal(place.play("steady.py", *yes, "--host", place.url.replace("https", "http")))
    assert "check the port" in plain
    assert_nowhere(place, untrusted, elsewhere, plain)


@pytest.mark.parametrize(
    ("status", "words"), [(401, "refused the key"), (403, "does not allow this"), (503, "is in trouble")]
)
def test_a_refusal_of_the_api_is_explained(place: Place, status: int, words: str) -> None:
    profile = place.folder / "refuses.toml"
    fault = f'[[request_faults]]\nname = "no"\naction = "status"\nstatus = {status}\nprobability = 1.0\n'
    profile.write_text(fault)
    place.serve(str(profile), "--tls", str(place.certificate))

    assert words in refusal(place.play("steady.py", *ALLOWED, "--yes"))
    assert len(place.log()) == 1
    assert not place.runs.exists() or list(place.runs.iterdir()) == []


def test_the_other_format_is_spoken_where_it_is_asked_for(place: Place) -> None:
    place.serve("instant", "--tls", str(place.certificate))
    options = (*ALLOWED, "--yes", "--wire", "anthropic", "--max-usd", "1", "--policy", "naive")
    played = place.play("steady.py", *options, ANTHROPIC_API_KEY=KEY, OPENAI_API_KEY="")

    played.assert_whole()
    assert {row["path"] for row in place.log()} == {"/v1/messages"}
    manifest = read_json(played.folder / "manifest.json")
    assert manifest["target"]["model"] == "claude-haiku-4-5"
    policy = manifest["policy"]["values"]
    assert (policy["retry"]["hints"], policy["rate"]["pause"]) == (True, True), "not optional here"
    assert "policy naive: a real API's Retry-After is obeyed" in played.err
    assert_nowhere(place, played.out, played.err)
