from pathlib import Path

from reports.reading.load import read_run
from reports.summary.configuration import parts
from tests.reports import runs

OWN = "Policy of each worker, where it is another"


def own(folder: Path, per_worker: dict[str, object]) -> object:
    runs.manifest(folder)
    whole = read_run(folder).document["policy"]
    runs.rewrite_manifest(folder, policy={**whole, "per_worker": per_worker})
    return dict(parts(read_run(folder))).get(OWN)


def test_of_workers_only_what_is_another_is_listed(tmp_path: Path) -> None:
    split = {"0": {"concurrency": {"kind": "static", "limit": 20}}, "1": {"concurrency": {"limit": 40}}}
    assert own(tmp_path, split) == {"0.concurrency.limit": "20"}


def test_one_worker_with_all_of_it_is_not_listed(tmp_path: Path) -> None:
    assert own(tmp_path, {"0": {"concurrency": {"limit": 40}, "deadline_s": 60.0}}) is None
