# SPDX-License-Identifier: Apache-2.0
"""Which code judges in a run: the harness and the suites, with their commits and what differs from these."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness import commit, shipped
from harness.paths import readable
from harness.report.evidence.model import Source

_DISTRIBUTION: Final = "shmem-harness"


def of_run(suites: Iterable[Path]) -> list[Source]:
    """The harness, and those of the folders or files of ``suites`` that are there and not its own."""
    return [
        _of_installed() if shipped.INSTALLED else _of_checkout("the harness", shipped.ROOT, shipped.ROOT),
        *map(_of_suites, _folders(suites)),
    ]


def of_files(
    code: Iterable[Path], settings: Iterable[Path], suites: Iterable[Path], known: Sequence[Source]
) -> list[Source]:
    """What ``known``, which is ``of_run`` of the same ``suites``, does not say of these files.

    All are resolved, but for a link itself. ``settings`` may lie outside of all repositories; ``code`` may not.
    """
    own = _Place(shipped.ROOT, None if shipped.INSTALLED else repository(shipped.ROOT), known[0])
    others = zip(_folders(suites), known[1:], strict=True)
    places = [own, *(_Place(folder, repository(folder), source) for folder, source in others)]
    inside: defaultdict[Path, list[Path]] = defaultdict(list)
    outside: list[Path] = []
    loaded = set(code)
    files = sorted(loaded.union(settings))
    roots = {folder: repository(folder) for folder in {file.parent for file in files}}
    for file in files:
        root = roots[file.parent]
        if root and not any(place.root == root and _looked_at(file, place) for place in places):
            inside[root].append(file)
        elif root is None and file in loaded:
            outside.append(file)
    # A submodule has to be at the commit that the repository around it notes.
    around = {*inside, *(place.root for place in places)}
    for root in list(inside):
        outer = repository(root.parent)
        if outer and outer in around:
            inside[outer].append(root)
    further = [_of_repository(root, files, places) for root, files in sorted(inside.items())]
    return [*(source for source in further if source), *_of_no_repository(outside, places)]


@dataclass(frozen=True)
class _Place:
    """A folder with its repository, if it is in one, and what is known of it."""

    folder: Path
    root: Path | None
    source: Source


def _looked_at(file: Path, place: _Place) -> bool:
    """Whether what is known of the place would name this file of its repository if it differed."""
    known = bool(place.source.commit) and file.is_relative_to(place.folder)
    return known and commit.finds(file.relative_to(place.folder))


def _folders(suites: Iterable[Path]) -> list[Path]:
    places = (path.resolve() for path in suites if path.exists())
    folders = dict.fromkeys(place if place.is_dir() else place.parent for place in places)
    return [folder for folder in folders if not folder.is_relative_to(shipped.ROOT)]


def _of_repository(root: Path, files: Sequence[Path], places: Sequence[_Place]) -> Source | None:
    """None where the same is known already."""
    known = [place for place in places if place.root == root]
    if known and not any(place.source.commit for place in known):
        return None
    head, note = commit.head(root)
    if not head:
        return Source(readable(f"the repository {root}"), "", readable(note))
    changes, unknown = commit.unlike(root, dict.fromkeys(str(file.relative_to(root)) for file in files))
    told = {str(place.folder / change) for place in known for change in place.source.changes}
    left = [change for change in map(readable, changes) if str(root / change) not in told]
    if known and not left and not unknown:
        return None
    return Source(readable(f"the repository {root}"), "" if unknown else head, readable(unknown or note), left)


def _of_no_repository(files: Iterable[Path], places: Sequence[_Place]) -> Iterator[Source]:
    """A source for each folder that has some of these files, directly or further below."""
    unknown = [place.folder for place in places if not place.source.commit]
    found: dict[Path, list[str]] = {}
    for file in sorted(files, key=lambda file: len(file.parts)):
        if any(file.is_relative_to(folder) for folder in unknown):
            continue
        folder = next((folder for folder in found if file.is_relative_to(folder)), file.parent)
        found.setdefault(folder, []).append(readable(str(file.relative_to(folder))))
    for folder, names in sorted(found.items()):
        yield Source(readable(f"the code in {folder}"), "", "it is not in a git repository", names)


def _of_checkout(what: str, root: Path, folder: Path) -> Source:
    """The commit of the repository ``root``, and what differs from it below ``folder``."""
    known, note = commit.commit(root)
    if not known:
        return Source(what, "", readable(note))
    changes, unknown = commit.differing(folder)
    known = "" if unknown else known.removesuffix(commit.CHANGED)
    return Source(what, known, readable(unknown or note), list(map(readable, changes)))


def _of_suites(folder: Path) -> Source:
    what = readable(f"the suite {folder.name}")
    root = repository(folder)
    if root is None:
        return Source(what, "", "it is not in a git repository")
    return _of_checkout(what, root, folder)


def repository(folder: Path) -> Path | None:
    """The folder of the repository that ``folder`` is in."""
    return next((parent for parent in (folder, *folder.parents) if (parent / ".git").exists()), None)


def _of_installed() -> Source:
    """A built package says of which commit it is, and its list of files says whether it still is as it was built."""
    what, built = "the installed harness", shipped.built_from()
    if not built:
        return Source(what, "", "the package was not built in a git repository")
    changes = list(_altered())
    if built.endswith(commit.CHANGED):
        changes.insert(0, "files of the checkout that it was built from")
    return Source(
        what, built.removesuffix(commit.CHANGED), "an installed package, by the commit it was built from", changes
    )


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
