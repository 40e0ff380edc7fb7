"""What the master tells its workers before a run."""

from __future__ import annotations

import msgspec
import pytest

from harness.bridge.plan import Plan, plan_from
from harness.errors import ConfigError

PLAN = Plan("r", "/runs/r", 42, "http://192.0.2.7", ["a", "b"], 1, True, 1.0, False, {"name": "tuned"}, "0a")


def test_a_plan_that_travelled_is_the_same() -> None:
    assert plan_from(msgspec.msgpack.decode(msgspec.msgpack.encode(PLAN.message()))) == PLAN


def test_the_plan_of_another_release_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"^primetime \d.* is installed here and 0\.0\.1 on the master: expected"
    ):
        plan_from({**PLAN.message(), "release": "0.0.1"})
