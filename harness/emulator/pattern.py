# SPDX-License-Identifier: Apache-2.0
"""Patterns of the restrictions list, compiled to steps and followed like a small automaton.

Source: QNX Hypervisor User's Guide, "vdev shmem", which refers to the shell's file name expansion; POSIX.1, "Pattern
Matching Notation", says what that is. Which special characters there are is a question to the profile (OPEN-4).
"""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Final

from harness.shmem.profile import Profile

_CLASSES: Final[dict[str, str]] = {
    "alpha": string.ascii_letters,
    "digit": string.digits,
    "alnum": string.ascii_letters + string.digits,
    "upper": string.ascii_uppercase,
    "lower": string.ascii_lowercase,
    "xdigit": string.hexdigits,
    "punct": string.punctuation,
    "space": " \t\n\v\f\r",
    "blank": " \t",
    "cntrl": "".join(map(chr, range(32))) + "\x7f",
    "print": "".join(map(chr, range(32, 127))),
    "graph": "".join(map(chr, range(33, 127))),
}

_Accepts = Callable[[str], bool]


class _Star:
    """Any number of characters that ``accepts`` takes."""

    def __init__(self, accepts: _Accepts) -> None:
        self.accepts = accepts


_Step = _Star | _Accepts


class Pattern:
    """One pattern. ``covers`` tells whether it matches a whole name."""

    def __init__(self, text: str, profile: Profile) -> None:
        self._fold = profile.pattern_case == "insensitive"
        self._text = text.lower() if self._fold else text
        self._special = {"star": "*", "glob": "*?[", "glob-escape": "*?[\\"}[profile.pattern_syntax]
        self._separator = profile.pattern_slash == "separator"
        self._explicit_dot = profile.pattern_dot == "explicit"
        self._position = 0
        self._literals = 0
        self._steps = self._compile()
        self._starts_with_dot = self._text.startswith((".", "\\." if "\\" in self._special else "."))

    @property
    def specificity(self) -> tuple[bool, int]:
        """For comparing patterns: without wildcards first, then by the number of plain characters."""
        return self._literals == len(self._steps), self._literals

    def covers(self, name: str) -> bool:
        """Follow every place in the pattern that the name read so far can have led to."""
        if self._fold:
            name = name.lower()
        if self._explicit_dot and name.startswith(".") and not self._starts_with_dot:
            return False
        places = self._through_stars({0})
        for character in name:
            places = self._through_stars(self._after(places, character))
        return len(self._steps) in places

    def _after(self, places: set[int], character: str) -> set[int]:
        reached = set()
        for place in places:
            step = self._steps[place] if place < len(self._steps) else None
            if isinstance(step, _Star):
                if step.accepts(character):
                    reached.add(place)
            elif step is not None and step(character):
                reached.add(place + 1)
        return reached

    def _through_stars(self, places: set[int]) -> set[int]:
        """A star may also stand for nothing."""
        reached = set(places)
        for place in places:
            while place < len(self._steps) and isinstance(self._steps[place], _Star):
                place += 1
                reached.add(place)
        return reached

    # --- compilation

    def _compile(self) -> list[_Step]:
        steps: list[_Step] = []
        while self._position < len(self._text):
            steps.append(self._step())
        return steps

    def _step(self) -> _Step:
        character = self._take()
        if character in self._special:
            if character == "*":
                return _Star(self._not_separator)
            if character == "?":
                return self._not_separator
            if character == "[" and (end := self._end_of_set()) is not None:
                return self._set(end)
            if character == "\\" and self._position < len(self._text):
                character = self._take()
        self._literals += 1
        return character.__eq__

    def _take(self) -> str:
        self._position += 1
        return self._text[self._position - 1]

    def _not_separator(self, character: str) -> bool:
        return not (self._separator and character == "/")

    def _end_of_set(self) -> int | None:
        """Where the set closes; None when it never does. A bracket right after the opening is a member."""
        position = self._position
        if self._text[position : position + 1] in ("!", "^"):
            position += 1
        first = position
        while position < len(self._text):
            if self._text.startswith("[:", position) and (close := self._text.find(":]", position + 2)) >= 0:
                position = close + 2
            elif self._text[position] == "\\" and "\\" in self._special:
                position += 2
            elif self._text[position] == "]" and position > first:
                return position
            else:
                position += 1
        return None

    def _set(self, end: int) -> _Accepts:
        negated = self._text[self._position] in "!^"
        self._position += negated
        members: set[str] = set()
        while self._position < end:
            members |= self._members(end)
        self._position = end + 1
        return lambda character: self._not_separator(character) and (character in members) != negated

    def _members(self, end: int) -> set[str]:
        """The next class, range or single character of a set."""
        if self._text.startswith("[:", self._position) and (close := self._text.find(":]", self._position + 2)) >= 0:
            name = self._text[self._position + 2 : close]
            self._position = close + 2
            members = _CLASSES.get(name, "")
            return set(members.lower() if self._fold else members)
        first = self._member()
        if self._text[self._position : self._position + 1] == "-" and self._position + 1 < end:
            self._position += 1
            return {chr(code) for code in range(ord(first), ord(self._member()) + 1)}
        return {first}

    def _member(self) -> str:
        character = self._take()
        return self._take() if character == "\\" and "\\" in self._special else character
