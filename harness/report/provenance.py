# SPDX-License-Identifier: Apache-2.0
"""What took part in a run: versions and hashes."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import harness
from harness.report.journal import Began
from harness.report.model import Part, Requirement

DISTRIBUTION: Final = "shmem-harness"
_TAKING_PART: Final = ("pytest", "labgrid", "pyserial-labgrid", "pexpect", "paramiko", "ziglang")
_GIT_SECONDS: Final = 20


def began(name: str, command: str, requirements: Sequence[Requirement]) -> Began:
    """The first entry of a run's journal."""
    return Began(
        id=name,
        started=datetime.now(UTC).isoformat(),
        command=command,
        harness_version=harness_version(),
        harness_commit=harness_commit(),
        python=python(),
        platform=machine(),
        packages=packages(),
        catalogue=list(requirements),
    )


def harness_version() -> str:
    """The version of the installed harness."""
    return importlib.metadata.version(DISTRIBUTION)


def harness_commit() -> str:
    """The commit of the checkout that the harness runs from, with ``+changes`` when files differ from it.

    Empty when the harness does not run from a checkout, or git is not there.
    """
    checkout = Path(harness.__file__).resolve().parent.parent
    if not (checkout / ".git").exists():
        return ""
    commit = _git(checkout, "rev-parse", "HEAD")
    changed = bool(_git(checkout, "status", "--porcelain", "--untracked-files=no"))
    return f"{commit}+changes" if commit and changed else commit


def packages() -> dict[str, str]:
    """Versions of the Python packages that carry bytes or judge them."""
    return {name: importlib.metadata.version(name) for name in _TAKING_PART}


def python() -> str:
    """The Python that runs the harness."""
    return f"{platform.python_implementation()} {platform.python_version()}"


def machine() -> str:
    """The operating system and processor that the harness runs on."""
    return platform.platform()


def file_part(name: str, path: Path) -> Part:
    """A file that took part, by content."""
    return Part(name, "", hashlib.sha256(path.read_bytes()).hexdigest(), path.name)


def _git(checkout: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(checkout), *arguments],
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
