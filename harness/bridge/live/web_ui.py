"""The tab in Locust's web UI, and its start form checked before a run is said to have begun.

Locust's page is a bundle without extension points for a tab's content: it leaves ours empty, and a script of
ours (page/tab.js, the only place that knows Locust's page) fills it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import Response, jsonify, request

from harness.bridge.live.blueprint import NAME, blueprint, same_origin
from harness.bridge.live.live import Live
from harness.errors import ConfigError, HarnessError

TITLE = "Resilience"

#: Locust's views, by their names in Flask.
_INDEX, _SWARM = "locust.index", "locust.swarm"

_END = "</body>"


def join(
    web_ui: Any,
    prefix: str,
    live: Live,
    check: Callable[[Mapping[str, str]], None],
    suggestions: Mapping[str, Sequence[str]],
) -> None:
    """Give a web UI that does not serve yet the tab, the page below `prefix`, and the check of its form.

    `check` raises HarnessError for a form that no run can begin with; `suggestions` are values of its fields.
    """
    others = web_ui.template_args.get("extended_tabs", [])
    web_ui.template_args["extended_tabs"] = [*others, {"title": TITLE, "key": NAME}]
    web_ui.app.register_blueprint(blueprint(live, web_ui, prefix))
    told = json.dumps({"choices": suggestions}).replace("<", "\\u003c")
    script = f'<script id="primetime" type="application/json">{told}</script>'
    script += f'<script src="./{NAME}/assets/tab.js"></script>'

    def refuse() -> Response | None:
        try:
            if not same_origin():  # Locust lets every site in
                raise ConfigError("a run is started from this server's own page only")
            check(request.form)
        except HarnessError as error:
            return jsonify({"success": False, "message": str(error), "host": web_ui.environment.host})
        return None

    guarded = web_ui.auth_required_if_enabled(refuse)

    @web_ui.app.before_request  # type: ignore[untyped-decorator]
    def check_form() -> Response | None:
        answer: Response | None = guarded() if request.endpoint == _SWARM else None
        return answer

    @web_ui.app.after_request  # type: ignore[untyped-decorator]
    def add_script(response: Response) -> Response:
        if request.endpoint == _INDEX and response.mimetype == "text/html":
            response.set_data(response.get_data(as_text=True).replace(_END, script + _END))
        return response
