"""The start form's fields as Locust will take them."""

from __future__ import annotations

from argparse import Namespace

import pytest

from harness.bridge.live.form import asked_for, check_loop
from harness.errors import ConfigError

OPTIONS = Namespace(
    policy="tuned", seed=1, peak_rps=20.0, stream=False, max_requests=None, tags=None, run_time=None
)


def test_fields_have_the_types_of_their_options_and_the_options_stay_as_they_are() -> None:
    form = {
        "policy": "my.toml",
        "seed": "7",
        "peak_rps": "40",
        "stream": "true",
        "max_requests": "",
        "host": "x",
    }
    asked = asked_for(OPTIONS, form)
    assert (asked.policy, asked.seed, asked.peak_rps, asked.stream) == ("my.toml", 7, 40.0, True)
    assert asked.max_requests is None
    assert not hasattr(asked, "host")
    assert (OPTIONS.policy, OPTIONS.seed, OPTIONS.stream) == ("tuned", 1, False)
    assert asked_for(OPTIONS, {"max_requests": "50"}).max_requests == "50"  # as Locust sets it: text


def test_what_locust_reads_itself_is_left_to_it() -> None:
    assert asked_for(OPTIONS, {"run_time": "many", "user_count": "many"}).run_time is None


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("peak_rps", "many", "--peak-rps = 'many': expected a number"),
        ("seed", "1.5", "--seed = '1.5': expected a whole number"),
        ("seed", "", "--seed = '': expected a whole number"),
    ],
)
def test_a_text_that_is_no_number_is_told_by_its_option(field: str, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        asked_for(OPTIONS, {field: text})
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("started", "asked", "words"),
    [
        ("gamma", "closed", "--arrivals = 'closed': expected a start with --arrivals closed -u N"),
        ("closed", "gamma", "--arrivals = 'gamma': expected a start with --arrivals gamma"),
    ],
)
def test_open_and_closed_loops_are_chosen_at_the_start(started: str, asked: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_loop(Namespace(arrivals=started), Namespace(arrivals=asked))
    assert str(caught.value) == words


def test_the_same_loop_has_other_arrivals_and_a_trace_has_no_choice() -> None:
    check_loop(Namespace(arrivals="gamma"), Namespace(arrivals="poisson"))
    check_loop(Namespace(arrivals="closed"), Namespace(arrivals="closed"))
    check_loop(Namespace(), Namespace())
