# SPDX-License-Identifier: Apache-2.0
"""``harness compare OLD NEW``: which verdicts, readings and figures changed from one run to another."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from harness.errors import EXIT_PASS, EXIT_REQUIREMENT_FAILED
from harness.process.command import path
from harness.report.chain import derived
from harness.report.comparing import pages
from harness.report.comparing.comparison import compare
from harness.report.evidence import folder, reader
from harness.report.evidence.model import Report

HELP = "compare two runs: changed verdicts first, then readings, then figures"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options: the two runs, and where the comparison goes."""
    parser.epilog = (
        "exit status: 0 no verdict changed for the worse, 1 one did (of a requirement, or of the run), 3 wrong usage"
    )
    parser.add_argument("old", type=path, metavar="OLD", help="folder of the earlier run, or of the other item")
    parser.add_argument("new", type=path, metavar="NEW", help="folder of the later run")
    parser.add_argument(
        "--out", type=path, metavar="DIR", help="also write compare.html, compare.md and compare.json into this folder"
    )
    parser.add_argument("--json", action="store_true", help="print the comparison as JSON")


def run(args: argparse.Namespace) -> int:
    """Compare the runs; exit status 0 when no verdict changed for the worse, 1 when one did."""
    comparison = compare(_report(args.old), _report(args.new))
    print(pages.as_json(comparison) if args.json else pages.markdown(comparison), end="")
    if args.out:
        pages.write(args.out, comparison)
        print(f"comparison: {args.out / pages.PAGE}", file=sys.stderr if args.json else sys.stdout)
    return EXIT_REQUIREMENT_FAILED if comparison.worse else EXIT_PASS


def _report(target: Path) -> Report:
    """Derive the report from the journal; of an archive that has ``results.json`` alone, read that."""
    folder.must_be_there(target)
    return derived.derive(target) if (target / folder.JOURNAL).is_file() else reader.read(target)
