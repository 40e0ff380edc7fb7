"""A mock server in a process of its own, for tests and scripts; and what one asks its admin interface."""

import http.client
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from mockserver.errors import AdminError, StartError
from mockserver.keys import TOKEN_VARIABLE

STOP_WITHIN_S = 10.0
_ASK_WITHIN_S = 10.0
_NOT_HERE = ("--host", "--port", "--tls")


class MockServerProcess:
    """`python -m mockserver` on a free port of 127.0.0.1; it ends with the process that started it.

    `arguments` are those of the command line, but for `--host`, `--port` and `--tls`. Raises StartError when
    it does not come up.
    """

    def __init__(self, *arguments: str) -> None:
        for argument in arguments:
            if argument.partition("=")[0] in _NOT_HERE:
                raise StartError(
                    f"{argument} cannot be given here: the server listens on a port of 127.0.0.1"
                )
        command = [sys.executable, "-m", "mockserver", "--port", "0", "--exit-with-parent", *arguments]
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop()
        # A session of its own: a Ctrl-C in the terminal is for whoever runs the tests.
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            command,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            start_new_session=True,
            # What it says is quoted: without colours.
            env={name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}
            | {"NO_COLOR": "1"},
        )
        self._connection: http.client.HTTPConnection | None = None
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            self._process.wait()
            said = self._words()
            self.stop()
            raise StartError(said.removeprefix("mockserver: error: ") or "the mock server did not start")
        ready = self._ready(line)
        self.port: int = ready["port"]
        self.pid: int = ready["pid"]
        self.url: str = ready["url"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def ask(self, method: str, path: str, document: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """One request to the admin interface. Raises AdminError with the server's own words."""
        body = None if document is None else json.dumps(document)
        try:
            try:
                status, answer = self._answer(method, path, body)
            except (ConnectionError, http.client.BadStatusLine):
                status, answer = self._answer(method, path, body)  # the server closes what has long been idle
        except (OSError, http.client.HTTPException) as error:
            raise AdminError(f"the mock server does not answer: {self._words() or error}") from error
        if status != http.HTTPStatus.OK:
            raise AdminError(answer["error"]["message"])
        return dict(answer)

    def _answer(self, method: str, path: str, body: str | None) -> tuple[int, dict[str, Any]]:
        # One connection, kept: a profile may let in only so many.
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_ASK_WITHIN_S)
        try:
            self._connection.request(method, path, body)
            response = self._connection.getresponse()
            return response.status, json.loads(response.read())
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._connection = None
            raise

    def stop(self) -> None:
        """End it, and wait until it has ended. May be called again."""
        self._process.terminate()
        try:
            self._process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._connection is not None:
            self._connection.close()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._said.close()

    def _ready(self, line: str) -> dict[str, Any]:
        try:
            return dict(json.loads(line))
        except ValueError as error:
            self.stop()
            raise StartError(f"the mock server did not start, but said {line.strip()!r}") from error

    def _words(self) -> str:
        """What it has said on standard error."""
        if self._said.closed:
            return "it was stopped"
        self._said.seek(0)
        return self._said.read().decode("utf-8", "replace").strip()
