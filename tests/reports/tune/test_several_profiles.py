"""A study against several profiles: every setting plays all of them, and its figures are means over them."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.errors import SpecError
from reports.tune.result import document
from reports.tune.run import tune
from reports.tune.spec import TuneSpec, read_tune

SPEC = """
policy = "article"
mock_profile = {profiles}
seeds = [1, 2]
first_seeds = 1
held_out = [3]
trials = 3
constraints = ["good_share > 1%"]
[steady]
rate = 5
length = "20s"
[range]
"retry.attempts" = {{ min = 1, max = 4 }}
"""


def read(tmp_path: Path, profiles: str) -> TuneSpec:
    path = tmp_path / "several.toml"
    path.write_text(SPEC.format(profiles=profiles), encoding="utf-8")
    return read_tune(path)


def test_every_setting_plays_every_profile(tmp_path: Path) -> None:
    spec = read(tmp_path, '["calm", "rate-limited"]')
    assert [stage.profile.name for stage in spec.stages] == ["calm", "rate-limited"]
    tuned = tune(spec, tmp_path / "out", 1, None)

    assert all(len(one.cells) == 2 * len(spec.stages) for one in tuned.raced.last)
    assert all(len(one.cells) == 1 * len(spec.stages) for one in tuned.raced.all)
    assert [stage["profile"] for stage in document(tuned)["stages"]] == ["calm", "rate-limited"]
    # Of one evening on two profiles: the mean of both, and neither of them.
    first = tuned.raced.today
    goodput = [cell["request_goodput"] for cell in first.cells]
    assert spec.objectives[0].mean(first.cells) == pytest.approx(sum(goodput) / 4)


def test_a_study_is_another_where_its_profiles_are(tmp_path: Path) -> None:
    one, both = (read(tmp_path, profiles).identity for profiles in ('"calm"', '["calm", "rate-limited"]'))
    assert one != both


@pytest.mark.parametrize("profiles", ["[]", '["calm", "calm"]', '["calm", "clam"]', "[3]"])
def test_a_list_of_profiles_that_is_none_is_refused(tmp_path: Path, profiles: str) -> None:
    with pytest.raises(SpecError, match="mock_profile = "):
        read(tmp_path, profiles)
