# SPDX-License-Identifier: Apache-2.0
"""A command below a process that whatever it leaves behind becomes a child of."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from harness.loopback.processes import descendants
from tests import programs

_ADOPT = """
import ctypes, os, signal, subprocess, sys
assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0  # PR_SET_CHILD_SUBREAPER: orphans become children of this process
command = subprocess.Popen(sys.argv[1:], process_group=0, stdout=2)
print(command.pid, flush=True)
print("ended", command.wait(), flush=True)
while True:
    try:
        os.wait()
    except ChildProcessError:
        break
print("nothing left", flush=True)
"""


@contextlib.contextmanager
def adopted(
    command: Sequence[str | os.PathLike[str]], folder: Path, output: Path, environment: Mapping[str, str] | None = None
) -> Iterator[programs.Program[str]]:
    """The command, whose number is the first line; ``ended STATUS`` is the next one. It ends when nothing is left."""
    with output.open("w") as said:
        adopting = programs.Program(
            [sys.executable, "-c", _ADOPT, *command], cwd=folder, env=environment, stdout=-1, stderr=said, text=True
        )
        try:
            yield adopting
        finally:
            left = descendants(adopting.pid)
            adopting.end()
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def commands(above: int) -> dict[int, str]:
    """The command lines of all processes below the one of that number."""
    found = {}
    for pid in descendants(above):
        with contextlib.suppress(OSError):
            found[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return found
