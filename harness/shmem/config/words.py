# SPDX-License-Identifier: Apache-2.0
"""Words of the configuration language: splitting a text into them, and writing one so that it is read back.

Words are separated by blanks and line ends. ``#`` outside quotes starts a comment that runs to the end of the line
(User's Guide, "VM configuration syntax"). A word, or a part of it as in ``>"|command"`` ("vdev ser8250"), may stand in
double quotes and then contain blanks, line ends and ``#``. Inside quotes ``\\"`` and ``\\\\`` stand for a quote and a
backslash, a backslash at the end of a line joins the next line, and any other backslash stands for itself, so that the
escapes of a pattern survive. A backslash alone at the end of a line means nothing, as in a copied command line. A
byte-order mark outside quotes is a blank, as it may come from a file that was put in front of another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from harness.shmem.config.errors import NOWHERE, ConfigError, Position

# One pass with expressions that never go back: a text of a megabyte is read quickly with any content.
_SEPARATORS: Final = re.compile(r"(?:[ \t\f\v\n\ufeff]++|#[^\n]*+|\\(?=\n))++")
_BARE: Final = re.compile(r'[^ \t\f\v\n\ufeff#"]++')
_QUOTED: Final = re.compile(r'"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_ESCAPE: Final = re.compile(r'\\(["\\\n])')
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_NOT_UTF_8: Final = re.compile("[\udc80-\udcff]")
_NEEDS_QUOTES: Final = re.compile(r'[ \t\n\ufeff#"]|\\\Z')


@dataclass(frozen=True, slots=True)
class Word:
    """One word; a quoted word is never a keyword and never names a file to read. ``first``: the first of its line."""

    text: str
    position: Position
    quoted: bool = False
    first: bool = False


def show(text: str) -> str:
    """A piece of the user's text for a message: quoted, with unprintable characters made visible."""
    return "'" + text.encode("unicode_escape").decode("ascii") + "'" if not text.isprintable() else f"'{text}'"


def refuse_controls(text: str, position: Position) -> None:
    """Raise ConfigError when ``text`` holds a control character other than a tab or a line end.

    No spelling of one is documented.
    """
    if (match := _CONTROL.search(text)) is not None:
        raise ConfigError("control character in the text", position, found=f"0x{ord(match[0]):02x}")


class _Scanner:
    """A text and the place reached in it."""

    def __init__(self, text: str, file: str, *, utf_8: bool) -> None:
        self._text = text.replace("\r\n", "\n").replace("\r", "\n")
        self._file = file
        self._utf_8 = utf_8
        self._at = 0
        self._counted = 0
        self._line = 1
        self._line_start = 0

    def _position(self, at: int) -> Position:
        """Where the character ``at`` is; asked for in the order of the text."""
        lines = self._text.count("\n", self._counted, at)
        if lines:
            self._line += lines
            self._line_start = self._text.rfind("\n", self._counted, at) + 1
        self._counted = at
        return Position(self._file, self._line, at - self._line_start + 1)

    def _checked(self, piece: str, start: int) -> str:
        """``piece``, which begins at ``start``. Raises ConfigError where it holds what no word can."""
        if (match := _CONTROL.search(piece)) is not None:
            raise ConfigError(
                "control character in the text",
                self._position(start + match.start()),
                found=f"0x{ord(match[0]):02x}",
                expected="a text; this looks like UTF-16 or a binary file" if match[0] == "\0" else "",
            )
        if self._utf_8 and (match := _NOT_UTF_8.search(piece)) is not None:
            raise ConfigError(
                "text is not UTF-8", self._position(start + match.start()), found=f"byte 0x{ord(match[0]) - 0xDC00:02x}"
            )
        return piece

    def _quoted_part(self) -> str:
        match = _QUOTED.match(self._text, self._at)
        if match is None:
            raise ConfigError(
                "quoted argument is not closed", self._position(self._at), found="the end of the text", expected="'\"'"
            )
        start, self._at = self._at, match.end()
        inner = self._checked(match[1], start + 1)
        return _ESCAPE.sub(lambda escape: "" if escape[1] == "\n" else escape[1], inner) if "\\" in inner else inner

    def words(self) -> Iterator[Word]:
        """The words from here to the end."""
        text = self._text
        first = True
        while self._at < len(text):
            if (separators := _SEPARATORS.match(text, self._at)) is not None:
                first = first or text.find("\n", self._at, separators.end()) >= 0
                self._at = separators.end()
                continue
            position = self._position(self._at)
            parts: list[str] = []
            quoted = False
            while self._at < len(text):
                if text[self._at] == '"':
                    quoted = True
                    parts.append(self._quoted_part())
                elif (bare := _BARE.match(text, self._at)) is not None:
                    parts.append(self._checked(bare[0], self._at))
                    self._at = bare.end()
                else:
                    break
            yield Word("".join(parts), position, quoted, first)
            first = False


def words(text: str, file: str, *, utf_8: bool = False) -> Iterator[Word]:
    """The words of ``text`` in order. Raises ConfigError for an open quote or a control character.

    ``utf_8``: also for a byte that was not UTF-8 in the file, which is one of Python's surrogates in ``text``.
    """
    return _Scanner(text, file, utf_8=utf_8).words()


def quote(text: str, *, always: bool = False) -> str:
    """``text`` as one word of a configuration. Raises ConfigError when no spelling of it can be read back."""
    refuse_controls(text, NOWHERE)
    if text and not always and not _NEEDS_QUOTES.search(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
