# SPDX-License-Identifier: Apache-2.0
"""``harness archive DIR --out FOLDER``: a run or a proof as a build server keeps it, small.

A run is compared with the one before, if there is a history.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from harness.errors import EXIT_PASS, UsageError
from harness.process.command import count, path
from harness.prove import pages as proof
from harness.report.chain import derived
from harness.report.comparing import pages
from harness.report.comparing.comparison import compare
from harness.report.evidence import folder
from harness.report.exports import archive, history, markdown

HELP = "put a run or a proof into a small folder for an archive, and tell which verdicts changed since the run before"

_MOST = 60
_SUMMARY = "summary.md"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run, where it goes, and the history."""
    parser.add_argument(
        "folder", type=path, metavar="DIR", help="folder of one run, such as reports/latest, or of a proof"
    )
    parser.add_argument("--out", type=path, required=True, metavar="FOLDER", help="a new folder for the archive")
    parser.add_argument(
        "--history", type=path, metavar="FOLDER", help="compare with the newest run that is kept there, and keep this"
    )
    parser.add_argument(
        "--most", type=count, default=_MOST, metavar="N", help="how many runs the history keeps (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Exit status 0 when it is written, whatever the verdict; the only line is for the description of a build."""
    folder.must_be_there(args.folder)
    source: Path = args.folder.resolve()
    if proof.is_one(source):
        return _proof(source, args)
    report = derived.derive(source)
    archive.pack(source, report, args.out)
    folder.write_whole(args.out / _SUMMARY, markdown.summary(report).encode())
    comparison = None
    if args.history:
        before = history.earlier(args.history, report)
        if before:
            comparison = compare(before, report)
            pages.write(args.out, comparison)
        history.keep(args.history, report, args.most)
    print(history.in_one_line(comparison, report))
    return EXIT_PASS


def _proof(source: Path, args: argparse.Namespace) -> int:
    if args.history:
        raise UsageError(f"{args.folder} is a proof, which no history keeps", remedy="leave --history out")
    kept = proof.pack(source, args.out)
    print(proof.last_line(kept, args.out / folder.INDEX))
    return EXIT_PASS
