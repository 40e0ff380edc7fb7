"""Load processes that submit tasks to a queue, and worker processes that call the API for them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from harness.bridge.architecture import Caller, Crew, Part
from harness.bridge.options import Settings
from harness.bridge.target import Target
from harness.errors import ConfigError
from harness.files import why
from harness.play.offer import policy_document
from harness.policy.split import split
from harness.spending.given import count
from harness.spending.terms import Terms
from harness.workload.spans import parse_span

try:
    from harness.queue.address import address_of
    from harness.queue.keys import name_of
    from harness.queue.settings import QueueSettings, WorkerSettings
    from harness.queued.crew import Crew as Workers
    from harness.queued.plan import Place, WorkerPlan
    from harness.queued.submitter import Submitter
except ModuleNotFoundError as error:  # Locust would show a locustfile's ImportError with its traceback
    raise SystemExit(
        f"primetime: error: {error.name} is missing: expected pip install 'primetime-harness[queue]'"
    ) from error

#: Waiters look for themselves only so often: ten thousand of them would keep the server busy.
POLL_S = 30.0


@dataclass(frozen=True, slots=True)
class Options:
    """The queue's part of a command line, checked."""

    workers: int
    drain_s: float
    url: str | None
    queue: QueueSettings
    worker: WorkerSettings


class Queued:
    """A queue in between: an embedded Valkey in the run's folder, or any Redis or Valkey."""

    name: Literal["queued"] = "queued"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The queue's options."""
        parser.add_argument(
            "--queue-workers",
            type=int,
            default=2,
            metavar="N",
            help="worker processes; the policy is divided over them (default: 2)",
        )
        parser.add_argument(
            "--queue-depth",
            type=int,
            default=QueueSettings().max_depth,
            metavar="N",
            help=f"a task is refused while N wait or run (default: {QueueSettings().max_depth})",
        )
        parser.add_argument(
            "--queue-deadline",
            default="1h",
            metavar="LENGTH",
            help="a task that waited so long fails without a call (default: 1h)",
        )
        parser.add_argument(
            "--queue-drain",
            default="5m",
            metavar="LENGTH",
            help="longest wait for the tasks left after the last arrival (default: 5m)",
        )
        parser.add_argument(
            "--queue-idle",
            default="",
            metavar="LENGTH",
            help="a worker silent for so long loses its tasks to others (default: twice the longest job)",
        )
        parser.add_argument(
            "--queue-url-file",
            type=_read_early,
            default="",
            metavar="FILE",
            help="a file with a server's redis://, rediss:// or unix:// URL (default: the run's own Valkey)",
        )

    def check(self, options: Namespace, settings: Settings, processes: int) -> None:
        """Each worker must get something of every limit; results of a queue come whole."""
        del processes
        found = options_from(options)
        if settings.stream:
            raise ConfigError("--stream: a queue's results come whole: expected none")
        for index in range(found.workers):
            split(settings.policy, index, found.workers)
        for option, most in (("requests", settings.max_requests), ("tokens", settings.max_tokens)):
            if most is not None and most < found.workers:
                raise ConfigError(f"--max-{option} {most}: expected at least 1 for each worker")

    def policy(self, options: Namespace, settings: Settings, processes: int) -> dict[str, Any]:
        """Divided over the workers."""
        return policy_document(settings.policy, options_from(options).workers, first=processes)

    def document(self, options: Namespace, run: str, processes: int) -> dict[str, Any]:
        """Which queue, and who serves it."""
        found = options_from(options)
        return {
            "server": "embedded" if found.url is None else address_of(found.url).shown,
            "name": name_of(run),
            "workers": found.workers,
            "first_worker": processes,
            "drain_s": found.drain_s,
            "settings": asdict(found.queue),
            "worker_settings": asdict(found.worker),
        }

    def drain_s(self, options: Namespace) -> float:
        """As asked for."""
        return options_from(options).drain_s

    def out_of_reach(self, options: Namespace) -> str:
        """The run's own Valkey listens on a socket in the run's folder."""
        if options_from(options).url is not None:
            return ""
        return (
            "the run's own Valkey: start the master with --queue-url-file and the URL of one that they reach"
        )

    def crew(
        self,
        options: Namespace,
        settings: Settings,
        folder: Path,
        target: Target,
        processes: int,
        terms: Terms | None,
    ) -> Crew:
        """The server, and a worker for each share of the policy and of the budget."""
        found = options_from(options)
        return Workers(
            [
                WorkerPlan(
                    place=_place(found, folder),
                    folder=str(folder.resolve()),
                    number=processes + index,
                    base_url=target.base_url,
                    api_key=target.key,
                    wire=target.wire,
                    model=target.model,
                    policy=split(settings.policy, index, found.workers),
                    settings=found.worker,
                    transport=settings.transport,
                    send_ids=target.bundled,
                    terms=None if terms is None else terms.part(index, found.workers),
                    seed=settings.seed,
                    index=index,
                )
                for index in range(found.workers)
            ]
        )

    def caller(self, part: Part) -> Caller:
        """A submitter; the first process's also notes how the queue stands."""
        place = _place(options_from(part.options), Path(part.plan.folder))
        return Submitter(place, part.emit, part.target.model, part.note if part.index == 0 else None)


def options_from(options: Namespace) -> Options:
    """The queue's settings on a parsed command line. Raises ConfigError."""
    return Options(
        workers=count("--queue-workers", options.queue_workers) or 1,
        drain_s=parse_span(options.queue_drain, "--queue-drain"),
        url=_url(options.queue_url_file),
        queue=QueueSettings(
            max_depth=count("--queue-depth", options.queue_depth) or 1,
            deadline_s=parse_span(options.queue_deadline, "--queue-deadline"),
            poll_s=POLL_S,
        ),
        worker=WorkerSettings(
            idle_timeout_s=parse_span(options.queue_idle, "--queue-idle") if options.queue_idle else None
        ),
    )


def _url(file: str) -> str | None:
    """Not an option itself: it may hold a password, and arguments are shown to everybody."""
    return address_of(_text(file)).url if file else None


@cache
def _text(file: str) -> str:
    """What stands in a file; a pipe can be read but once."""
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--queue-url-file {file}: {why(error, file)}") from error


def _read_early(file: str) -> str:
    """The option as it is, its file read before Locust forks; what is wrong with it is said by `check`."""
    if file:
        with suppress(ConfigError):
            _text(file)
    return file


def _place(found: Options, folder: Path) -> Place:
    """A queue of the run's own, on whichever server."""
    return Place(name_of(folder.name), found.url, str((folder / "queue").resolve()), found.queue)
