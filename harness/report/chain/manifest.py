# SPDX-License-Identifier: Apache-2.0
"""``manifest.json``: the SHA-256 of every file of a run, written last."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from harness.report.evidence import folder
from harness.report.evidence.codec import decode, encode
from harness.report.evidence.model import ReportError

MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.json.sig"
SCHEMA: Final = 1

_OWN: Final = frozenset({MANIFEST, SIGNATURE})
_WORKERS: Final = 4
_TOGETHER: Final = 64
_SMALL: Final = 1 << 20


@dataclass(frozen=True)
class Entry:
    """One file by content, or where a link points."""

    path: str
    size: int = 0
    sha256: str = ""
    link: str = ""


@dataclass(frozen=True)
class Manifest:
    """All files of the run ``run``, in the order of their paths, relative to its folder."""

    run: str
    files: list[Entry] = field(default_factory=list)
    schema: int = SCHEMA


def write(run: Path) -> None:
    """Write the manifest of the run in the folder ``run``. Raises OSError."""
    folder.write_whole(run / MANIFEST, content(of_folder(run)))


def of_folder(run: Path) -> Manifest:
    """What is in the folder now. Raises OSError."""
    paths = sorted(_below(run))
    # A task for each of thousands of small files would cost more than the files.
    tasks = [paths[start : start + _TOGETHER] for start in range(0, len(paths), _TOGETHER)]
    with ThreadPoolExecutor(_WORKERS) as pool:
        found = list(pool.map(lambda some: [_entry(run, path) for path in some], tasks))
    return Manifest(run.resolve().name, [entry for some in found for entry in some])


def content(manifest: Manifest) -> bytes:
    """The file: it has one form, so that a changed byte of it shows, whatever it means."""
    return (json.dumps(encode(manifest), indent=1) + "\n").encode()


def read(run: Path) -> Manifest:
    """The manifest of a run. Raises ReportError when there is none, or when it is not as ``write`` wrote it."""
    path = run / MANIFEST
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ReportError(f"{MANIFEST} cannot be read: {error.strerror}") from error
    try:
        found = decode(Manifest, json.loads(data), MANIFEST)
    except (ValueError, ReportError) as error:
        raise ReportError(f"{MANIFEST} is damaged: {error}") from error
    if found.schema != SCHEMA:
        raise ReportError(f"{MANIFEST} has format version {found.schema}; this harness reads version {SCHEMA}")
    if content(found) != data:
        raise ReportError(f"{MANIFEST} is not in the form in which it was written")
    return found


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _below(run: Path) -> Iterator[str]:
    """The paths of all files and links, as text; folders of links are not entered."""
    for parent, folders, files in os.walk(run):
        inside = Path(parent).relative_to(run).as_posix()
        before = "" if inside == "." else f"{inside}/"
        for name in (*files, *(each for each in folders if Path(parent, each).is_symlink())):
            if before + name not in _OWN:
                yield before + name


def _entry(run: Path, path: str) -> Entry:
    file = run / path
    about = file.lstat()
    if stat.S_ISLNK(about.st_mode):
        return Entry(path, link=str(file.readlink()))
    if not stat.S_ISREG(about.st_mode):
        return Entry(path)
    if about.st_size > _SMALL:
        return Entry(path, about.st_size, digest(file))
    content = file.read_bytes()
    return Entry(path, len(content), hashlib.sha256(content).hexdigest())
