"""What an old session still says is never taken for the next run's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from harness.bridge.direct import Direct
from harness.bridge.hand import Hand
from harness.bridge.post import Post
from harness.errors import HarnessError
from harness.play.pulse import Pulse
from harness.play.tally import Tally
from harness.spending.amount import NOTHING
from harness.spending.treasury import Ask


def _hand(sent: list[tuple[str, dict[str, Any]]]) -> Hand:
    runner = SimpleNamespace(
        worker=lambda: None, client_id="a", send_message=lambda name, data: sent.append((name, data))
    )
    environment: Any = SimpleNamespace(runner=runner, parsed_options=SimpleNamespace(primetime_plan=None))
    source: Any = None
    return Hand(environment, source, Direct())


def test_a_session_s_messages_bear_the_name_of_its_own_run_after_the_next_has_begun() -> None:
    sent: list[tuple[str, dict[str, Any]]] = []
    hand = _hand(sent)
    first, _ = hand._wires("run-1"), hand._wires("run-2")
    hand._run = "run-2"

    first.tell(Tally(finished=True, spent=[0, 0, 0]))
    first.ask(Ask(NOTHING, NOTHING, NOTHING))
    first.show(Pulse(0))
    assert [data["run"] for _, data in sent] == ["run-1"] * 3

    hand.fail("no key")
    assert (sent[-1][1]["run"], sent[-1][1]["degraded"]) == ("run-2", "no key")


def test_no_run_begins_where_the_one_before_still_ends() -> None:
    nothing: Any = None
    post = Post(nothing, nothing, Direct())
    before: Any = SimpleNamespace(over=False)
    post.session = before
    for _ in range(2):
        with pytest.raises(HarnessError, match="the run before is still ending here"):
            post.clear()
        assert post.session is None  # no user of the new run enters it
    before.over = True
    post.clear()
