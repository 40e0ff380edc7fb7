"""The bundled mock server as a child process, and its admin interface."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
import tomllib
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from harness.errors import ConfigError, HarnessError
from harness.files import why
from harness.wire.address import LOOPBACK

STOP_S = 3.0

#: Twice what the mock server promises.
LOG_WITHIN_S = 0.2


#: Where the mock server looks for the secret of its admin interface.
TOKEN_VARIABLE = "MOCKSERVER_ADMIN_TOKEN"  # noqa: S105 - the name of one


class MockProcess:
    """A `python -m mockserver` of our own on a free port of `listen`, an address of this machine's.

    Raises ConfigError when it does not come up.
    """

    def __init__(self, profile: str, seed: int, listen: str) -> None:
        self._profile = profile
        self.listen = listen
        # Who reaches the server from another host may call its API, and no more.
        token = os.environ.get(TOKEN_VARIABLE) or ("" if listen in LOOPBACK else secrets.token_urlsafe())
        self._log = Path(tempfile.mkdtemp(prefix="primetime-")) / "requests.jsonl"
        self._log_from = 0
        command = [sys.executable, "-m", "mockserver", "--host", listen, "--port", "0", "--profile", profile]
        command += ["--seed", str(seed), "--log", str(self._log), "--exit-with-parent"]
        # A session of its own: a Ctrl-C in the terminal is for us, and the calls under way still need it.
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # What it says is quoted: without colours.
            env=os.environ | {TOKEN_VARIABLE: token, "NO_COLOR": "1"},
        )
        ready = self._process.stdout.readline() if self._process.stdout else ""
        if not ready:
            said = self._process.stderr.read().strip() if self._process.stderr else ""
            raise ConfigError(said.removeprefix("mockserver: error: ") or "the mock server did not start")
        port = json.loads(ready)["port"]
        self.host = f"http://[{listen}]:{port}" if ":" in listen else f"http://{listen}:{port}"
        self._admin = Admin(self.host, token)

    def prepare(self, profile: str, seed: int, window: str | None, duration_s: float) -> None:
        """Before a run: the profile asked for, everything else forgotten.

        Raises ConfigError for a profile that cannot be used.
        """
        self.play(profile)
        self._admin.ask("POST", "/admin/reset", {"seed": seed})
        self._log_from = self._log.stat().st_size if self._log.exists() else 0
        self._window, self._duration_s = window, duration_s

    def play(self, profile: str) -> None:
        """Another profile from now on. Raises ConfigError for one that cannot be used."""
        if profile != self._profile or profile.endswith(".toml"):  # a file may have been edited
            self._admin.ask("PUT", "/admin/profile", _profile_document(profile))
            self._profile = profile

    def profiles(self) -> list[str]:
        """The names of those it brings. Raises HarnessError."""
        return list(self._admin.ask("GET", "/admin/profiles")["names"])

    def align(self, elapsed_s: float) -> None:
        """Set the evening's clock: `elapsed_s` of the run have passed, negative before its start."""
        clock: dict[str, Any] = {"elapsed_s": elapsed_s, "duration_s": self._duration_s}
        if self._window is not None:
            clock["window"] = self._window
        self._admin.ask("POST", "/admin/clock", clock)

    def inject(self, order: dict[str, Any]) -> None:
        """A fault from now on, a body of `POST /admin/faults`. Raises HarnessError."""
        self._admin.ask("POST", "/admin/faults", order)

    def clear(self) -> None:
        """No injected fault any more. Raises HarnessError."""
        self._admin.ask("DELETE", "/admin/faults")

    def save_log(self, folder: Path) -> None:
        """Copy the request log of the present run into its folder."""
        if not self._log.exists():
            return
        # A line is on disk within LOG_WITHIN_S of its reply, by a server that has time: it answers then.
        with suppress(HarnessError):  # one that is gone has written what it could
            for _ in range(2):
                self._admin.ask("GET", "/healthz")
                time.sleep(LOG_WITHIN_S)
        with self._log.open("rb") as log:
            log.seek(self._log_from)
            (folder / "mock-requests.jsonl").write_bytes(log.read())

    def stop(self) -> None:
        """Stop the server, and remove its log."""
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._admin.close()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
        self._log.unlink(missing_ok=True)
        self._log.parent.rmdir()


class Admin:
    """The admin interface over one connection: a saturated front may not accept another."""

    def __init__(self, host: str, token: str) -> None:
        parts = urlsplit(host)
        self._headers = {"content-type": "application/json"}
        if token:
            self._headers["authorization"] = f"Bearer {token}"
        self._connection = HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        self._turn = Lock()

    def ask(self, method: str, path: str, document: dict[str, Any] | None = None) -> dict[str, Any]:
        """What one request is answered. Raises ConfigError with the server's own words when it refuses."""
        body = "" if document is None else json.dumps(document)
        with self._turn:  # the web UI's requests are greenlets of their own
            try:
                status, said = self._exchange(method, path, body)
            except (OSError, HTTPException):  # it closes connections that were idle for long: a new one
                self._connection.close()
                try:
                    status, said = self._exchange(method, path, body)
                except (OSError, HTTPException) as error:
                    raise HarnessError(f"the mock server does not answer {path}: {error}") from error
        if status >= 400:  # noqa: PLR2004
            raise ConfigError(f"mock server, {path}: {_message(said)}")
        answer: dict[str, Any] = json.loads(said)
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _exchange(self, method: str, path: str, body: str) -> tuple[int, str]:
        self._connection.request(method, path, body, self._headers)
        response = self._connection.getresponse()
        return response.status, response.read().decode("utf-8", "replace")


def _profile_document(profile: str) -> dict[str, Any]:
    """What `PUT /admin/profile` takes: a name, or a file's own table."""
    if not profile.endswith(".toml"):
        return {"name": profile}
    try:
        return tomllib.loads(Path(profile).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"--mock-profile {profile}: {why(error, profile)}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"--mock-profile {profile}: not valid TOML: {error}") from error


def _message(said: str) -> str:
    """What an admin error says, whatever its form."""
    try:
        return str(json.loads(said)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return said[:200]
