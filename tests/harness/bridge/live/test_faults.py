"""The panel's orders: what the mock server is told, and what is refused."""

from __future__ import annotations

import json

import pytest

from harness.bridge.live.faults import order_from
from harness.errors import ConfigError
from mockserver.server.orders import read_fault


def test_an_outage_a_share_of_429s_and_a_delay_are_rules_the_mock_server_reads() -> None:
    outage = order_from({"kind": "outage", "seconds": 30})
    storm = order_from({"kind": "throttle", "percent": 20, "seconds": 60})
    slow = order_from({"kind": "slow", "delay_s": 2.5, "seconds": 10})
    read = [read_fault(json.dumps(order.document).encode()) for order in (outage, storm, slow)]
    assert [(r.rule.name, r.rule.action, r.seconds) for r in read] == [
        ("outage", "status", 30),
        ("429s 20 %", "status", 60),
        ("slow 2.5 s", "delay", 10),
    ]
    assert (read[0].rule.status, read[0].rule.probability) == (503, 1.0)
    assert (read[1].rule.status, read[1].rule.probability, read[1].rule.retry_after.seconds) == (429, 0.2, 2)
    assert read[2].rule.delay_ms == 2500


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (None, "the order = None: expected a JSON object"),
        ({"kind": "flood", "seconds": 3}, "kind = 'flood': expected outage, throttle or slow"),
        ({"kind": ["outage"], "seconds": 3}, "kind = ['outage']: expected outage"),
        ({"kind": "outage"}, "seconds = None: expected a number from 1 to 3600"),
        ({"kind": "outage", "seconds": 0}, "seconds = 0: expected"),
        ({"kind": "outage", "seconds": True}, "seconds = True: expected"),
        ({"kind": "outage", "seconds": float("nan")}, "seconds = nan: expected"),
        (
            {"kind": "throttle", "seconds": 3, "percent": 101},
            "percent = 101: expected a number from 1 to 100",
        ),
        ({"kind": "slow", "seconds": 3}, "delay_s = None: expected a number from 0.1 to 600"),
        ({"kind": "outage", "seconds": 3, "percent": 5}, "unknown key 'percent': expected kind, seconds"),
    ],
)
def test_an_order_half_understood_is_refused(asked: object, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        order_from(asked)
    assert words in str(caught.value)
