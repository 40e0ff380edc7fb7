import pytest

from reports.errors import UsageError
from reports.figures.objectives import DEFAULT, Objective, parse


def test_words_become_objectives() -> None:
    assert parse(["call_latency:15000", "e2el:2.5e3"]) == (
        Objective("call_latency", 15_000.0),
        Objective("e2el", 2500.0),
    )


def test_what_streams_are_judged_by_can_be_an_objective() -> None:
    assert [o.metric for o in parse(["ttft:2000", "itl:60", "tpot:40"])] == ["ttft", "itl", "tpot"]


def test_an_unknown_metric_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="METRIC call_latency, e2el, ttft, itl or tpot"):
        parse(["ttfb:100"])


def test_the_default_is_fifteen_seconds_of_call_latency() -> None:
    assert (Objective("call_latency", 15_000.0),) == DEFAULT


@pytest.mark.parametrize(
    "word",
    [
        "",
        "e2el",
        "e2el:",
        "e2el:soon",
        "e2el:0",
        "e2el:-1",
        "e2el:inf",
        "e2el:nan",
        "ttff:100",
        "e2el:1:2",
        ":5",
    ],
)
def test_anything_else_is_refused_and_quoted(word: str) -> None:
    with pytest.raises(UsageError, match=f"--goodput {word}"):
        parse([word])


def test_the_same_metric_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="call_latency is given 2 times"):
        parse(["call_latency:1", "call_latency:2"])
