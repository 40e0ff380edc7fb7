"""`html`: the page of a run, of several side by side, of a sweep or of a study, from what is on disk."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from reports import exits
from reports.commands.compare import STAGES, common_parent
from reports.commands.options import add_failures, add_goodput, add_prices, each_once, priced, wanted
from reports.errors import RunError, UsageError
from reports.figures import failures
from reports.reading.document import read_document
from reports.reading.folders import MANIFEST, no_folder, runs_in
from reports.reading.load import read_run, read_runs
from reports.summary.result import save, summarise
from reports.telling.progress import Stages

NAME, HELP = "html", "write the self-contained page of a run, a comparison, a sweep or a study"
EXAMPLES = (
    "python -m reports html RUN",
    "python -m reports html RUN -o evening.html",
    "python -m reports html runs/*-article runs/*-tuned",
    "python -m reports html sweeps/knee",
)

#: What a folder is known by.
RUN, SWEEP, STUDY = MANIFEST, "sweep.json", "tune.json"
KNOWN_BY = (RUN, SWEEP, STUDY)


def add(command: argparse.ArgumentParser) -> None:
    """Its options."""
    command.add_argument(
        "folders",
        metavar="FOLDER",
        type=Path,
        nargs="+",
        help="a run; two runs or more, to compare; or what `sweep` or `tune` wrote",
    )
    command.add_argument(
        "-o",
        dest="out",
        metavar="FILE",
        type=Path,
        help="where to (default: report.html, sweep.html or tune.html there; compare.html beside the runs)",
    )
    add_goodput(command)
    add_prices(command)
    add_failures(command)


def run(options: argparse.Namespace) -> int:
    """Do it. Raises ReportError."""
    kinds = [kind_of(folder) for folder in options.folders]
    first, kind = options.folders[0], kinds[0]
    if len(kinds) > 1:
        if others := [f for f, k in zip(options.folders, kinds, strict=True) if k != RUN]:
            raise UsageError(f"{others[0]}: no run: expected runs, to compare them, or one folder")
        page, out = _compare(options), common_parent(options.folders) / "compare.html"
    elif kind == RUN:
        page, out = _run(options), first / "report.html"
    else:
        _refuse_choices(options)
        page, out = _PAGES[kind](first / kind), (first / kind).with_suffix(".html")
    print(f"wrote {save(options.out or out, page.encode())}")
    return exits.OK


def kind_of(folder: Path) -> str:
    """The file that a folder is known by. Raises RunError."""
    if not folder.is_dir():
        raise RunError(no_folder(folder))
    found = [name for name in KNOWN_BY if (folder / name).exists()]
    if not found and (hint := runs_in(folder)):
        raise RunError(f"{folder}: {hint}")
    if len(found) != 1:
        what = f"{' and '.join(found)} in one folder" if found else "neither a run, nor a sweep, nor a study"
        raise RunError(f"{folder}: {what}: expected one of {', '.join(KNOWN_BY)}")
    return found[0]


def _refuse_choices(options: argparse.Namespace) -> None:
    """What was left of a sweep or a study are figures: no other choice can be made of them any more."""
    given = (options.goodput, options.prices, options.failures)
    if given != (None, None, failures.CHOICES[0]):
        what = "--goodput, --prices and --failures"
        raise UsageError(f"{options.folders[0]}: {what} are for runs: it holds figures only")


# Plotting takes a second to import; only the commands that draw pay for it.


def _run(options: argparse.Namespace) -> str:
    from reports.summary.page import render  # noqa: PLC0415

    objectives, prices = wanted(options), priced(options)
    with Stages({"reading": 0.5, "summing up": 0.4, "drawing": 0.1}) as stages:
        run = read_run(options.folders[0], stages.enter("reading"))
        stages.enter("summing up")
        summary = summarise(run, objectives, prices, options.failures)
        stages.enter("drawing")
        return render(run, objectives, summary)


def _compare(options: argparse.Namespace) -> str:
    from reports.compare import changes, page, result  # noqa: PLC0415

    objectives, prices = wanted(options), priced(options)
    with Stages(STAGES) as stages:
        runs = list(read_runs(each_once(options.folders), stages.enter("reading")))
        stages.enter("comparing")
        compared = result.collect(runs, objectives, prices, options.failures)
        decided = changes.decide(compared)
        stages.enter("drawing")
        return page.render(compared, result.warnings(runs, changes.excused(decided)), decided)


def _sweep(file: Path) -> str:
    from reports.sweep.page import render  # noqa: PLC0415
    from reports.sweep.told import Told  # noqa: PLC0415

    return render(read_document(file, Told))


def _study(file: Path) -> str:
    from reports.tune.page import render  # noqa: PLC0415
    from reports.tune.told import Told  # noqa: PLC0415

    return render(read_document(file, Told))


_PAGES: dict[str, Callable[[Path], str]] = {SWEEP: _sweep, STUDY: _study}
