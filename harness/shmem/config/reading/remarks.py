# SPDX-License-Identifier: Apache-2.0
"""What is said about a text while it is read: each thing once, with the number of places."""

from __future__ import annotations

import difflib
from collections.abc import Collection

from harness.shmem.config.errors import Position, Remark
from harness.shmem.config.model import NOT_UNDERSTOOD
from harness.shmem.config.words import Word, show


def typing_hint(text: str, choices: Collection[str]) -> str:
    """The end of a remark on an unknown word that looks like one of ``choices``; empty where it looks like none."""
    close = difflib.get_close_matches(text[:64].lower(), choices, n=1, cutoff=0.75)
    return f"; is '{close[0]}' meant?" if close and close[0] != text else ""


class Remarks:
    """The remarks on one configuration."""

    def __init__(self) -> None:
        self._first: dict[str, Remark] = {}
        self._again: dict[str, int] = {}

    def add(self, text: str, position: Position, code: str = NOT_UNDERSTOOD) -> None:
        """Keep a remark; the same one is made once, with the number of places."""
        if text in self._first:
            self._again[text] = self._again.get(text, 0) + 1
        else:
            self._first[text] = Remark("note" if code == NOT_UNDERSTOOD else "warning", position, text, code)

    def unknown_word(self, word: Word, where: str, choices: Collection[str]) -> None:
        """Say that a word is no option of ``where``."""
        hint = typing_hint(word.text, choices)
        place = f" in '{where}'" if where else ""
        self.add(f"option {show(word.text)}{place} is not understood; it is kept as it is{hint}", word.position)

    def all(self) -> tuple[Remark, ...]:
        """Every remark, in the order in which they were made first."""
        return tuple(self._counted(key, remark) for key, remark in self._first.items())

    def _counted(self, key: str, remark: Remark) -> Remark:
        again = self._again.get(key, 0)
        if not again:
            return remark
        places = "1 more place" if again == 1 else f"{again} more places"
        return Remark(remark.severity, remark.position, f"{remark.text} (also in {places})", remark.code)
