# SPDX-License-Identifier: Apache-2.0
"""What took part in a run: versions and hashes."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from harness import commit
from harness.paths import readable
from harness.report.evidence.journal import Began
from harness.report.evidence.model import Component, Requirement
from harness.report.scope import sources

DISTRIBUTION: Final = "shmem-harness"
_TAKING_PART: Final = ("pytest", "labgrid", "pyserial-labgrid", "pexpect", "paramiko", "ziglang")


def began(
    name: str,
    command: str,
    requirements: Sequence[Requirement],
    surroundings: Mapping[str, str],
    suites: Iterable[Path] = (),
) -> Began:
    """The first entry of a run's journal. ``surroundings`` is what changes the run beside ``command``.

    ``suites`` are the folders and files whose tests run.
    """
    known, note = commit.of_harness()
    return Began(
        id=name,
        started=datetime.now(UTC).isoformat(),
        command=readable(command),
        harness_version=harness_version(),
        harness_commit=known,
        harness_commit_note=note,
        surroundings={what: readable(text) for what, text in surroundings.items()},
        python=python(),
        platform=machine(),
        packages=packages(),
        catalogue=list(requirements),
        sources=sources.of_run(suites),
    )


def harness_version() -> str:
    """The version of the installed harness."""
    return importlib.metadata.version(DISTRIBUTION)


def packages() -> dict[str, str]:
    """Versions of the Python packages that carry bytes or judge them."""
    return {name: importlib.metadata.version(name) for name in _TAKING_PART}


def python() -> str:
    """The Python that runs the harness."""
    return f"{platform.python_implementation()} {platform.python_version()}"


def machine() -> str:
    """The operating system and processor that the harness runs on."""
    return platform.platform()


def file_component(name: str, path: Path) -> Component:
    """A file that took part, by content."""
    return Component(name, "", hashlib.sha256(path.read_bytes()).hexdigest(), path.name)
