# SPDX-License-Identifier: Apache-2.0
"""The processes of a command: its process group, which is what Ctrl-C on a terminal reaches."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_CLEAN_SECONDS: Final = 60.0
_KILLED_SECONDS: Final = 5.0
_LOOK_MILLISECONDS: Final = 50


def end_group(group: int, *, leader_knows: bool = False) -> None:
    """Interrupt all that is left of a process group, and kill what does not end by that; returns when none is left.

    With ``leader_knows``, its first process was interrupted already; a second time could break off its clean-up.
    """
    _signal([pid for pid in _living(group) if not (leader_knows and pid == group)], signal.SIGINT)
    _wait(group, _CLEAN_SECONDS)
    _signal(_living(group), signal.SIGKILL)
    _wait(group, _KILLED_SECONDS)


def _signal(processes: Sequence[int], number: signal.Signals) -> None:
    for pid in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _wait(group: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    pause = select.poll()
    while _living(group) and time.monotonic() < deadline:
        # The end of a process that is not a child has no event.
        pause.poll(_LOOK_MILLISECONDS)


def _living(group: int) -> list[int]:
    """The processes of the group that run; one that has ended may still be waiting for its funeral."""
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            with contextlib.suppress(OSError):
                # The name in parentheses may have blanks and parentheses of its own.
                state, _, of = (path / "stat").read_text().rpartition(")")[2].split()[:3]
                if int(of) == group and state not in "ZX":
                    found.append(int(path.name))
    return found
