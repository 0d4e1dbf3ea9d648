# SPDX-License-Identifier: Apache-2.0
"""The processes of a command: its process group, which is what Ctrl-C on a terminal reaches."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from pathlib import Path
from typing import Final

_CLEAN_SECONDS: Final = 60.0
_KILLED_SECONDS: Final = 5.0
_LOOK_MILLISECONDS: Final = 50


def end_group(group: int) -> None:
    """Interrupt all that is left of a process group, and kill what does not end by that; returns when none is left."""
    for number, patience in ((signal.SIGINT, _CLEAN_SECONDS), (signal.SIGKILL, _KILLED_SECONDS)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)
        deadline = time.monotonic() + patience
        pause = select.poll()
        while _lives(group) and time.monotonic() < deadline:
            # The end of a process that is not a child has no event.
            pause.poll(_LOOK_MILLISECONDS)


def _lives(group: int) -> bool:
    """Whether a process of the group runs; one that has ended may still be waiting for its funeral."""
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            with contextlib.suppress(OSError):
                # The name in parentheses may have blanks and parentheses of its own.
                state, _, of = (path / "stat").read_text().rpartition(")")[2].split()[:3]
                if int(of) == group and state not in "ZX":
                    return True
    return False
