# SPDX-License-Identifier: Apache-2.0
"""Commands that start a VM: by words of their own, or by a configuration from another place.

No shell, language or launcher is understood in full. What matters is a word ``@FILE`` in a file that speaks of qvm, and
what stands behind the word ``qvm`` where a command begins.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

_PROGRAM: Final = "qvm"
_VARIABLE: Final = "$"
_BEFORE: Final = frozenset(
    (
        *("{", "!", "case", "do", "elif", "else", "if", "in", "then", "time", "until", "while"),
        *("command", "env", "eval", "exec", "nice", "nohup", "on", "setsid", "sh", "start", "sudo"),
    )
)
"""Words in front of a command that is still to come."""
_TAG: Final = re.compile(r"<[^<>\n]*>")
_REDIRECTED: Final = re.compile(r"\d*[<>]+(?:&[\d-]|[ \t]*[^\s;|&()<>]+)")
_COMMENT: Final = re.compile(r"(?:^|\s)#.*")
_UNQUOTED: Final = str.maketrans({'"': "", "'": "", ",": " ", "[": " ", "]": " "})
_ENDS: Final = re.compile(r"\$\(|`|[();|&]")
_ASSIGNED: Final = re.compile(r"\w+=")


@dataclass(frozen=True)
class Start:
    """A command that may start a VM which is not of the system: its line, what it is, and whether that is sure."""

    line: int
    text: str
    certain: bool = True


def started(text: str, own: Collection[str]) -> Iterator[Start]:
    """The commands that start a VM other than the audited ones, or may.

    ``own`` are the names of the files that are audited; ``qvm @FILE`` with one of them is one of the system's VMs.
    """
    if _PROGRAM not in text:
        return
    if text.lstrip().startswith("<"):
        text = _TAG.sub(" ", text)
    for number, words in _commands(text):
        if (start := _start(number, words, own)) is not None:
            yield start


def _start(number: int, words: Sequence[str], own: Collection[str]) -> Start | None:
    at = next((at for at, word in enumerate(words) if PurePosixPath(word).name == _PROGRAM), None)
    files = [word[1:] for word in words if word.startswith("@") and len(word) > 1]
    # A folder may be in a variable.
    names = [PurePosixPath(file).name for file in files]
    foreign = [file for file, name in zip(files, names, strict=True) if name not in own and _VARIABLE not in name]
    if foreign:
        text = f"this command starts a VM by the configuration {foreign[0]}, which is not audited"
        return Start(number, text, certain=at is not None or words[0].startswith(_VARIABLE) or _PROGRAM in words[0])
    if at is not None and _has_its_own(words, at, files):
        return Start(number, "this command starts a VM by words of its own, which are not audited")
    if any(_VARIABLE in name for name in names):
        text = "this command starts VMs by files whose names are in variables; see that these are all audited"
        return Start(number, text, certain=False)
    return None


def _has_its_own(words: Sequence[str], at: int, files: Sequence[str]) -> bool:
    """Whether words behind ``qvm`` are a configuration, and not those of a message or of another command."""
    rest = [word for word in words[at + 1 :] if not word.startswith("@")]
    return bool(rest) and (bool(files) or "vdev" in rest or _begins(words[:at]))


def _begins(words: Sequence[str]) -> bool:
    """Whether a command is still to come behind these words."""
    return all(word in _BEFORE or word[0] == "-" or word.isdecimal() or _ASSIGNED.match(word) for word in words)


def _commands(text: str) -> Iterator[tuple[int, list[str]]]:
    """The words of each command, with its line."""
    for number, line in _lines(text):
        for command in _ENDS.split(_REDIRECTED.sub(" ", _COMMENT.sub("", line))):
            if words := command.translate(_UNQUOTED).split():
                yield number, words


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines with their numbers; one that goes on behind a backslash is one line."""
    begun, number = "", 1
    for count, line in enumerate(text.split("\n"), start=1):
        if not begun:
            number = count
        if line.endswith("\\"):
            begun += f"{line[:-1]} "
            continue
        yield number, begun + line
        begun = ""
    if begun:
        yield number, begun
