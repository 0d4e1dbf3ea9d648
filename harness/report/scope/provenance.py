# SPDX-License-Identifier: Apache-2.0
"""What took part in a run: versions and hashes."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import harness
from harness.places import readable
from harness.report.evidence.journal import Began
from harness.report.evidence.model import Part, Requirement
from harness.report.scope import git

DISTRIBUTION: Final = "shmem-harness"
_TAKING_PART: Final = ("pytest", "labgrid", "pyserial-labgrid", "pexpect", "paramiko", "ziglang")


def began(name: str, command: str, requirements: Sequence[Requirement], surroundings: Mapping[str, str]) -> Began:
    """The first entry of a run's journal. ``surroundings`` is what changes the run beside ``command``."""
    commit, note = git.commit(_checkout())
    return Began(
        id=name,
        started=datetime.now(UTC).isoformat(),
        command=readable(command),
        harness_version=harness_version(),
        harness_commit=commit,
        harness_commit_note=note,
        surroundings=dict(surroundings),
        python=python(),
        platform=machine(),
        packages=packages(),
        catalogue=list(requirements),
    )


def harness_version() -> str:
    """The version of the installed harness."""
    return importlib.metadata.version(DISTRIBUTION)


def commit_in_words() -> str:
    """The commit of the checkout that the harness runs from, or why it is not known."""
    commit, note = git.commit(_checkout())
    return commit or f"commit unknown: {note}"


def _checkout() -> Path:
    return Path(harness.__file__).resolve().parent.parent


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
