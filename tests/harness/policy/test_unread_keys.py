"""Which settings nothing would read, laid over a policy: what a search need not tell apart."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import ConfigError
from harness.policy.parse import parse, unread_keys, values
from harness.policy.presets import TUNED, preset


@pytest.mark.parametrize(
    ("name", "settings", "unread"),
    [
        ("tuned", {"deadline_s": 9.0, "retry.attempts": 2}, set()),
        ("tuned", {"breaker.threshold": 5}, {"breaker.threshold"}),  # its breaker is of the kind ratio
        ("article", {"breaker.threshold": 5}, set()),
        (
            "tuned",
            {"breaker.kind": "counter", "breaker.threshold": 5, "breaker.probes": 2},
            {"breaker.probes"},
        ),
        ("tuned", {"breaker.kind": "off", "breaker.open_s": 5.0, "budget.ratio": 0.1}, {"breaker.open_s"}),
        ("naive", {"budget.ratio": 0.1}, {"budget.ratio"}),
        ("naive", {"budget.kind": "bucket", "budget.ratio": 0.1}, set()),
        ("tuned", {"concurrency.limit": 9}, set()),  # alone it means a static one
        ("tuned", {"concurrency.kind": "aimd", "concurrency.limit": 9}, {"concurrency.limit"}),
        ("tuned", {"concurrency.initial": 80}, set()),
        ("article", {"concurrency.initial": 30}, {"concurrency.initial"}),
        ("tuned", {"breaker.slow_ratio": 0.5}, {"breaker.slow_ratio"}),  # no call is slow
        ("tuned", {"breaker.slow_ratio": 0.5, "breaker.slow_call_s": 9.0}, set()),
        ("article", {"rate.max_pause_s": 9.0}, {"rate.max_pause_s"}),
        ("article", {"rate.max_pause_s": 9.0, "rate.pause": True}, set()),
        ("tuned", {"rate.max_pause_s": 9.0, "rate.pause": False}, {"rate.max_pause_s"}),
    ],
)
def test_what_nothing_reads(name: str, settings: dict[str, Any], unread: set[str]) -> None:
    assert unread_keys(values(preset(name)), settings) == unread
    table: dict[str, Any] = {"preset": name}
    for key, value in settings.items():
        section, _, last = key.rpartition(".")
        (table.setdefault(section, {}) if section else table)[last] = value
    if unread:  # and a policy file that sets it is refused
        with pytest.raises(ConfigError, match=r"read"):
            parse(table, "mine")
    else:
        parse(table, "mine")


def test_a_key_is_unread_where_the_one_it_needs_is_switched_off() -> None:
    settings = {"breaker.slow_call_s": "off", "breaker.slow_ratio": 0.5}
    assert unread_keys(values(TUNED), settings) == {"breaker.slow_ratio"}
    assert unread_keys(values(TUNED), {"rate.pause": False, "rate.max_pause_s": 5.0}) == {"rate.max_pause_s"}
