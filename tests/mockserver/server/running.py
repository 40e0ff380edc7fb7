"""A mock server in a process of its own, and a small client for its admin interface."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mockserver.clock import Clock

CHAT = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "เขียนแคปชั่นให้หน่อย"}], "max_tokens": 50}
INSTANT = {
    "ttft": {"median_ms": 0, "slow_median_ms": 0, "per_1k_prompt_ms": 0},
    "inter_token": {"mean_ms": 0, "cv": 0},
}
STOP_WITHIN_S = 3.0


class Mock:
    """One running server. Its own requests travel on one connection that is kept."""

    def __init__(self, process: "subprocess.Popen[str]", ready: dict[str, Any], log: Path | None) -> None:
        self.process = process
        self.ready = ready
        self.port: int = ready["port"]
        self.log = log
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def request(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        payload = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        self._connection.request(method, path, payload, headers or {})
        response = self._connection.getresponse()
        return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()

    def admin(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        status, _, answer = self.request(method, path, body)
        assert status == 200, answer
        return dict(json.loads(answer))

    def chat(self, headers: dict[str, str] | None = None, **fields: Any) -> tuple[int, dict[str, str], Any]:
        sent = {"authorization": "Bearer sk-test"} | (headers or {})
        status, received, answer = self.request("POST", "/v1/chat/completions", CHAT | fields, sent)
        return status, received, json.loads(answer)

    def play(self, **sections: Any) -> None:
        """Put the instant profile with these sections, and begin again from nothing."""
        self.admin("PUT", "/admin/profile", {"name": "test"} | INSTANT | sections)
        self.admin("POST", "/admin/reset", {"seed": 1})
        self.admin("POST", "/admin/clock", {})

    def stats(self) -> dict[str, Any]:
        return self.admin("GET", "/admin/stats")

    def until(self, condition: str, wanted: int, within_s: float = 5.0) -> None:
        """Wait until a number of the stats, named by its path with dots, is the wanted one."""
        clock = Clock()
        while (value := self._number(condition)) != wanted:
            assert clock.now_us() < within_s * 1e6, f"{condition} is {value}, not {wanted}: {self.stats()}"
            time.sleep(0.01)

    def rows(self) -> list[dict[str, Any]]:
        assert self.log is not None
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]

    def stop(self, signum: int = signal.SIGTERM) -> int:
        self._connection.close()
        if self.process.poll() is None:
            self.process.send_signal(signum)
        try:
            return self.process.wait(STOP_WITHIN_S)
        finally:
            self.process.kill()
            self.process.wait()
            for pipe in (self.process.stdout, self.process.stderr):
                if pipe is not None:
                    pipe.close()

    def _number(self, condition: str) -> object:
        value: Any = self.stats()
        for name in condition.split("."):
            value = value[name]
        return value


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "mockserver", *arguments]


def start(*arguments: str, log: Path | None = None) -> Mock:
    """A server on a free port."""
    logging = [] if log is None else ["--log", str(log)]
    process = subprocess.Popen(
        command("--port", "0", *logging, *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        _, errors = process.communicate()
        raise AssertionError(f"the server did not start: {errors}")
    return Mock(process, json.loads(line), log)


@contextmanager
def running(*arguments: str, log: Path | None = None) -> Iterator[Mock]:
    with start(*arguments, log=log) as mock:
        yield mock
