# SPDX-License-Identifier: Apache-2.0
"""Runs a command while it holds a place, and releases the place however the command, or who wanted it, ends.

This process does the work for ``harness on-place`` and watches it through a pipe: when that is killed, the command is
interrupted, so that it can bring its benches down, and the place is released after that. It reports what it
holds through another pipe, so that nothing stays held when this process is killed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Final

from harness.errors import BenchError
from harness.process.command import guarded
from harness.remote.group import end_group
from harness.remote.place import Hold, Lab, acquire, acquire_reserved, reserve
from harness.remote.watch import Watch

RESERVED: Final = "reserved"
HELD: Final = "held"
RUNNING: Final = "running"
RELEASED: Final = "released"
"""The reported lines: a word, and the reservation's token, the place, or the command's process group."""

_Report = Callable[[str, object], None]


def main() -> int:
    """Acquire, run, release; returns the command's exit status."""
    return guarded("harness on-place", _main)


def _main() -> int:
    arguments = _arguments()
    watch = Watch(arguments.lifeline)

    def report(what: str, value: object) -> None:
        # The reader may have ended.
        with contextlib.suppress(BrokenPipeError):
            os.write(arguments.report, f"{what} {value}\n".encode())

    return _on_place(arguments, watch, report)


def _on_place(arguments: argparse.Namespace, watch: Watch, report: _Report) -> int:
    lab = Lab(arguments.coordinator)
    try:
        if arguments.tag:
            token = reserve(lab, arguments.tag)
            report(RESERVED, token)
            hold = acquire_reserved(lab, token, arguments.wait, watch)
        else:
            hold = acquire(lab, arguments.place)
        report(HELD, hold.place)
        try:
            return _run(arguments.command, hold, watch, report)
        finally:
            hold.release()
    finally:
        report(RELEASED, "")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--coordinator", default="")
    parser.add_argument("--place", default="")
    parser.add_argument("--tag", action="append", default=[])
    parser.add_argument("--wait", type=float, required=True)
    parser.add_argument("--lifeline", type=int, required=True)
    parser.add_argument("--report", type=int, required=True)
    parser.add_argument("command", nargs="+")
    return parser.parse_args()


def _run(command: list[str], hold: Hold, watch: Watch, report: _Report) -> int:
    """The command's exit status; minus a signal's number when that ended it."""
    if watch.over():
        raise BenchError("interrupted before the command was started")
    # A command whose keeper is killed is interrupted as well, by the kernel.
    bound = ["setpriv", "--pdeathsig", "INT", "--", *command] if shutil.which("setpriv") else command
    with subprocess.Popen(bound, env={**os.environ, **hold.environment()}, process_group=0) as process:
        report(RUNNING, process.pid)
        watch.wait(process)
        # What the command has started is on the board as well, and may outlive it.
        end_group(process.pid)
        return process.wait()


if __name__ == "__main__":
    sys.exit(main())
