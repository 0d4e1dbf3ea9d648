# SPDX-License-Identifier: Apache-2.0
"""The files in the folders of a system that it has not read, and what there is to say about each.

An audit speaks about all VMs of a host. A configuration under another suffix, a copy of one, and one in a folder of the
folder are therefore told of as errors: somebody has to say whether they are VMs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.audit.findings import Finding, Severity
from harness.audit.passed_over.commands import started
from harness.audit.passed_over.contents import HEAD, PackedError, texts
from harness.shmem.config import Position
from harness.shmem.config.grammar import CONTEXT_WORDS, MEMORY_WORDS, WORDS

MOST_FILES: Final = 10_000
"""Files of a folder, and of those in it, that are looked at."""
DEEPEST: Final = 16
"""Folders inside each other that are looked into."""
_HISTORIES: Final = frozenset({".git", ".hg", ".svn"})
"""Folders with the earlier versions of files."""

_OF_A_RUN: Final = "journal.jsonl"
"""A folder in which this file begins a run is a report of the harness, with the configurations that it has deployed."""
_BEGAN: Final = b'"entry":"Began"'

_OF_A_VM: Final = frozenset({"system", *MEMORY_WORDS, *CONTEXT_WORDS})
_OTHER_LANGUAGE: Final = re.compile(r"\A#!(?!.*qvm)|^[ \t]*(?:```|~~~)", re.MULTILINE)
"""The first line of a script, and the fence around a piece of code in a text."""
_SCRIPTS: Final = frozenset({".build", ".ksh", ".service", ".sh"})
"""A script need not say so in its first line."""
_TEMPLATE: Final = ("{%", "{{", "{#")


@dataclass(frozen=True)
class _Names:
    """The names of the files that are audited, and the suffixes by which they are found."""

    own: frozenset[str]
    suffixes: frozenset[str]


def passed_over(folders: Sequence[str], read: Iterable[str], suffixes: Iterable[str]) -> Iterator[Finding]:
    """What may be a VM in these folders and is none of the files that were ``read``, each file once."""
    known = {Path(path).resolve() for path in read}
    own = frozenset(path.name for path in known)
    for folder in dict.fromkeys(folders):
        for number, path in enumerate(_entries(Path(folder), 1)):
            if number == MOST_FILES:
                text = f"'{folder}' has more than {MOST_FILES:,} files, and what lies behind them was not looked at; "
                yield _finding("error", text + "give the configurations a folder of their own", path)
                break
            if (resolved := _resolved(path)) not in known:
                known.add(resolved)
                yield from _told(path, Path(folder), _Names(own, frozenset(suffixes)))


def _entries(folder: Path, depth: int) -> Iterator[Path]:
    """The files and links below a folder by name, and the folders that are too deep or cannot be listed.

    A run of the harness is left out: its report may be beside the system that it has tried.
    """
    try:
        with os.scandir(folder) as scanned:
            found = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in scanned)
    except OSError:
        yield folder
        return
    if depth > 1 and (_OF_A_RUN, False) in found and _begins_a_run(folder / _OF_A_RUN):
        return
    for name, is_folder in found:
        if not is_folder or depth == DEEPEST:
            yield folder / name
        elif name not in _HISTORIES:
            yield from _entries(folder / name, depth + 1)


def _begins_a_run(journal: Path) -> bool:
    try:
        with journal.open("rb") as file:
            return _BEGAN in file.readline(HEAD)
    except OSError:
        return False


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        # Links that lead to each other.
        return path.absolute()


def _told(path: Path, folder: Path, names: _Names) -> Iterator[Finding]:
    """What there is to say about one file, link or folder that is no VM."""
    try:
        if path.is_symlink():
            yield from _of_link(path, folder)
        elif path.is_dir():
            text = f"this folder was not looked into: it cannot be listed, or is deeper than {DEEPEST} folders; "
            yield _finding("error", f"{text}move it out of '{folder}' if no configuration of a VM is in it", path)
        elif path.is_file():
            for inside, text in texts(path):
                yield from _of_text(path, inside, text, folder, names)
        else:
            text = f"this is neither a file nor a folder, and was not looked into; move it out of '{folder}'"
            yield _finding("note", text, path)
    except PackedError as error:
        text = f"this was not looked into: {error}; "
        yield _finding(
            "note", f"{text}unpack it, or move it out of '{folder}', if a VM of the system may be in it", path
        )
    except OSError as error:
        text = f"this cannot be read ({error.strerror}), so it may be a VM of the system; "
        yield _finding("error", f"{text}make it readable, or move it out of '{folder}'", path)


def _of_link(path: Path, folder: Path) -> Iterator[Finding]:
    """A link is not followed. What it leads to inside of the folder is looked at by itself."""
    target = _resolved(path)
    if target.exists() and not target.is_relative_to(folder.resolve()):
        text = f"this link leads out of the folder and is not followed; name '{path}' as well if it is a VM"
        yield _finding("note", text, path)


def _of_text(path: Path, inside: str, text: str, folder: Path, names: _Names) -> Iterator[Finding]:
    this = f"{inside} in this archive" if inside else "this"
    lines = [(number, line.split()) for number, line in _logical(text)]
    # A template's own lines say nothing about the language that it is a template of.
    lines = [(number, words) for number, words in lines if words and not words[0].startswith(("#", *_TEMPLATE))]
    options = [(number, words) for number, words in lines if words[0] in WORDS or words[0][0] in "@$"]
    of_vm = [number for number, words in options if _of_a_vm(words, path)]
    if of_vm and 2 * len(options) > len(lines) and not _OTHER_LANGUAGE.search(text):
        suffixes = ", ".join(f"*{suffix}" for suffix in sorted(names.suffixes))
        said = (
            f"{this} reads as a configuration of qvm and is not audited, as the VMs of a folder are its own files "
            f"{suffixes}; if it is a VM of the system, move it to '{folder}' as *.qvmconf, else out of '{folder}'"
        )
        yield _finding("error", said, path, of_vm[0])
        return
    is_script = text.startswith("#!") or path.suffix in _SCRIPTS or os.access(path, os.X_OK)
    examples = (number for number, words in options if words[0] == "vdev" and len(words) > 1)
    for start in sorted(started(text, names.own), key=lambda start: not start.certain)[:1]:
        severity: Severity = "error" if is_script and start.certain else "note"
        remedy = f"name its configuration beside '{folder}', or its command with --vm, if it is of the system"
        yield _finding(severity, f"{start.text}; {remedy}", path, start.line)
        if start.certain:
            return
    for number in examples:
        said = "this line is as in a configuration of qvm, but the file is not, so that it is not audited"
        yield _finding("note", f"{said}; name it *.qvmconf in '{folder}' if it is a VM of the system", path, number)
        return


def _logical(text: str) -> Iterator[tuple[int, str]]:
    """The lines with their numbers; a quoted text of several lines is one line."""
    begun, number = "", 1
    for count, line in enumerate(text.split("\n"), start=1):
        if not begun:
            number = count
        begun = f"{begun} {line}" if begun else line
        if begun.count('"') % 2 == 0 or begun.lstrip().startswith("#"):
            yield number, begun
            begun = ""
    if begun:
        yield number, begun


def _of_a_vm(words: Sequence[str], path: Path) -> bool:
    """Whether a line has what only a configuration has: what a VM consists of, or a file to read in its place."""
    if words[0].startswith("@"):
        return any(Path(base, words[0][1:]).is_file() for base in ("", path.parent))
    return not _OF_A_VM.isdisjoint(words)


def _finding(severity: Severity, text: str, path: Path, line: int = 1) -> Finding:
    return Finding(severity, "passed-over", text, Position(str(path), line, 1))
