# SPDX-License-Identifier: Apache-2.0
"""All processes of the loopback board: those that it has started, and their descendants."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import time
from pathlib import Path
from typing import Final

from harness.errors import BenchError

_PR_SET_CHILD_SUBREAPER: Final = 36
_KILL_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.01


def adopt_orphans() -> None:
    """Make this process the parent of every descendant whose own parent ends, so that none can hide."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(ancestor: int | None = None) -> dict[int, str]:
    """Process id and state (``R``, ``S``, ``Z``, ...: proc(5)) of every process below ``ancestor``, or this one."""
    table: dict[int, tuple[int, str]] = {}
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            with contextlib.suppress(OSError):
                # The name in parentheses may have blanks and parentheses of its own.
                state, parent = (path / "stat").read_text().rpartition(")")[2].split()[:2]
                table[int(path.name)] = (int(parent), state)
    found: dict[int, str] = {}
    generation = {ancestor or os.getpid()}
    while generation:
        generation = {pid for pid, (parent, _) in table.items() if parent in generation}
        found |= {pid: table[pid][1] for pid in generation}
    return found


def kill_all() -> None:
    """What a power cut does: every descendant is gone when this returns. Raises BenchError for one that stays."""
    deadline = time.monotonic() + _KILL_SECONDS
    pause = select.poll()
    while living := [pid for pid, state in descendants().items() if state != "Z"]:
        if time.monotonic() > deadline:
            raise BenchError(f"processes {living} of the loopback board do not end")
        for pid in living:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        # The end of a process that is not a child has no event.
        pause.poll(_LOOK_SECONDS * 1000)


def bury(own: set[int]) -> None:
    """Collect ended orphans. ``own`` are the children whose exit status other code waits for."""
    for pid, state in descendants().items():
        if state == "Z" and pid not in own:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
