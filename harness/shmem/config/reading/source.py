# SPDX-License-Identifier: Apache-2.0
"""The words of one file or of the command line, read one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from harness.shmem.config.words import Word


class Source:
    """The words of one file or of the command line, and the place reached."""

    def __init__(self, source: Sequence[Word], name: str) -> None:
        self._words = source
        self._at = 0
        self.name = name

    def peek(self) -> Word | None:
        """The next word, or None at the end."""
        return self._words[self._at] if self._at < len(self._words) else None

    def peek_on_line(self) -> Word | None:
        """The next word if it is in the same line as the one before."""
        following = self.peek()
        return None if following is None or following.first else following

    def take(self) -> Word:
        """The next word; the caller has peeked."""
        word = self._words[self._at]
        self._at += 1
        return word
