# SPDX-License-Identifier: Apache-2.0
"""Lines of scripts that start a VM: by words of their own, or by a configuration from another place."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final

_PROGRAM: Final = "qvm"
_ENDS: Final = ("&", "&&", "||", ";", "|", ">", "2>", "<")
_QUOTES: Final = "\"'`"
_VARIABLE: Final = "$"


def started(text: str, own: Collection[str]) -> Iterator[tuple[int, str]]:
    """For each command that starts a VM which is not of the system, its line and what is wrong with it.

    ``own`` are the names of the files that are audited; ``qvm @FILE`` with one of them is one of the system's VMs.
    """
    for number, words in _lines(text):
        for at, word in enumerate(words):
            if PurePosixPath(word).name == _PROGRAM:
                arguments = _arguments(words[at + 1 :])
                if arguments and (said := _wrong(arguments, own)):
                    yield number, said


def _wrong(arguments: Sequence[str], own: Collection[str]) -> str:
    files = [word[1:] for word in arguments if word.startswith("@")]
    # A folder may be in a variable; a file that is in one may be any of those that are audited.
    foreign = [file for file in files if (name := PurePosixPath(file).name) not in own and _VARIABLE not in name]
    if foreign:
        return f"this command starts a VM by the configuration {foreign[0]}, which is not audited"
    if "vdev" in arguments or any(word.startswith(_VARIABLE) for word in arguments):
        return "this command starts a VM by words of its own, which are not audited"
    return ""


def _arguments(words: Sequence[str]) -> list[str]:
    """The words up to the end of the command."""
    found: list[str] = []
    for word in words:
        if word in _ENDS:
            break
        found.append(word.rstrip(";&"))
        if word.endswith((";", "&")):
            break
    return found


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """The lines with their numbers, without comments; one that goes on behind a backslash is one line."""
    begun, number = "", 1
    for count, line in enumerate(text.split("\n"), start=1):
        if not begun:
            number = count
        if line.endswith("\\"):
            begun += f"{line[:-1]} "
            continue
        words = f"{begun}{line}".translate(dict.fromkeys(map(ord, _QUOTES))).split()
        begun = ""
        if words and not words[0].startswith("#"):
            yield number, words
