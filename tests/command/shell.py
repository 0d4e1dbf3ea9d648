# SPDX-License-Identifier: Apache-2.0
"""Run commands of the harness by a shell, in surroundings that are hardly usable."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests import programs

CHECKOUT = Path(__file__).parents[2]
HARNESS = shlex.join([sys.executable, "-m", "harness"])

CONFIGURATION = """\
system demo
ram 0,512M
load /boot/vmlinuz
vdev shmem allow telemetry* create telemetry0,0x10000
"""


def shell(
    line: str, *, environment: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a line by bash; ``harness`` in it is the command. The status is that of the first failing part of a pipe."""
    variables = {**os.environ, "PYTHONPATH": str(CHECKOUT), **(environment or {})}
    script = f'harness() {{ {HARNESS} "$@"; }}; set -o pipefail; {line}'
    return programs.run(
        ["bash", "-c", script], capture_output=True, text=True, errors="replace", env=variables, cwd=cwd
    )


def expect_sentence(run: subprocess.CompletedProcess[str], status: int, words: str) -> None:
    """The command ended with this status and these words, and in order."""
    assert run.returncode == status, run.stdout + run.stderr
    assert words in run.stdout + run.stderr
    expect_order(run)


def expect_order(run: subprocess.CompletedProcess[str]) -> None:
    """The output has no trace of an unhandled exception."""
    for mark in ("Traceback", "Exception ignored", "BrokenPipe", "INTERNALERROR", "internal error of the harness"):
        assert mark not in run.stdout + run.stderr, run.stdout + run.stderr
