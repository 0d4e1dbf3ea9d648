# SPDX-License-Identifier: Apache-2.0
"""Running the tools that provisioning uses: apt, dpkg, QEMU, the compiler.

A tool ends when the process that started it ends, even by SIGKILL: a download that goes on in the background would
fight with the second start for apt's locks.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from harness.errors import HarnessError
from harness.narrow import present
from harness.paths import plain_base

_DISK_FULL: Final = ("No space left on device", "NoSpaceLeft", "enough free space", "Disk quota exceeded", "FileTooBig")
"""How apt, dpkg and the compiler say that a disk is full (observed)."""

_SHOWN_LINES: Final = 15


class ToolError(HarnessError):
    """A tool failed: ``output`` is what it said last, ``disk_full`` whether it said that the disk is full."""

    def __init__(self, message: str, *, output: str = "", remedy: str = "") -> None:
        said = "\n".join(f"  | {line}" for line in output.strip().splitlines()[-_SHOWN_LINES:])
        super().__init__(f"{message}\n{said}" if said else message, remedy=remedy)
        self.output = output
        self.disk_full = any(phrase in output for phrase in _DISK_FULL)


@dataclass(frozen=True)
class ToolResult:
    """What a tool left: its exit status (negative: the signal that ended it) and its output."""

    status: int
    stdout: str
    stderr: str

    @property
    def said(self) -> str:
        """The tool's own message: the standard error, or the output of a tool that complains there."""
        return self.stderr.strip() or self.stdout.strip()

    @property
    def how(self) -> str:
        """How it ended, in words."""
        return f"was ended by signal {-self.status}" if self.status < 0 else f"exited with status {self.status}"


# A parent that ends before its child has asked for the signal ends without one.
_IF_PARENT_LIVES: Final = '[ "$PPID" = "$0" ] && exec "$@"'


def bound_to_parent(argv: Sequence[str]) -> list[str]:
    """The command line that runs `argv` so that the kernel ends it together with this process, which has to start it.

    setpriv belongs to util-linux, which every distribution has; without it the command runs unbound.
    """
    setpriv = shutil.which("setpriv")
    if not setpriv:
        return list(argv)
    return [setpriv, "--pdeathsig", "KILL", "--", "/bin/sh", "-c", _IF_PARENT_LIVES, str(os.getpid()), *argv]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a tool: ours, and `extra`.

    Messages are in English, because we look for phrases in them. The folder for temporary files has a plain path,
    because tools put it into their own configurations and patterns.
    """
    return {**os.environ, "LC_ALL": "C.UTF-8", "TMPDIR": str(plain_base()), **(extra or {})}


def capture(
    argv: Sequence[str], *, timeout: float, env: Mapping[str, str] | None = None, folder: Path | None = None
) -> ToolResult:
    """Run a short tool (in `folder`) and keep what it says.

    Raises ToolError when it cannot be started or takes longer than `timeout` seconds; a non-zero status is the
    caller's to judge.
    """
    try:
        done = subprocess.run(
            bound_to_parent(argv),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment(env),
            cwd=folder,
            timeout=timeout,
            check=False,
        )
    except OSError as error:
        raise ToolError(f"{argv[0]} cannot be started: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        said = (error.stderr or error.stdout or b"").decode(errors="replace")
        raise ToolError(f"{argv[0]} did not answer within {timeout:.0f} s", output=said) from error
    return ToolResult(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def run(
    argv: Sequence[str],
    *,
    what: str,
    timeout: float,
    env: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> str:
    """Run a tool that has to succeed; returns its standard output. Raises ToolError with the tool's own message."""
    done = capture(argv, timeout=timeout, env=env, folder=folder)
    if done.status != 0:
        raise ToolError(f"{what}: {Path(argv[0]).name} {done.how}", output=done.said)
    return done.stdout


def run_showing_progress(argv: Sequence[str], *, what: str, keep_open: int, folder: Path) -> None:
    """Run a tool in `folder`, its progress on the person's terminal (our standard error), without a limit of time.

    For downloads: how long they take is the line's business, and apt itself gives up on a connection that stalls.
    The tool inherits the file descriptor `keep_open`, the lock under which it works. Raises ToolError with what it
    wrote to its standard error.
    """
    said: list[str] = []
    with subprocess.Popen(
        bound_to_parent(argv),
        stdin=subprocess.DEVNULL,
        stdout=2,
        stderr=subprocess.PIPE,
        env=environment(),
        cwd=folder,
        pass_fds=(keep_open,),
    ) as process:
        reader = threading.Thread(target=_tee, args=(present(process.stderr), said), daemon=True)
        reader.start()
        try:
            status = process.wait()
        except BaseException:
            process.kill()
            raise
        reader.join()
    if status != 0:
        done = ToolResult(status, "", "".join(said))
        raise ToolError(f"{what}: {Path(argv[0]).name} {done.how}", output=done.said)


def _tee(stream: IO[bytes], into: list[str]) -> None:
    for line in stream:
        into.append(line.decode(errors="replace"))
        sys.stderr.write(into[-1])
        sys.stderr.flush()
