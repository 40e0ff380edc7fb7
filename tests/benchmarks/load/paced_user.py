"""A locustfile: what one would write with Locust alone to keep up a rate. Played by `paced_locust`."""

import json
import os
import random
import time
from pathlib import Path
from typing import Any

import gevent
from locust import FastHttpUser, events, task

from tests.benchmarks import replies
from tests.benchmarks.peers import KEY

HEADERS = {"authorization": f"Bearer {KEY}"}

RATE_PER_USER = float(os.environ["PRIMETIME_RATE_PER_USER"])
TOLD = Path(os.environ["PRIMETIME_TOLD"])
LEVELS: dict[str, float] = json.loads(os.environ["PRIMETIME_LEVELS"])


class Paced(FastHttpUser):
    """Many of these make a steady rate: each starts anywhere in its first interval.

    Locust's `constant_throughput` does the same afterwards, but counts from the birth of a user: all of them
    would ask for their second reply at once.
    """

    began_s = 0.0

    def on_start(self) -> None:
        """Its place among the others."""
        gevent.sleep(random.random() / RATE_PER_USER)

    def wait_time(self) -> float:
        """What is left of the interval; a turn that was missed is not made up for."""
        return max(0.0, 1 / RATE_PER_USER - (time.perf_counter() - self.began_s))

    @task
    def ask(self) -> None:
        """One whole reply."""
        self.began_s = time.perf_counter()
        self.client.post(replies.PATH, json=replies.document(stream=False), headers=HEADERS)


@events.quitting.add_listener
def tell(environment: Any, **_: Any) -> None:
    """The figures of its table's last line."""
    total = environment.stats.total
    figures = {name: total.get_response_time_percentile(q) for name, q in LEVELS.items()}
    TOLD.write_text(
        json.dumps({"requests": total.num_requests, "percentiles_ms": figures}),
        encoding="utf-8",
    )
