# SPDX-License-Identifier: Apache-2.0
"""The tests of the harness, ended at any moment: nothing that they have started is left."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.loopback.processes import descendants
from tests import programs
from tests.command.shell import CHECKOUT

SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
LONGEST = 240.0
"""Seconds; the tests alone take longer."""

_ADOPT = """
import ctypes, os, signal, subprocess, sys
assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0  # PR_SET_CHILD_SUBREAPER: orphans become children of this process
tests = subprocess.Popen(sys.argv[1:], process_group=0, stdout=2)
print(tests.pid, flush=True)
tests.wait()
print("ended", flush=True)
while True:
    try:
        os.wait()
    except ChildProcessError:
        break
print("nothing left", flush=True)
"""


@contextlib.contextmanager
def _run(folder: Path) -> Iterator[programs.Program[str]]:
    """All tests, below a process that whatever they leave behind becomes a child of."""
    command = [sys.executable, "-m", "tests", "-p", "no:randomly"]
    with (folder / "output").open("w") as output:
        adopting = programs.Program(
            [sys.executable, "-c", _ADOPT, *command], cwd=CHECKOUT, stdout=-1, stderr=output, text=True
        )
        try:
            yield adopting
        finally:
            left = descendants(adopting.pid)
            adopting.end()
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


@pytest.mark.long
@pytest.mark.parametrize("round_", range(10))
def test_nothing_is_left_of_tests_that_are_killed(tmp_path: Path, round_: int) -> None:
    number = SIGNALS[round_ % len(SIGNALS)]
    moment = random.uniform(0.0, LONGEST)
    print(f"{number.name} after {moment:.1f} s")
    with _run(tmp_path) as run:
        assert run.stdout
        pid = int(run.stdout.readline())
        time.sleep(moment)
        os.kill(pid, number)
        assert run.stdout.readline() == "ended\n"
        programs.until(lambda: run.poll() is not None, lambda: f"left: {_commands(run.pid)}", 60)


def _commands(above: int) -> list[str]:
    found = []
    for pid in descendants(above):
        with contextlib.suppress(OSError):
            found.append(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found
