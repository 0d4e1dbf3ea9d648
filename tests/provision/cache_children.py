# SPDX-License-Identifier: Apache-2.0
"""Other processes that use the cache, and what they leave."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Final, Protocol

import pytest

from tests import programs

CHECKOUT: Final = Path(__file__).parents[2]
SECONDS: Final = programs.PATIENCE


class Child:
    """A Python process that runs a script; its lines are read as events. It ends with the test."""

    def __init__(self, script: str, *arguments: str, prefix: tuple[str, ...] = ()) -> None:
        self.process = programs.Program(
            [*prefix, sys.executable, "-c", script, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=CHECKOUT,
        )

    def line(self) -> str:
        """The next line of its output; a child that never prints is ended by the test's alarm."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def complaint(self) -> str:
        """The next line of its standard error."""
        assert self.process.stderr is not None
        return self.process.stderr.readline().strip()

    def say(self, text: str) -> None:
        """Send a line to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.process.kill()
        self.process.wait(SECONDS)

    def finish(self) -> tuple[int, str, str]:
        """Exit status and the rest of both outputs."""
        out, err = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, out, err


class Python(Protocol):
    """Starts a Python process with a script and its arguments, behind a prefix command."""

    def __call__(self, script: str, *arguments: str, prefix: tuple[str, ...] = ()) -> Child:
        """The child; it ends with the test."""


def file_system(size: str) -> tuple[str, ...]:
    """The prefix command that gives a process a file system of this size in the place of the cache."""
    mount_and_run = f'mount -t tmpfs -o size={size} tmpfs "$SHMEM_HARNESS_CACHE" && exec "$@"'
    return ("unshare", "--map-root-user", "--mount", "sh", "-c", mount_and_run, "sh")


needs_small_file_system = pytest.mark.skipif(
    programs.run(["unshare", "--map-root-user", "--mount", "true"], capture_output=True, check=False).returncode != 0,
    reason="this machine lets an ordinary user mount nothing, so no file system can be made that is full",
)


def left_over(cache: Path) -> list[str]:
    """What is in the cache beside locks and whole entries."""
    return [str(path) for path in cache.rglob("*.unfinished-*")]


def holders(file: Path) -> list[str]:
    """The names of the other processes that have this file open."""
    found = []
    for opened in Path("/proc").glob("[0-9]*/fd/*"):
        process = opened.parents[1]
        with contextlib.suppress(OSError):  # processes come and go while we look
            if int(process.name) != os.getpid() and opened.readlink() == file:
                found.append((process / "comm").read_text().strip())
    return found
