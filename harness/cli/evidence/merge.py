# SPDX-License-Identifier: Apache-2.0
"""``harness merge DIR...``: runs of several boards or nights as one run, with one report."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from harness.errors import STATUSES_OF_A_RUN
from harness.process.command import path
from harness.report.evidence import folder
from harness.report.exports.outcome import outcome
from harness.report.pages import html
from harness.report.verdict import shortfalls
from harness.runs.merging import merge

HELP = "make one report of several runs, and list where they contradict each other"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options: the runs, and where the new one goes."""
    parser.epilog = STATUSES_OF_A_RUN
    parser.add_argument("runs", type=path, nargs="+", metavar="DIR", help="folders of runs that are to be one")
    parser.add_argument("--out", type=path, default=Path("reports"), metavar="DIR", help="folder for reports")
    parser.add_argument("--json", action="store_true", help="print the verdict and its reasons as JSON")


def run(args: argparse.Namespace) -> int:
    """Merge the runs; the exit status is that of the merged run."""
    for each in args.runs:
        folder.must_be_there(each)
    target, report = merge(args.runs, args.out, shlex.join(["harness", *sys.argv[1:]]))
    if args.json:
        print(outcome(report, args.out / target.name / folder.INDEX))
        return report.run.exit_status
    told = [*html.accepted_failures(report.cases), *shortfalls.lines(report.run), *map(str, report.run.narrowed)]
    for line in [*told, *report.run.reasons]:
        print(line)
    print(html.last_line(report.run, args.out / target.name / folder.INDEX))
    return report.run.exit_status
