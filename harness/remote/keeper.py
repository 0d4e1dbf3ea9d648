# SPDX-License-Identifier: Apache-2.0
"""Runs a command while it holds a place, and releases the place however the command, or who wanted it, ends.

This process does the work for ``harness on-place`` and watches it through a pipe: when that is killed, the command is
interrupted, so that it can bring its benches down, and the place is released after that. What it holds it tells through
another pipe, so that the release is not lost when this process is killed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
from typing import Final

from harness.errors import HarnessError
from harness.remote.place import Hold, Lab, acquire, reserve

RELEASED: Final = "released\n"
_CLEAN_SECONDS: Final = 60.0
_ENDS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main() -> int:
    """Acquire, run, release; returns the command's exit status."""
    arguments = _arguments()
    reading, writing = os.pipe()
    for number in _ENDS:
        # Only noted: the command gets its own interrupt, and the place is released in every case.
        signal.signal(number, lambda _number, _frame: os.write(writing, b"!"))
    lab = Lab(arguments.coordinator)
    try:
        hold = reserve(lab, arguments.tag, arguments.wait) if arguments.tag else acquire(lab, arguments.place)
    except HarnessError as error:
        print(f"harness on-place: error: {error}", file=sys.stderr)
        return error.exit_status
    _tell(arguments.report, f"{hold.place} {hold.token}\n")
    try:
        return _run(arguments.command, hold, arguments.lifeline, reading)
    finally:
        hold.release()
        _tell(arguments.report, RELEASED)


def _tell(report: int, text: str) -> None:
    """Nobody may be there any more to be told."""
    with contextlib.suppress(BrokenPipeError):
        os.write(report, text.encode())


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


def _run(command: list[str], hold: Hold, lifeline: int, asked: int) -> int:
    """The command's exit status; minus a signal's number when that ended it."""
    # A command whose keeper is killed is interrupted as well, by the kernel.
    bound = ["setpriv", "--pdeathsig", "INT", "--", *command] if shutil.which("setpriv") else command
    with subprocess.Popen(bound, env={**os.environ, **hold.environment()}, process_group=0) as process:
        ended = os.pidfd_open(process.pid)
        poll = select.poll()
        for number in (ended, lifeline, asked):
            poll.register(number, select.POLLIN | select.POLLHUP)
        if ended not in {number for number, _ in poll.poll()}:
            _interrupt(process)
        os.close(ended)
        return process.wait()


def _interrupt(process: subprocess.Popen[bytes]) -> None:
    """As Ctrl-C does; one that does not end is killed."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_CLEAN_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


if __name__ == "__main__":
    sys.exit(main())
