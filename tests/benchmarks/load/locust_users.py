"""Locust's own users, as bare as they can be: a ready body goes out, the reply is parsed, nobody waits.

locust -f tests/benchmarks/load/locust_users.py --headless -u 100 -r 100 --seconds S --counts FILE CLASS

Writes what was done in the middle of the run to FILE, and ends itself. Locust's count is read twice; a
listener to every request would be a cost of ours.
"""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import gevent
from locust import FastHttpUser, HttpUser, events, task
from locust.env import Environment

from tests.benchmarks.load.window import MARGIN_S
from tests.benchmarks.peers import _BODY, _HEADERS, _WIRE, _text

PATH = f"/v1{_WIRE.path}"


class Fast(FastHttpUser):
    """On geventhttpclient."""

    @task
    def write_copy(self) -> None:
        """Post, parse."""
        _text(self.client.post(PATH, data=_BODY, headers=_HEADERS).json())


class Usual(HttpUser):
    """On requests."""

    @task
    def write_copy(self) -> None:
        """Post, parse."""
        _text(self.client.post(PATH, data=_BODY, headers=_HEADERS).json())


@events.init_command_line_parser.add_listener
def add_arguments(parser: ArgumentParser) -> None:
    """How long, and where to write."""
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--counts", type=Path, default=Path("counts.json"))


@events.test_start.add_listener
def begin(environment: Environment, **_: Any) -> None:
    """The users are about to start."""
    gevent.spawn(_count, environment)


def _count(environment: Environment) -> None:
    options, runner = environment.parsed_options, environment.runner
    total = environment.stats.total
    gevent.sleep(MARGIN_S)
    began_s, before = time.perf_counter(), total.num_requests
    gevent.sleep(options.seconds - 2 * MARGIN_S)
    per_s = (total.num_requests - before) / (time.perf_counter() - began_s)
    gevent.sleep(MARGIN_S)
    failed = total.num_failures + sum(row["count"] for row in runner.exceptions.values())
    counts = {"per_s": per_s, "served": total.num_requests, "failed": failed}
    options.counts.write_text(json.dumps(counts), encoding="utf-8")
    runner.quit()
