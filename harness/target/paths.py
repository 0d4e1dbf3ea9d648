# SPDX-License-Identifier: Apache-2.0
"""Paths in target files. Any text, even a name that is too long, is looked up without an exception."""

from __future__ import annotations

import os
from pathlib import Path

from harness import shipped


def resolved(base: Path, text: str) -> Path:
    """Resolve a path as labgrid does in its configuration."""
    # Path.expanduser raises for the home of an unknown user.
    return base / os.path.expandvars(os.path.expanduser(text))  # noqa: PTH111


def templates(base: Path, text: str) -> Path:
    """A folder of templates: that of the file, or the one that comes with the harness (``targets/qemu-aarch64``)."""
    own, ours = resolved(base, text), shipped.ROOT / text
    return ours if not is_folder(own) and ours.is_relative_to(shipped.TARGETS) and is_folder(ours) else own


def is_folder(path: Path) -> bool:
    """Whether there is such a folder, as far as this account can see."""
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises for names that are too long


def is_file(path: Path) -> bool:
    """Whether there is such a file, as far as this account can see."""
    return os.path.isfile(path)  # noqa: PTH113 - as above
