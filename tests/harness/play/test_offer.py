"""What a run offers, and what its manifest says of it."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import ConfigError
from harness.play.offer import (
    CLOSED,
    MOST_ARRIVALS,
    evening_offer,
    policy_document,
    schedule_document,
    steady_offer,
)
from harness.policy.presets import preset
from harness.workload.spans import parse_window

S = 1_000_000_000


def test_a_steady_rate() -> None:
    offer = steady_offer(2.0, 10.0, "constant", 1)
    assert offer.schedule is not None
    # Evenly spaced, from the middle of the first gap.
    assert offer.schedule.at_ns.tolist() == [round((i + 0.5) * 0.5 * S) for i in range(20)]
    assert (offer.length_s, offer.window) == (10.0, None)
    assert offer.about == {"arrivals": "constant", "rate": 2.0}
    said = schedule_document("steady", offer)
    assert (said["scenario"], said["rate"], said["count"], said["duration_s"]) == ("steady", 2.0, 20, 10.0)
    assert (said["window"], said["clock"]) == (None, None)


def test_an_evening() -> None:
    window = parse_window("19:30-20:30")
    offer = evening_offer(window, 60.0, 30.0, "poisson", 3)
    assert offer.schedule is not None
    at_s = offer.schedule.at_ns / S
    assert np.all(np.diff(at_s) >= 0)
    assert (at_s[0] >= 0, at_s[-1] < 60) == (True, True)
    # Around eight, in the middle of the window, more calls come than at its ends.
    assert np.count_nonzero(np.abs(at_s - 30) < 10) > np.count_nonzero(np.abs(at_s - 30) > 20)
    said = schedule_document("primetime", offer)
    assert said["clock"] == {"zone": "ICT", "start": "19:30", "end": "20:30", "duration_s": 60.0}
    assert (said["window"], said["peak_rps"], said["arrivals"]) == ("19:30-20:30", 30.0, "poisson")
    assert said["count"] == len(at_s)
    assert max(rate for _, rate in said["curve"]) == pytest.approx(30.0)


def test_a_window_past_midnight_keeps_its_clock() -> None:
    said = schedule_document("primetime", evening_offer(parse_window("23:00-01:00"), 60.0, 5.0, "gamma", 1))
    assert (said["clock"]["start"], said["clock"]["end"]) == ("23:00", "01:00")


@pytest.mark.parametrize("law", ["poisson", "gamma"])
def test_a_seed_is_an_evening(law: str) -> None:
    first, again, other = (steady_offer(5.0, 60.0, law, seed).schedule for seed in (1, 1, 2))
    assert first is not None
    assert again is not None
    assert other is not None
    assert first.at_ns.tolist() == again.at_ns.tolist() != other.at_ns.tolist()


def test_offers_are_alike_where_their_arrivals_are() -> None:
    one, again, other = (steady_offer(5.0, 60.0, "gamma", seed).digest for seed in (1, 1, 2))
    assert one == again != other


def test_a_closed_loop_has_no_schedule() -> None:
    offer = steady_offer(5.0, 60.0, CLOSED, 1)
    assert offer.schedule is None
    assert not offer.digest
    said = schedule_document("steady", offer)
    assert (said["arrivals"], said["count"], said["curve"]) == ("closed", None, None)


def test_another_law_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        steady_offer(5.0, 60.0, "posson", 1)
    assert str(caught.value) == "--arrivals = 'posson': expected one of poisson, gamma, constant, closed"


def test_more_arrivals_than_memory_holds_are_refused_before_they_are_drawn() -> None:
    with pytest.raises(ConfigError) as caught:
        steady_offer(MOST_ARRIVALS / 100, 101.0, "gamma", 1)
    assert str(caught.value) == "20,200,000 arrivals in 101 s: expected at most 20,000,000"


def test_a_policy_is_told_whole_and_as_its_workers_divide_it() -> None:
    said = policy_document(preset("article"), 3)
    assert (said["name"], said["values"]["concurrency"]["limit"]) == ("article", 100)
    limits = [said["per_worker"][str(i)]["concurrency"]["limit"] for i in range(3)]
    assert (sum(limits), max(limits) - min(limits)) == (100, 1)
