"""What a study comes to: its verdict, its document, its page, and the policy file that is the winner's."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.policy.parse import parse
from harness.policy_file import load_policy
from reports.summary.result import to_json
from reports.tune import page, run
from reports.tune.race import race
from reports.tune.result import HeldOut, Tuned, document, policy_file
from reports.tune.spec import TuneSpec
from reports.tune.told import told
from reports.virtual.beside import Beside
from reports.virtual.cell import Figures
from reports.virtual.measures import MEASURES
from tests.reports.html_check import Page
from tests.reports.tune import made
from tests.reports.virtual import small

PNG = b"\x89PNG\r\n\x1a\n"


def held_out(*pairs: tuple[float, float], kept: bool = True) -> HeldOut:
    today, winner = zip(*pairs, strict=True)
    return HeldOut([small.figures(g) for g in today], [small.figures(g) for g in winner], kept)


def tuned(
    spec: TuneSpec | None = None, *limits: int, held: HeldOut | None = None, judge: Any = None
) -> Tuned:
    """A study that has ended."""
    spec = spec or made.spec()
    raced = race(spec, made.tried(*limits), made.play_all(judge or made.by_limit))
    return Tuned(spec, raced, held)


def test_a_sure_gain_is_said_to_be_one() -> None:
    won = tuned(None, 90, 20, held=held_out((1, 3), (2, 4), (1, 3.2)))
    assert won.verdict == "Better than today's settings: goodput 1.333 -> 3.4 on held-out seeds."
    assert won.changed == {made.LIMIT: (100, 90), made.DEADLINE: ("off", 10.0)}


def test_a_gain_that_may_be_chance_is_not() -> None:
    won = tuned(None, 90, held=held_out((1, 3), (3, 2), (1, 4)))
    assert won.verdict.startswith("Not surely better than today's settings: goodput 1.667 -> 3 on held-out")


def test_a_constraint_missed_on_the_unseen_is_told() -> None:
    won = tuned(None, 90, held=held_out((1, 3), (1, 3), kept=False))
    assert won.verdict.endswith("It does not keep every constraint on these seeds.")


def test_gains_are_paired_and_to_the_better_side() -> None:
    held = HeldOut(
        [small.figures(shed_rate=x) for x in (0.3, 0.5)],
        [small.figures(shed_rate=x) for x in (0.2, 0.2)],
        True,
    )
    gain = held.gain(MEASURES["shed_rate"])
    assert (gain.today, gain.winner, gain.better_by) == pytest.approx((0.4, 0.2, 0.2))
    assert gain.half == pytest.approx(12.706 * math.sqrt(0.02) / math.sqrt(2))  # differences 0.1 and 0.3
    assert not gain.sure


@pytest.mark.parametrize(("today", "winner"), [("inf", 5.0), (5.0, "inf"), (None, 5.0), ("inf", "inf")])
def test_of_what_has_no_end_no_gain_is_told(today: Any, winner: Any) -> None:
    held = HeldOut([small.figures(time_to_recover_s=today)], [small.figures(time_to_recover_s=winner)], True)
    gain = held.gain(MEASURES["time_to_recover"])
    assert math.isnan(gain.better_by)
    assert not gain.sure


def never(_: Mapping[str, Any], seed: int) -> Figures:
    return small.figures(0.0, seed=seed, time_to_recover_s="inf")


def test_without_a_winner_today_s_settings_stay() -> None:
    lost = tuned(made.spec("goodput > 90"), 20, 90)
    assert lost.verdict == "No setting that was tried keeps every constraint: today's settings stay."
    assert (lost.changed, document(lost)["winner"]) == ({}, None)
    assert policy_file(lost).splitlines()[2:] == ['preset = "article"']


def test_where_today_s_settings_win_nothing_changes() -> None:
    same = tuned(None, 20, 30)
    assert same.verdict == "Nothing that was tried beats today's settings."
    assert policy_file(same).splitlines()[2:] == ['preset = "article"']


BASE = """\
preset = "article"
deadline_s = "off"
[retry]
on = ["timeout", "transient.connect"]
jitter = "full"
[fallback]
model = 'the "other" \\ one'
[breaker]
kind = "off"
"""


@pytest.mark.parametrize("policy", ["article", "tuned", "base.toml"])
def test_the_policy_file_is_exactly_the_winner_s(tmp_path: Path, policy: str) -> None:
    (tmp_path / "base.toml").write_text(BASE, encoding="utf-8")
    won = tuned(made.spec(policy=policy, folder=tmp_path), 90, 60, held=held_out((1, 3), (1, 3)))
    path = tmp_path / "tuned.toml"
    path.write_text(policy_file(won), encoding="utf-8")
    winner = won.raced.winner
    assert winner is not None
    assert load_policy(str(path)) == won.spec.stage.policy(winner.settings, "tuned")
    assert load_policy(str(path)).concurrency.limit == 90
    if policy == "base.toml":
        by_hand = parse(
            {
                "preset": "article",
                "deadline_s": 10.0,
                "retry": {"on": ["timeout", "transient.connect"], "jitter": "full"},
                "fallback": {"model": 'the "other" \\ one'},
                "breaker": {"kind": "off"},
                "concurrency": {"limit": 90},
            },
            "tuned",
        )
        assert load_policy(str(path)) == by_hand


def test_a_hostile_name_stays_in_its_comment() -> None:
    text = policy_file(tuned(made.spec(name="a\npreset = 'naive'\x1b"), 20))
    assert text.splitlines()[0].startswith(
        "# Found by `python -m reports tune` from a preset = 'naive' .toml: "
    )


CASES = {
    "a winner": lambda: tuned(None, 90, 80, 20, 10, held=held_out((1, 3), (2, 4))),
    "no winner": lambda: tuned(made.spec("goodput > 90"), 20, 90),
    "today's wins": lambda: tuned(None, 20, 30),
    "no trial": lambda: tuned(None),
    "nothing ends well": lambda: tuned(None, 20, 30, judge=never),
    "one objective": lambda: tuned(made.spec(objectives=(MEASURES["goodput"],)), 20, 30),
    "one objective, a cost": lambda: tuned(made.spec(objectives=(MEASURES["tokens_per_good_call"],)), 20),
    "many": lambda: tuned(None, *range(2, 120), held=held_out((1, 3), (2, 4))),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_page_of_any_study_is_sound_and_loads_nothing(tmp_path: Path, case: Any) -> None:
    ended = case()
    paths = run.write(ended, tmp_path)
    assert all(path.read_bytes().startswith(PNG) for path in paths if path.suffix == ".png")
    names = [path.name for path in paths]
    assert names[:4] == ["tuned.toml", "tune.json", "tune.html", "tried.png"]
    assert ("course.png" in names) is (ended.held_out is not None)
    found = Page((tmp_path / "tune.html").read_text(encoding="utf-8"))
    assert found.wrong == []
    assert len(found.ids) == len(set(found.ids))
    assert ended.verdict in found.text
    assert ended.verdict in page.text(told(document(ended)))
    written = json.loads((tmp_path / "tune.json").read_text(encoding="utf-8"))
    assert written["verdict"] == ended.verdict
    assert len(written["trials"]) == len(ended.raced.all)


def test_real_time_stands_beside_virtual_time() -> None:
    spec = made.spec()
    won = tuned(spec, 90, held=held_out((1, 3), (2, 4)))
    pair = Beside("winner", small.figures(3.0), small.figures(2.5, billed_tokens=None), ("too slow\x1b",))
    both = Tuned(spec, won.raced, won.held_out, [pair])
    text = page.text(told(document(both)))
    assert "winner, virtual  winner, real" in text
    assert "DEGRADED, winner: too slow " in text
    written = json.loads(to_json(document(both)))["real"][0]
    assert written["goodput"] == {"virtual": 3.0, "real": 2.5}
    assert written["tokens_per_good_call"] == {"virtual": 100.0, "real": None}
    assert Page(page.render(told(document(both)))).wrong == []
