# SPDX-License-Identifier: Apache-2.0
"""``harness report DIR``: the verdicts and pages of a run, made again from its journal and evidence."""

from __future__ import annotations

import argparse
import contextlib
import sys
from functools import partial

from harness.errors import STATUSES_OF_A_RUN
from harness.process.command import path
from harness.report.chain import derived, manifest
from harness.report.evidence import folder, reader
from harness.report.evidence.model import Report
from harness.report.exports import markdown, sdoc, statement
from harness.report.exports.outcome import outcome
from harness.report.pages import html, trend
from harness.report.verdict import shortfalls

HELP = "rebuild the pages of a report from the evidence of its run, and print its verdict"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options: the folder, and what to compare it with."""
    parser.epilog = STATUSES_OF_A_RUN
    parser.add_argument("folder", type=path, metavar="DIR", help="folder of one run, such as reports/latest")
    parser.add_argument(
        "--baseline",
        type=path,
        action="append",
        default=[],
        metavar="OLD",
        help="folder of an earlier run to compare figures with; give several for a trend (the newest is the baseline)",
    )
    parser.add_argument(
        "--pdf", type=path, metavar="FILE", help="write the report as one PDF file, too, for print and archive (PDF/A)"
    )
    parser.add_argument("--markdown", type=path, metavar="FILE", help="write a summary for chat and pull requests, too")
    parser.add_argument(
        "--in-toto", type=path, metavar="FILE", help="write an in-toto statement (test-result) about the run, too"
    )
    parser.add_argument(
        "--sdoc", type=path, metavar="FILE", help="write the catalogue with verdicts for StrictDoc, too (for ReqIF)"
    )
    parser.add_argument("--json", action="store_true", help="print the verdict and its reasons as JSON")


def run(args: argparse.Namespace) -> int:
    """Write the pages; the exit status is the one of the run."""
    with contextlib.redirect_stdout(sys.stderr) if args.json else contextlib.nullcontext():
        report = _report(args)
    if args.json:
        print(outcome(report, args.folder / folder.INDEX))
    return report.run.exit_status


def _report(args: argparse.Namespace) -> Report:
    folder.must_be_there(args.folder)
    report = derived.derive(args.folder)
    earlier = [reader.read(old) for old in args.baseline]
    results, content = args.folder / folder.RESULTS, reader.to_json(report)
    if results.is_file() and results.read_bytes() != content:
        print(f"{results} was not what the journal gives, and was made again (harness verify names the differences)")
    folder.write_whole(results, content)
    html.write(args.folder, report, earlier)
    if args.pdf:
        # Its library takes some time to load, and most calls want no PDF.
        from harness.report import pdf

        pdf.write(args.pdf, args.folder, report)
        print(f"  PDF: {args.pdf}")
    for target, text in (
        (args.markdown, markdown.summary),
        (args.sdoc, sdoc.document),
        (args.in_toto, partial(statement.statement, args.folder, manifest=args.folder / manifest.MANIFEST)),
    ):
        if target:
            folder.write_whole(target, text(report).encode())
    _print(report, earlier)
    print(html.last_line(report.run, args.folder / folder.INDEX))
    return report


def _print(report: Report, earlier: list[Report]) -> None:
    for reason in report.run.reasons:
        print(f"  {reason}")
    for line in shortfalls.lines(report.run):
        print(line)
    for narrowing in report.run.narrowed:
        print(narrowing)
    if earlier:
        baseline = max(earlier, key=lambda old: old.run.started)
        moved = [change for change in trend.changes(report, baseline).values() if change.verdict != "same"]
        worse = sum(change.verdict == "worse" for change in moved)
        print(f"  figures since {baseline.run.id}: {worse} worse, {len(moved) - worse} better")
