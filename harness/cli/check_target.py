# SPDX-License-Identifier: Apache-2.0
"""``harness check-target``: is a target file right? With ``--live``: does the board do what the file says?"""

from __future__ import annotations

import argparse
import json

from harness.errors import EXIT_BENCH_ERROR, EXIT_PASS, EXIT_REQUIREMENT_FAILED, UsageError
from harness.process.command import must_exist, path, source
from harness.process.interpreter import refuse_optimised

HELP = "check a target file, and with --live the board that it describes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options: the files, and whether to use the boards."""
    parser.add_argument("files", nargs="+", type=source, metavar="FILE", help="labgrid environment file with targets")
    parser.add_argument(
        "--live",
        action="store_true",
        help="also try power, serial console, login, SSH, upload and one guest, step by step",
    )
    parser.add_argument("--target", metavar="NAME", help="with --live: this target only")
    parser.add_argument("--log", type=path, metavar="FILE", help="with --live: where the host's console log goes")
    parser.add_argument("--json", action="store_true", help="print the problems as a JSON list (not with --live)")
    parser.epilog = "exit status: 0 no error, 1 an error in a file, 2 a step on the board failed"


def run(args: argparse.Namespace) -> int:
    """Print problems as FILE:LINE: TEXT; with --live, the steps with their times."""
    from harness.target.check import check
    from harness.target.live import walk

    if args.live:
        if args.json:
            raise UsageError("--json has no form for the steps of --live", remedy="give one of them")
        refuse_optimised()
    must_exist(args.files)
    problems = [problem for file in args.files for problem in check(file)]
    if args.json:
        print(json.dumps([vars(problem) for problem in problems], indent=1))
        return EXIT_REQUIREMENT_FAILED if any(not problem.warning for problem in problems) else EXIT_PASS
    for problem in problems:
        print(problem)
    if any(not problem.warning for problem in problems):
        return EXIT_REQUIREMENT_FAILED
    for file in args.files:
        print(f"{file}: good")
    if args.live and not all(walk(file, args.target, args.log, print) for file in args.files):
        return EXIT_BENCH_ERROR
    return EXIT_PASS
