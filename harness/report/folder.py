# SPDX-License-Identifier: Apache-2.0
"""The folder of a run on disk: its name, its place, files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import BenchError

RESULTS = "results.json"
JOURNAL = "journal.jsonl"
JUNIT = "junit.xml"
INDEX = "index.html"
EVENTS = "events.jsonl"
EVIDENCE = "evidence"
BENCHES = "benches"
LATEST = "latest"

_LONGEST_NAME = 80


def run_id(now: datetime | None = None) -> str:
    """A name for a run: UTC time, so that names sort by age, and six digits against two runs in the same second."""
    return f"{(now or datetime.now(UTC)):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def create(base: Path, name: str) -> Path:
    """Make the folder of the run ``name`` below ``base`` and let ``base/latest`` point at it. Returns its path.

    Raises BenchError, with nothing left behind, when that cannot be.
    """
    folder = base / name
    # A link can only be replaced in one step by renaming another one over it.
    temporary = base / f".{LATEST}-{name}"
    try:
        folder.mkdir(parents=True)
        temporary.symlink_to(name)
        temporary.replace(base / LATEST)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            folder.rmdir()
        raise _unusable(base, error) from error
    return folder


def _unusable(base: Path, error: OSError) -> BenchError:
    latest = base / LATEST
    if latest.is_dir() and not latest.is_symlink():
        return BenchError(
            f"{latest} is a folder, and the harness keeps a link to the newest run there", remedy="move it away"
        )
    return BenchError(
        f"no report can be written below {base}: {error.strerror}",
        remedy="choose another folder, or make this one usable",
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
    """A file name for any text. Different texts have different names: what had to be changed is told by a hash."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")
    if plain and plain == text and len(plain) <= _LONGEST_NAME:
        return plain
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{plain[:_LONGEST_NAME]}-{digest}" if plain else digest


def files_below(folder: Path) -> list[Path]:
    """All regular files below ``folder`` in a stable order; none when the folder does not exist."""
    return sorted(path for path in folder.rglob("*") if path.is_file())
