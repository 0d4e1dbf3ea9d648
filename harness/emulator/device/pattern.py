# SPDX-License-Identifier: Apache-2.0
"""Patterns of the restrictions list, compiled to steps and followed like a small automaton.

Source: QNX Hypervisor User's Guide, "vdev shmem", which refers to the shell's file name expansion; POSIX.1, "Pattern
Matching Notation", says what that is. Which special characters there are is a question to the profile (SHM-OPEN-04).
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Set
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

_CLASS: Final = re.compile(r"\[:([a-z]*):\]")
# A hyphen that ends the set is a member.
_RANGE: Final = re.compile(r"-[^\]]", re.DOTALL)

_MOST_KNOWN: Final = 512
"""Transitions that a pattern remembers; names come from guests, which must not fill the memory of the host."""

_Accepts = Callable[[str], bool]


class _Star:
    """Any number of characters that ``accepts`` takes."""

    def __init__(self, accepts: _Accepts) -> None:
        self.accepts = accepts


_Step = _Star | _Accepts


class Pattern:
    """One pattern. ``covers`` is true for a name that it matches as a whole."""

    def __init__(self, text: str, profile: Profile) -> None:
        self._fold = profile.pattern_case == "insensitive"
        self._text = text
        self._special = {"star": "*", "glob": "*?[", "glob-escape": "*?[\\"}[profile.pattern_syntax]
        self._separator = profile.pattern_slash == "separator"
        self._explicit_dot = profile.pattern_dot == "explicit"
        self._position = 0
        self._literals = 0
        self._steps = self._compile()
        self._first = frozenset(self._through_stars({0}))
        self._known: dict[tuple[frozenset[int], str], frozenset[int]] = {}
        self._starts_with_dot = self._text.startswith((".", "\\." if "\\" in self._special else "."))

    @property
    def specificity(self) -> tuple[bool, int]:
        """For comparing patterns: without wildcards first, then by the number of plain characters."""
        return self._literals == len(self._steps), self._literals

    def covers(self, name: str) -> bool:
        """Follow every position in the pattern that the name read so far can have led to."""
        if self._explicit_dot and name.startswith(".") and not self._starts_with_dot:
            return False
        positions = self._first
        for character in name:
            positions = self._next(positions, character)
            if not positions:
                return False
        return len(self._steps) in positions

    def _next(self, positions: frozenset[int], character: str) -> frozenset[int]:
        """The positions after one more character, remembered: a guest asks for thousands of names."""
        reached = self._known.get((positions, character))
        if reached is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            reached = frozenset(self._through_stars(self._after(positions, character)))
            self._known[positions, character] = reached
        return reached

    def _after(self, positions: Set[int], character: str) -> set[int]:
        reached = set()
        for position in positions:
            step = self._steps[position] if position < len(self._steps) else None
            if isinstance(step, _Star):
                if step.accepts(character):
                    reached.add(position)
            elif step is not None and step(character):
                reached.add(position + 1)
        return reached

    def _through_stars(self, positions: Set[int]) -> set[int]:
        """A star may also stand for nothing."""
        reached = set(positions)
        for position in positions:
            while position < len(self._steps) and isinstance(self._steps[position], _Star):
                position += 1
                reached.add(position)
        return reached

    # --- compilation

    def _compile(self) -> list[_Step]:
        steps: list[_Step] = []
        while self._position < len(self._text):
            step = self._step()
            # Another star right behind one means nothing, and thousands of them would take a request seconds.
            if not (isinstance(step, _Star) and steps and isinstance(steps[-1], _Star)):
                steps.append(step)
        return steps

    def _step(self) -> _Step:
        character = self._take()
        if character in self._special:
            if character == "*":
                return _Star(self._not_separator)
            if character == "?":
                return self._not_separator
            if character == "[" and (accepts := self._set()) is not None:
                return accepts
            if character == "\\" and self._position < len(self._text):
                character = self._take()
        self._literals += 1
        return self._cases({character}).__contains__

    def _take(self) -> str:
        self._position += 1
        return self._text[self._position - 1]

    def _cases(self, members: set[str]) -> set[str]:
        """These, and where the case makes no difference the same ASCII letters in the other case."""
        letters = members.intersection(string.ascii_letters) if self._fold else ()
        return members.union(map(str.swapcase, letters))

    def _not_separator(self, character: str) -> bool:
        return not (self._separator and character == "/")

    def _set(self) -> _Accepts | None:
        """A set whose bracket was just taken; None, and nothing is taken, when it never closes.

        A bracket right after the opening is a member.
        """
        opening = self._position
        negated = self._text[opening : opening + 1] in ("!", "^")
        self._position += negated
        members: set[str] = set()
        while self._position < len(self._text):
            members |= self._cases(self._members())
            if self._text[self._position : self._position + 1] == "]":
                self._position += 1
                return lambda character: self._not_separator(character) and (character in members) != negated
        self._position = opening
        return None

    def _members(self) -> set[str]:
        """The next class, range or single character of a set. A class has letters for a name, and ends no range."""
        if found := _CLASS.match(self._text, self._position):
            self._position = found.end()
            return set(_CLASSES.get(found[1], ""))
        first = self._member()
        if _RANGE.match(self._text, self._position):
            self._position += 1
            return {chr(code) for code in range(ord(first), ord(self._member()) + 1)}
        return {first}

    def _member(self) -> str:
        character = self._take()
        escapes = character == "\\" and "\\" in self._special and self._position < len(self._text)
        return self._take() if escapes else character
