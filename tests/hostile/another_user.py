# SPDX-License-Identifier: Apache-2.0
"""A program of another user of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests import programs

SOMEBODY: Final = 64321
"""A user whom no machine has."""
OPEN: Final = 0o777

needed: Final = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user as well")

_BECOME: Final = f"""
import os, socket, sys
def become():
    os.setgroups([])
    os.setgid({SOMEBODY})
    os.setuid({SOMEBODY})
"""


@contextmanager
def common_place() -> Iterator[Path]:
    """A folder into which every user can look, as ``/tmp`` is; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="shmem-test-", dir="/tmp"))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def give(path: Path) -> Path:
    """Make the path somebody's."""
    os.chown(path, SOMEBODY, SOMEBODY, follow_symlinks=False)
    return path


def says(code: str, *arguments: object) -> str:
    """What a program of somebody prints, with the type of the exception that ends it."""
    guarded = "try:\n" + "".join(f"    {line}\n" for line in code.strip().splitlines())
    guarded += "except BaseException as error:\n    print(type(error).__name__)\n"
    done = programs.run(
        [sys.executable, "-c", f"{_BECOME}\nbecome()\n{guarded}", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


def start(code: str, *arguments: object) -> programs.Program[str]:
    """A program of somebody's that goes on; it prints a line when it is ready."""
    program = programs.Program(
        [sys.executable, "-c", f"{_BECOME}\nbecome()\n{code}", *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )
    assert program.stdout
    assert program.stdout.readline() == "ready\n"
    return program
