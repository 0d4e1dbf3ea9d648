# SPDX-License-Identifier: Apache-2.0
"""A limit for calls that have none of their own: labgrid's power drivers wait for a tool as long as that takes."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.errors import BenchError

_END_SECONDS = 5.0


def bounded(call: Callable[[], object], timeout: float, what: str) -> None:
    """Make a call that must end in time; what it raises is raised here.

    Raises BenchError after ``timeout`` seconds, with the commands that were still running; they have been killed.
    """
    raised: list[BaseException] = []

    def work() -> None:
        try:
            call()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=work, name=what, daemon=True)
    thread.start()
    commands: list[str] = []
    try:
        thread.join(timeout)
    finally:
        late = thread.is_alive()
        if late:
            commands = _kill(_children(f"self/task/{thread.native_id}"))
            thread.join(_END_SECONDS)
    if late:
        ran = f"; killed: {', '.join(commands)}" if commands else ""
        raise BenchError(f"{what} did not end within {timeout:g} s{ran}")
    if raised:
        raise raised[0]


def _children(task: str) -> list[int]:
    """The processes that a thread has started (proc(5)), and what these have started."""
    try:
        own = [int(word) for word in Path(f"/proc/{task}/children").read_text().split()]
    except OSError:  # it has ended
        return []
    return [pid for child in own for pid in (child, *_below(child))]


def _below(pid: int) -> Iterator[int]:
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            yield from _children(f"{pid}/task/{task.name}")


def _kill(processes: list[int]) -> list[str]:
    """Kill processes; returns their commands."""
    commands = []
    for pid in processes:
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            os.kill(pid, signal.SIGKILL)
            commands.append(" ".join(word.decode("utf-8", "replace") for word in words if word))
    return commands
