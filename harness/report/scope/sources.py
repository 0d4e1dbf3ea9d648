# SPDX-License-Identifier: Apache-2.0
"""Which code judges in a run: the harness and the suites, with their commits and what differs from these."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from harness import commit, shipped
from harness.paths import readable
from harness.report.evidence.model import Source

_DISTRIBUTION: Final = "shmem-harness"
_CHANGES: Final = "+changes"


def of_run(suites: Iterable[Path]) -> list[Source]:
    """The harness, and those of the folders or files of ``suites`` that are not its own."""
    places = (path.resolve() for path in suites)
    folders = dict.fromkeys(place if place.is_dir() else place.parent for place in places)
    return [
        _of_installed() if shipped.INSTALLED else _of_checkout("the harness", shipped.ROOT, shipped.ROOT),
        *(_of_suites(folder) for folder in folders if not folder.is_relative_to(shipped.ROOT)),
    ]


def _of_checkout(what: str, root: Path, folder: Path) -> Source:
    """The commit of the repository ``root``, and what differs from it below ``folder``."""
    known, note = commit.commit(root)
    if not known:
        return Source(what, "", readable(note))
    changes, unknown = commit.differing(folder)
    known = "" if unknown else known.removesuffix(_CHANGES)
    return Source(what, known, readable(unknown or note), list(map(readable, changes)))


def _of_suites(folder: Path) -> Source:
    what = readable(f"the suite {folder.name}")
    root = next((parent for parent in (folder, *folder.parents) if (parent / ".git").exists()), None)
    if root is None:
        return Source(what, "", "it is not in a git repository")
    return _of_checkout(what, root, folder)


def _of_installed() -> Source:
    """A built package says of which commit it is, and its list of files says whether it still is as it was built."""
    what, built = "the installed harness", shipped.built_from()
    if not built:
        return Source(what, "", "the package was not built in a git repository")
    changes = list(_altered())
    if built.endswith(_CHANGES):
        changes.insert(0, "files of the checkout that it was built from")
    return Source(what, built.removesuffix(_CHANGES), "an installed package, by the commit it was built from", changes)


def _altered() -> Iterator[str]:
    """Files of the package that are not as the package was built, and Python files that it did not bring."""
    listed = importlib.metadata.distribution(_DISTRIBUTION).files or []
    known = set()
    for file in listed:
        path = Path(str(file.locate()))
        known.add(path.resolve())
        if file.hash is None or not path.resolve().is_relative_to(shipped.PACKAGE):
            continue
        if not path.is_file():
            yield f"{file} (gone)"
        elif _digest(path, file.hash.mode) != file.hash.value:
            yield str(file)
    for path in sorted(shipped.PACKAGE.rglob("*.py")):
        if path not in known and "__pycache__" not in path.parts:
            yield f"{path.relative_to(shipped.PACKAGE.parent)} (not of the package)"


def _digest(path: Path, mode: str) -> str:
    """As the list of a wheel's files writes it."""
    made = hashlib.new(mode, path.read_bytes()).digest()
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()
