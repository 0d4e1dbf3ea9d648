# SPDX-License-Identifier: Apache-2.0
"""``harness bench``: take the figures of benches with many samples, print their ratios, and say what has become worse.

It is a run as ``harness qualify`` makes one, of the suite about performance alone, with a report of its own. The
history of figures lies in the folder of reports.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import sys
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, TextIO

from labgrid.config import Config
from rich.console import Console
from rich.table import Table

from harness import shipped
from harness.cli.qualify import add_environment, benches_of, default_environment, reports_folder
from harness.errors import EXIT_BENCH_ERROR, EXIT_PASS, EXIT_REQUIREMENT_FAILED, EXIT_USAGE, UsageError
from harness.measure.statistics import PERCENTILES
from harness.process import ending
from harness.process.command import path
from harness.process.interpreter import refuse_optimised
from harness.report.comparing.nights import remember
from harness.report.evidence.folder import INDEX
from harness.report.evidence.journal import NightsCompared
from harness.report.evidence.model import Metric, Report
from harness.report.figures import nights, thresholds
from harness.report.pages import figures, html, view
from harness.report.recording.progress import Progress
from harness.runs.qualify import Part, Qualification
from harness.runs.sessions import Sessions, until_interrupted
from harness.target.benches import read_benches

HELP = "take the figures of benches, with references, and compare them with earlier nights"

_SUITE: Final = f"{shipped.SUITES.name}/performance"
_FEATURE: Final = "performance"
_REMEDY: Final = f"write {_FEATURE} into the features of a bench whose guests nothing else disturbs (docs/figures.md)"
_WIDE: Final = 200
_WORDS: Final = {EXIT_PASS: "measured", EXIT_BENCH_ERROR: "bench error", EXIT_USAGE: "wrong usage"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where, and what is printed."""
    add_environment(parser)
    parser.add_argument(
        "--bench",
        action="append",
        default=[],
        metavar="NAME",
        help="on this bench only; repeatable (default: all with the feature performance)",
    )
    parser.add_argument("-k", dest="keyword", metavar="EXPRESSION", help="take only these figures (as pytest's -k)")
    parser.add_argument(
        "--out", type=path, metavar="DIR", help="folder for reports and the history of figures (default: reports)"
    )
    parser.add_argument("--json", action="store_true", help="print the figures and what has become worse as JSON")
    parser.epilog = (
        "exit status: 0 measured, 1 a figure has become worse or missed a threshold or a requirement failed,"
        " 2 bench error, or nothing was judged on a bench or by a threshold, 3 wrong usage"
    )


def run(args: argparse.Namespace) -> int:
    """Measure; see the epilog for the exit status, which is 130 after an interrupt."""
    refuse_optimised()
    environment = args.lg_env or default_environment()
    benches = benches_of(environment, args.bench)
    known = read_benches(Config(str(environment)))
    measured = [name for name in benches if _FEATURE in known[name].features]
    if args.bench and (without := [name for name in benches if name not in measured]):
        raise UsageError(f"no figures are taken on {', '.join(without)}", remedy=_REMEDY)
    if not measured:
        raise UsageError(f"no bench of {environment} has the feature {_FEATURE}", remedy=_REMEDY)
    options = ["--figures", *(["-k", args.keyword] if args.keyword else [])]
    sessions = Sessions(environment.resolve(), (_SUITE,), options=options)
    out = sys.stderr if args.json else sys.stdout
    progress = Progress(out, shutil.get_terminal_size().columns if out.isatty() else None)
    qualification = Qualification(
        sessions,
        reports_folder(args.out),
        shlex.join(["harness", *sys.argv[1:]]),
        progress,
        {"purpose": "figures"},
    )
    interrupted = False
    try:
        # One bench at a time: figures of one are noise to those of another.
        until_interrupted(qualification.run([Part(bench) for bench in measured], 1))
    except KeyboardInterrupt:
        qualification.add_error("the run was interrupted")
        interrupted = True
    finally:
        progress.close()
    with ending.held():
        # Where only some figures are asked for, a bench may have none of them.
        wanted = [] if args.keyword else measured
        status = _finish(qualification, reports_folder(args.out), wanted, as_json=args.json)
    return ending.INTERRUPTED if interrupted else status


def _finish(qualification: Qualification, reports: Path, wanted: Collection[str], *, as_json: bool) -> int:
    try:
        report = qualification.finish(lambda report: NightsCompared(remember(reports, report)))
    except OSError as error:
        print(html.without_report(error, qualification.shown), file=sys.stderr)
        return EXIT_BENCH_ERROR
    if as_json:
        print(json.dumps(document(report), indent=1))
    else:
        show(report, sys.stdout)
    out = sys.stderr if as_json else sys.stdout
    errors = (f"error: {message}" for message in qualification.said)
    without = (f"error: no figure was taken on {name}" for name in _without_figures(report, wanted))
    found = (*_failures(report), *thresholds.lines(report.thresholds), *nights.lines(report.history))
    for line in (*found, *without, *errors):
        print(line, file=out)
    print(f"figures: {outcome(report, wanted)}  report: {qualification.shown / INDEX}", file=out)
    return status_of(report, wanted)


def _failures(report: Report) -> Iterator[str]:
    for case in report.cases:
        if case.verdict in ("fail", "error"):
            yield f"{case.verdict}: {case.test}: {case.why}"


def _without_figures(report: Report, wanted: Collection[str]) -> list[str]:
    return sorted({*wanted} - {metric.site.bench for metric in report.metrics})


def status_of(report: Report, wanted: Collection[str]) -> int:
    """The exit status. That the run is less than a qualification is no finding here.

    ``wanted`` are the benches that all figures were asked of, none where only some figures were asked for. A bench
    without a figure, figures that are all too noisy, and a threshold that nothing was held against have judged nothing,
    which is an error; but where only some figures were asked for, those of a threshold may be among the others.
    """
    verdicts = {case.verdict for case in report.cases}
    if report.run.exit_status == EXIT_USAGE:
        return EXIT_USAGE
    broken = "error" in verdicts or report.run.exit_status == EXIT_BENCH_ERROR or not report.run.finished
    if broken or _without_figures(report, wanted) or all(metric.too_noisy for metric in report.metrics):
        return EXIT_BENCH_ERROR
    if report.run.verdict == "fail" or "fail" in verdicts:
        return EXIT_REQUIREMENT_FAILED
    idle = thresholds.idle(report.thresholds)
    if thresholds.of_kind(idle, "too noisy to judge") or (wanted and idle):
        return EXIT_BENCH_ERROR
    return EXIT_PASS


def outcome(report: Report, wanted: Collection[str]) -> str:
    """What came of the run, for its last line."""
    status = status_of(report, wanted)
    noisy = sum(metric.too_noisy for metric in report.metrics)
    judged = f"{len(report.metrics) - noisy} judged, {noisy} too noisy to judge"
    if report.thresholds:
        kinds = Counter(each.verdict for each in report.thresholds)
        judged += f"; thresholds: {', '.join(f'{number} {kind}' for kind, number in sorted(kinds.items()))}"
    if status == EXIT_REQUIREMENT_FAILED:
        return f"{'regressed' if nights.regressed(report.history) else 'FAIL'}, {judged}"
    return f"{_WORDS[status]}, {judged}"


def document(report: Report) -> dict[str, Any]:
    """The figures without their samples, and what has become worse."""

    def figure(metric: Metric) -> dict[str, Any]:
        fields = {name: value for name, value in asdict(metric).items() if name not in ("samples", "times")}
        return fields | {"too_noisy": metric.too_noisy}

    regressed = [
        {"item": each.item, "name": each.name, "unit": each.unit, "block_bytes": each.block_bytes}
        | asdict(each.site)
        | asdict(change)
        | {"relative": change.relative}
        for each, change in nights.regressed(report.history)
    ]
    return {
        "run": report.run.id,
        "figures": [figure(metric) for metric in report.metrics],
        "thresholds": [asdict(verdict) for verdict in report.thresholds],
        "regressed": regressed,
    }


def show(report: Report, out: TextIO) -> None:
    """The tables, as wide as it takes where ``out`` is no terminal: who reads it there can scroll."""
    console = Console(file=out, width=None if out.isatty() else _WIDE, highlight=False)
    for table in _tables(report):
        console.print(table)


def _tables(report: Report) -> list[Table]:
    """Ratios first, then what has none, then distributions."""
    labels = figures.site_labels(report.metrics)
    ordered = figures.ordered(report.metrics)
    ratios = _table("Ratios", "ratio (95 %)", "value", "reference")
    values = _table("Without a reference", "value")
    times = _table("Distributions of times", "times", *PERCENTILES)
    for metric in ordered:
        block = figures.block_size(metric.block_bytes) if metric.block_bytes else ""
        head = (metric.name, labels[metric.site], block)
        if metric.ratio is not None:
            shown = (figures.shown_ratio(metric), figures.shown_value(metric), figures.shown_reference(metric))
            ratios.add_row(*head, *shown)
        else:
            values.add_row(*head, figures.shown_value(metric))
    for metric in figures.distributions(report.metrics):
        cells = [view.figure(metric.percentiles[name]) if name in metric.percentiles else "" for name in PERCENTILES]
        times.add_row(f"{metric.name}, {metric.unit}", labels[metric.site], "", str(metric.count), *cells)
    return [table for table in (ratios, values, times) if table.row_count]


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in ("figure", "bench", "block"):
        table.add_column(name)
    for name in columns:
        table.add_column(name, justify="right")
    return table
