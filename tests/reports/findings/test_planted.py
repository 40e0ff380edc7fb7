"""Planted situations, played in virtual time: what is found is what was planted, and nothing else is.

Policies and profiles lie in `planted/`; each says in its first line what is wrong with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from reports.reading.load import read_run
from reports.summary.result import summarise
from reports.virtual.folder import play_into
from reports.virtual.stage import stage_of

FOLDER = Path(__file__).with_name("planted")
SEEDS = (1, 2)
MORE_SEEDS = range(3, 13)
A_MINUTE_OF_TEN = {"rate": 10, "length": "60s"}


@dataclass(frozen=True, slots=True)
class Planted:
    """A situation, the problems that are to be found, those that may be beside them, and telling words."""

    policy: str
    profile: str
    expected: frozenset[str]
    allowed: frozenset[str] = frozenset()
    says: str = ""
    steady: dict[str, Any] = field(default_factory=lambda: A_MINUTE_OF_TEN)
    stream: bool = False


def keys(*names: str) -> frozenset[str]:
    return frozenset(names)


SITUATIONS = {
    "limits too low": Planted(
        "few-permits.toml",
        "calm",
        keys("calls_lost", "limits_low"),
        says="Throughout, permits were the limit",
    ),
    "breaker too eager, by failures": Planted(
        "eager-breaker.toml",
        "failing.toml",
        keys("calls_lost", "breaker_eager", "server_errors"),
        says="The breaker was too eager: it opened",
    ),
    "breaker too eager, by 429s": Planted(
        "eager-breaker.toml",
        "some-429.toml",
        keys("calls_lost", "breaker_eager", "rate_limited"),
        allowed=keys("rate_waits"),  # the pauses that its 429s ask for
    ),
    "breaker for cause": Planted(
        "tuned",
        "outage.toml",
        keys("calls_lost", "breaker_opened", "server_errors"),
        says="times, for cause",
        steady={"rate": 10, "length": "80s"},
    ),
    "retry storm": Planted(
        "impatient.toml",
        "small-server.toml",
        keys("calls_lost", "retry_storm", "server_overloaded", "no_answer"),
        allowed=keys("server_knee"),
        says=": a retry storm.",
        steady={"rate": 8, "length": "60s"},
    ),
    "rate limit, run into": Planted(
        "unbounded.toml",
        "rate-limited",
        keys("calls_lost", "rate_limited"),
        says="of requests were refused as too many (429)",
        steady={"rate": 20, "length": "60s"},
    ),
    "rate limit, kept to": Planted(
        "tuned",
        "rate-limited",
        keys("calls_lost", "rate_waits"),
        says="held back to keep within the API's rate limit",
        steady={"rate": 20, "length": "60s"},
    ),
    "own rate limit": Planted(
        "own-rate.toml",
        "calm",
        keys("calls_lost", "own_rate"),
        allowed=keys("out_of_time"),  # some wait for it too long
        says="(rpm = 300)",
    ),
    "server knee and full queue": Planted(
        "unbounded.toml",
        "small-server.toml",
        keys("calls_lost", "server_knee", "server_overloaded"),
        says="past its knee",
        steady={"rate": 8, "length": "60s"},
    ),
    "requests that hang": Planted(
        "tuned",
        "hanging.toml",
        keys("calls_lost", "no_answer"),
        allowed=keys("out_of_time"),  # a few meet it twice
        says="given up without an answer",
    ),
    "connections reset": Planted(
        "tuned", "resetting.toml", keys("connections_broke"), says="lost their connection"
    ),
    "connections refused": Planted(
        "naive",
        "unreachable.toml",
        keys("calls_lost", "no_connection"),
        says="(the client opens a new connection for each)",
    ),
    "flaky network": Planted("tuned", "flaky-network", keys("connections_broke")),
    "errors inside the API": Planted("tuned", "failing.toml", keys("server_errors")),
    "deadline too short": Planted(
        "short-deadline.toml",
        "calm",
        keys("calls_lost", "deadline_short"),
        allowed=keys("kind_worse"),  # the longest copy
        says="The deadline of 3 s was too short",
    ),
    "attempt timeout too short": Planted(
        "short-timeout.toml",
        "calm",
        keys("calls_lost", "timeout_short", "no_answer", "out_of_time"),
        allowed=keys("kind_worse"),  # the longest copy is cut most
        says="The attempt timeout of 4 s was too short",
    ),
    "wrong key": Planted(
        "tuned",
        "bad-key.toml",
        keys("calls_lost", "refused_for_good"),
        says="HTTP 401",
        steady={"rate": 10, "length": "20s"},
    ),
    "broken streams": Planted(
        "tuned",
        "breaking-streams.toml",
        keys("calls_lost", "streams_broke"),
        steady={"rate": 10, "length": "20s"},
        stream=True,
    ),
    "nothing wrong": Planted("tuned", "calm", keys(), says="Nothing went wrong: 100 % of"),
    "nothing wrong without bounds": Planted("naive", "calm", keys(), says="Nothing went wrong: 100 % of"),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", SITUATIONS)
def test_what_was_planted_is_found_and_nothing_else(name: str, seed: int, tmp_path: Path) -> None:
    look(SITUATIONS[name], seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", SITUATIONS)
def test_it_is_found_whatever_the_seed(name: str, tmp_path: Path) -> None:
    for seed in MORE_SEEDS:
        look(SITUATIONS[name], seed, tmp_path)


def look(planted: Planted, seed: int, folder: Path) -> None:
    """Play it, and hold what is found against what was planted."""
    stage = stage_of(
        {
            "policy": planted.policy,
            "mock_profile": planted.profile,
            "steady": planted.steady,
            "stream": planted.stream,
        },
        FOLDER,
    )
    played = read_run(play_into(stage, stage.policy({}), seed, folder))
    found = summarise(played, stage.objectives)["findings"]
    problems = {f["key"] for f in found if f["severity"] == "problem"}
    assert problems - planted.allowed == planted.expected, f"seed {seed}"
    assert planted.says in " ".join(f["text"] for f in found)
    praised = [f["key"] for f in found if f["severity"] == "good"]
    assert praised == ([] if problems else ["nothing_wrong"])


def test_every_policy_and_profile_is_played_and_says_what_is_wrong_with_it() -> None:
    used = {name for planted in SITUATIONS.values() for name in (planted.policy, planted.profile)}
    files = {path.name for path in FOLDER.glob("*.toml")}
    assert files == {name for name in used if name.endswith(".toml")}
    assert all(path.read_text(encoding="utf-8").startswith("# ") for path in FOLDER.glob("*.toml"))
