# SPDX-License-Identifier: Apache-2.0
"""The folder of a run on disk: its name and path, and atomic writes of files."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from harness.errors import BenchError, UsageError
from harness.paths import must_have_room

RESULTS = "results.json"
JOURNAL = "journal.jsonl"
JUNIT = "junit.xml"
INDEX = "index.html"
EVENTS = "events.jsonl"
EVIDENCE = "evidence"
BENCHES = "benches"
LATEST = "latest"

_LONGEST_NAME = 80


NAME_A_RUN: Final = (
    "name the folder of a run; every run of a suite makes one below reports, and reports/latest leads to the newest"
)
"""The remedy for a path that is none."""


def must_be_there(run: Path) -> None:
    """Raise UsageError unless ``run`` is a folder."""
    if not run.is_dir():
        wrong = f"{run} is a file, not a folder" if run.exists() else f"there is no folder {run}"
        raise UsageError(wrong, remedy=NAME_A_RUN)


def run_id(now: datetime | None = None) -> str:
    """A name for a run: UTC time, so that names sort by age, and six digits against two runs in the same second."""
    return f"{(now or datetime.now(UTC)):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def create(base: Path, name: str) -> Path:
    """Make the folder of the run ``name`` below ``base`` and let ``base/latest`` point at it. Returns its path.

    Raises UsageError when the path of ``base`` is too long, and BenchError, with nothing left behind, when the folder
    cannot be made.
    """
    folder = make(base, name)
    try:
        show_as_latest(folder)
    except BenchError:
        with contextlib.suppress(OSError):
            folder.rmdir()
        raise
    return folder


def make(base: Path, name: str) -> Path:
    """Make the folder of the run ``name`` below ``base``. Returns its path, and raises as ``create`` does."""
    must_have_room(base, "the folder for reports", remedy="name another folder")
    folder = base / name
    try:
        if _is_plain_folder(base / LATEST):
            raise IsADirectoryError
        folder.mkdir(parents=True)
    except OSError as error:
        raise _unusable(base, error) from error
    return folder


def show_as_latest(folder: Path) -> None:
    """Let ``latest`` point at the folder of a run. Raises BenchError."""
    # A link can only be replaced in one step by renaming another one over it.
    temporary = folder.with_name(f".{LATEST}-{folder.name}")
    try:
        temporary.symlink_to(folder.name)
        temporary.replace(folder.with_name(LATEST))
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise _unusable(folder.parent, error) from error


def _is_plain_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _unusable(base: Path, error: OSError) -> BenchError:
    latest = base / LATEST
    if _is_plain_folder(latest):
        return BenchError(
            f"{latest} is a folder, and the harness keeps a link to the newest run there", remedy="move it away"
        )
    return BenchError(
        f"no report can be written below {base}: {error.strerror}",
        remedy="choose another folder, or make this one writable",
    )


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader, and a later run after a crash, sees the old or the new content, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def safe_name(text: str) -> str:
    """A file name for any text. Different texts have different names: a hash is added to changed names."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")
    if plain and plain == text and len(plain) <= _LONGEST_NAME:
        return plain
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{plain[:_LONGEST_NAME]}-{digest}" if plain else digest


def files_below(folder: Path) -> list[Path]:
    """All regular files below ``folder`` in a stable order; none when the folder does not exist."""
    return sorted(path for path in folder.rglob("*") if path.is_file())
