# SPDX-License-Identifier: Apache-2.0
"""Processes of a run, found by a mark in their environment."""

from __future__ import annotations

import uuid
from pathlib import Path

VARIABLE = "SHMEM_TEST_MARK"


def new_mark() -> str:
    """A value for VARIABLE that no other run has."""
    return f"shmem-test-{uuid.uuid4()}"


def marked(mark: str) -> dict[int, str]:
    """The processes that have ``mark`` in their environment, with their command lines."""
    found = {}
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and mark.encode() in (folder / "environ").read_bytes():
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found
