# SPDX-License-Identifier: Apache-2.0
"""``harness on-place``: run a command on a board of a lab that others use too; it is given back in every case."""

from __future__ import annotations

import argparse
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Final

from harness.errors import EXIT_BENCH_ERROR, UsageError
from harness.remote.group import end_group
from harness.remote.keeper import HELD, RELEASED, RESERVED, RUNNING
from harness.remote.place import Hold, Lab

HELP = "acquire a labgrid place, run a command, and release the place in every case"

_HOUR: Final = 3600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options: which place, and the command."""
    parser.add_argument(
        "--coordinator",
        default="",
        metavar="HOST:PORT",
        help="labgrid's coordinator (default: the variable LG_COORDINATOR)",
    )
    parser.add_argument("--place", default="", metavar="NAME", help="acquire this place")
    parser.add_argument(
        "--tag",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="acquire a free place that has this tag; repeatable",
    )
    parser.add_argument(
        "--wait", type=float, default=_HOUR, metavar="SECONDS", help="how long to wait for a place with the tags"
    )
    parser.add_argument("command", nargs="+", metavar="COMMAND", help="what to run, after --")
    parser.epilog = (
        "exit status: that of COMMAND, or 2 when there is no place; example: "
        "harness on-place --tag board=rpi4 -- pytest suites/ --lg-env targets/qnx-lab-example.yaml"
    )


def run(args: argparse.Namespace) -> int:
    """Run the command to its end; the exit status is the command's, 2 when there is no place."""
    if bool(args.place) == bool(args.tag):
        raise UsageError("either --place or --tag is needed", remedy="give one of the two (harness on-place --help)")
    lifeline, alive = os.pipe()
    report, reporting = os.pipe()
    words = ["--coordinator", args.coordinator, "--place", args.place, "--wait", str(args.wait)]
    words += [word for tag in args.tag for word in ("--tag", tag)]
    ends = ["--lifeline", str(lifeline), "--report", str(reporting)]
    command = [sys.executable, "-m", "harness.remote.keeper", *words, *ends, "--", *args.command]
    # In a session of its own: Ctrl-C reaches it through this process alone, and reading the terminal does not stop it.
    with (
        subprocess.Popen(command, pass_fds=[lifeline, reporting], start_new_session=True) as keeper,
        os.fdopen(alive, "wb"),
    ):
        os.close(lifeline)
        os.close(reporting)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, _frame: keeper.send_signal(number))
        ended = os.pidfd_open(keeper.pid)
        while keeper.poll() is None:
            # Python handles a signal that comes just before a wait only after it, so none of these is long.
            select.select([ended], [], [], 1.0)
        os.close(ended)
    with os.fdopen(report) as reported:
        _clean(Lab(args.coordinator), dict(line.rstrip("\n").split(" ") for line in reported))
    return EXIT_BENCH_ERROR if keeper.returncode < 0 else keeper.returncode


def _clean(lab: Lab, reported: Mapping[str, str]) -> None:
    """End the command and release what is held, where the keeper was killed before it could. Raises BenchError."""
    if RELEASED in reported:
        return
    if RUNNING in reported:
        # The kernel has interrupted the command itself.
        end_group(int(reported[RUNNING]), leader_knows=True)
    if HELD in reported:
        Hold(lab, reported[HELD], reported.get(RESERVED, "")).release()
    elif RESERVED in reported:
        lab.client("cancel-reservation", reported[RESERVED])
