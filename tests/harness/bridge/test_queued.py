"""The queue's part of a command line, and what a manifest says of it."""

import os
from argparse import ArgumentParser, Namespace
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.bridge.options import add_arguments, settings_from
from harness.bridge.queued import Queued, options_from
from harness.errors import ConfigError
from harness.queued.crew import Crew
from harness.queued.plan import WorkerPlan
from harness.spending.amount import Amount, limit
from harness.spending.meter import Meter
from harness.spending.terms import Terms


def options(*words: str) -> Namespace:
    parser = ArgumentParser()
    add_arguments(parser, "calm")
    Queued().add_arguments(parser)
    parsed = parser.parse_args(words)
    vars(parsed).update({"num_users": None, "run_time": None})
    return parsed


def check(*words: str) -> None:
    given = options(*words)
    Queued().check(given, settings_from(given), 1)


def plans(crew: object) -> list[WorkerPlan]:
    assert isinstance(crew, Crew)
    return list(crew._plans)


def test_the_defaults_are_two_workers_and_a_server_of_the_run_s_own() -> None:
    found = options_from(options())

    assert (found.workers, found.drain_s, found.url) == (2, 300.0, None)
    assert (found.queue.max_depth, found.queue.deadline_s) == (10_000, 3600.0)
    assert found.worker.idle_timeout_s is None


def test_another_host_reaches_a_server_that_is_named_and_not_the_run_s_own(tmp_path: Path) -> None:
    url = tmp_path / "url"
    url.write_text("redis://192.0.2.7")
    assert Queued().out_of_reach(options("--queue-url-file", str(url))) == ""
    assert Queued().out_of_reach(options()).startswith("the run's own Valkey: start the master with")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--queue-workers", "0"), "--queue-workers"),
        (("--queue-depth", "-1"), "--queue-depth"),
        (("--queue-drain", "soon"), "--queue-drain"),
        (("--queue-url-file", "none.txt"), "none.txt: No such file"),
        (("--stream",), "--stream"),
        (("--queue-workers", "200"), "concurrency.initial"),
        (("--max-requests", "1"), "--max-requests 1"),
        (("--max-tokens", "1"), "--max-tokens 1"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_runs(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check(*words)


def test_a_url_comes_from_a_file_and_its_password_stands_in_no_manifest(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("redis://:secret@127.0.0.1:7000/2\n")
    given = options("--queue-url-file", str(file))

    assert options_from(given).url == "redis://:secret@127.0.0.1:7000/2"
    document = Queued().document(given, "a-run", 3)
    assert document["server"] == "redis://127.0.0.1:7000/2"
    assert "secret" not in str(document)


def test_a_url_may_come_through_a_pipe_which_can_be_read_but_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as threads:
        threads.submit(pipe.write_text, "redis://:secret@127.0.0.1:7000/2\n")
        given = options("--queue-url-file", str(pipe))
    pipe.unlink()

    Queued().check(given, settings_from(given), 1)
    assert Queued().document(given, "a-run", 3)["server"] == "redis://127.0.0.1:7000/2"
    assert options_from(given).url == "redis://:secret@127.0.0.1:7000/2"
    assert "secret" not in str(given)


@pytest.mark.parametrize("policy", ["my policy", "นโยบาย", "p" * 150, "#1?"])
def test_a_run_may_be_called_what_a_queue_may_not(tmp_path: Path, policy: str) -> None:
    folder = tmp_path / f"20261126T120000-queued-{policy}"
    given = options()
    settings = settings_from(given)
    target = settings.target("http://127.0.0.1:1", bundled=True)
    crew = Queued().crew(given, settings, folder, target, 1, None)

    for plan in plans(crew):
        assert plan.place.for_workers().name == plan.place.name
        assert plan.place.name == Queued().document(given, folder.name, 1)["name"]
        assert plan.place.directory == str(folder / "queue")


def test_runs_whose_queues_would_have_like_names_have_queues_of_their_own() -> None:
    runs = ["x-ก", "x-ข", "x-_", "p" * 101, "p" * 102]
    assert len({Queued().document(options(), run, 1)["name"] for run in runs}) == len(runs)


def test_workers_are_numbered_on_from_the_load_processes_and_share_the_limits(tmp_path: Path) -> None:
    given = options("--queue-workers", "2")
    settings = settings_from(given)
    target = settings.target("http://127.0.0.1:1", bundled=True)
    terms = Terms(limit(requests=7, tokens=11, picodollars=5), Meter(tokens=True))
    crew = Queued().crew(given, settings, tmp_path, target, 3, terms)
    first, second = plans(crew)

    assert (first.number, second.number) == (3, 4)
    assert (first.terms.limit, second.terms.limit) == (Amount(4, 6, 3), Amount(3, 5, 2))
    assert first.policy.concurrency.max + second.policy.concurrency.max == settings.policy.concurrency.max
    assert first.place.directory == str(tmp_path / "queue")
    assert sorted(Queued().policy(given, settings, 3)["per_worker"]) == ["3", "4"]
