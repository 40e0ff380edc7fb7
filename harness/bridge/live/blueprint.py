"""The live page over HTTP: the page, its state, the fault panel, the report. Beside Locust's own paths."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import urlsplit

from flask import Blueprint, Response, jsonify, request, send_file

from harness.bridge.live.faults import order_from
from harness.bridge.live.live import Live
from harness.errors import HarnessError

NAME = "resilience"

BAD_REQUEST, FORBIDDEN, NOT_FOUND = 400, 403, 404

#: What a view answers with.
Answer = Response | tuple[Response, int]


class Guard(Protocol):
    """Locust's web UI: with `--web-login`, its views ask who is there."""

    def auth_required_if_enabled(self, view_func: Callable[..., Any]) -> Callable[..., Any]:
        """The view, for those who have logged in."""


def blueprint(live: Live, guard: Guard, prefix: str) -> Blueprint:
    """Everything below `<prefix>/resilience/`."""
    pages = Blueprint(
        NAME, __name__, url_prefix=f"{prefix}/{NAME}", static_folder="page", static_url_path="/assets"
    )

    def page() -> Answer:
        return pages.send_static_file("index.html")

    def state() -> Answer:
        known, since, width_s = (request.args.get(key, "") for key in ("run", "since", "width"))
        told = live.state(known, _count(since), _count(width_s))
        # Under Locust Flask indents its own JSON, which takes five times as long, beside the load.
        answer = Response(json.dumps(told), mimetype="application/json")
        answer.cache_control.no_store = True
        return answer

    def faults() -> Answer:
        if not _from_here():
            return _problem("faults are injected from this page only", FORBIDDEN)
        try:
            if request.method == "DELETE":
                live.clear()
            else:
                live.inject(order_from(request.get_json(silent=True)))
        except HarnessError as error:
            return _problem(str(error), BAD_REQUEST)
        return jsonify({})

    def report() -> Answer:
        path = live.report
        return _problem("there is no report yet", NOT_FOUND) if path is None else send_file(path.resolve())

    for rule, view, methods in (
        ("/", page, ["GET"]),
        ("/state", state, ["GET"]),
        ("/faults", faults, ["POST", "DELETE"]),
        ("/report", report, ["GET"]),
    ):
        pages.add_url_rule(rule, view.__name__, guard.auth_required_if_enabled(view), methods=methods)
    return pages


def _from_here() -> bool:
    """Whether a request comes from a page of this very server: Locust lets every site in.

    A form of another site cannot send JSON, and a browser says whose script it runs. Where no browser asks
    (no Origin), nobody was lured.
    """
    return same_origin() and (request.method != "POST" or request.is_json)


def same_origin() -> bool:
    """Whether no other site's page sent the request."""
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host


def _problem(message: str, status: int) -> Answer:
    return jsonify({"message": message}), status


def _count(text: str) -> int:
    """A number of a query; what is none is 0."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0  # noqa: PLR2004
