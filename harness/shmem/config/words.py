# SPDX-License-Identifier: Apache-2.0
"""Words of the configuration language: splitting a text into them, and writing one so that it is read back.

Words are separated by blanks and line ends. ``#`` outside quotes starts a comment that runs to the end of the line
(User's Guide, "VM configuration syntax"). A word, or a part of it as in ``>"|command"`` ("vdev ser8250"), may stand in
double quotes and then contain blanks and ``#``. Inside quotes ``\\"`` and ``\\\\`` stand for a quote and a backslash, a
backslash at the end of a line joins the next line, and any other backslash stands for itself, so that the escapes of a
pattern survive.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.shmem.config.errors import NOWHERE, ConfigError, Position

_BLANKS = " \t"
_LINE_END = "\n"
_FIRST_PRINTABLE = 0x20
_DELETE = 0x7F


@dataclass(frozen=True, slots=True)
class Word:
    """One word; a quoted word is never a keyword and never names a file to read."""

    text: str
    position: Position
    quoted: bool = False


def show(text: str) -> str:
    """A piece of the user's text for a message: quoted, with unprintable characters made visible."""
    return "'" + text.encode("unicode_escape").decode("ascii") + "'" if not text.isprintable() else f"'{text}'"


def refuse_controls(text: str, position: Position) -> None:
    """Raise ConfigError when ``text`` holds a control character other than a tab: no spelling of one is documented."""
    for char in text:
        if char not in _BLANKS and (ord(char) < _FIRST_PRINTABLE or ord(char) == _DELETE):
            raise ConfigError("control character in the text", position, found=f"0x{ord(char):02x}")


class _Scanner:
    """A text and the place reached in it."""

    def __init__(self, text: str, file: str) -> None:
        self._text = text.replace("\r\n", "\n")
        self._file = file
        self._at = 0
        self._line = 1
        self._line_start = 0

    @property
    def position(self) -> Position:
        return Position(self._file, self._line, self._at - self._line_start + 1)

    def peek(self) -> str:
        """The next character, or an empty string at the end."""
        return self._text[self._at : self._at + 1]

    def take(self) -> str:
        """The next character, which is consumed."""
        char, where = self._text[self._at], self.position
        self._at += 1
        if char == _LINE_END:
            self._line, self._line_start = self._line + 1, self._at
        else:
            refuse_controls(char, where)
        return char

    def skip_separators(self) -> None:
        """Consume blanks, line ends and comments."""
        while char := self.peek():
            if char == "#":
                while self.peek() not in ("", _LINE_END):
                    self._at += 1
            elif char in _BLANKS or char == _LINE_END:
                self.take()
            else:
                return

    def at_word_end(self) -> bool:
        """Whether a word cannot go on here."""
        char = self.peek()
        return char in ("", "#", _LINE_END) or char in _BLANKS


def _bare_part(scanner: _Scanner) -> str:
    chars = []
    while not scanner.at_word_end() and scanner.peek() != '"':
        chars.append(scanner.take())
    return "".join(chars)


def _quoted_part(scanner: _Scanner) -> str:
    start = scanner.position
    scanner.take()
    chars: list[str] = []
    while (char := scanner.peek()) != '"':
        if char in ("", _LINE_END):
            found = "the end of the line" if char else "the end of the text"
            raise ConfigError(
                "quoted argument is not closed", start, found=found, expected="'\"', or '\\' to go on in the next line"
            )
        scanner.take()
        if char == "\\" and scanner.peek() in ('"', "\\", _LINE_END):
            escaped = scanner.take()
            chars.append("" if escaped == _LINE_END else escaped)
        else:
            chars.append(char)
    scanner.take()
    return "".join(chars)


def _word(scanner: _Scanner) -> Word:
    position = scanner.position
    parts = []
    quoted = False
    while not scanner.at_word_end():
        if scanner.peek() == '"':
            quoted = True
            parts.append(_quoted_part(scanner))
        else:
            parts.append(_bare_part(scanner))
    return Word("".join(parts), position, quoted)


def words(text: str, file: str) -> Iterator[Word]:
    """The words of ``text`` in order. Raises ConfigError for an open quote or a control character."""
    scanner = _Scanner(text, file)
    scanner.skip_separators()
    while scanner.peek():
        yield _word(scanner)
        scanner.skip_separators()


def quote(text: str) -> str:
    """``text`` as one word of a configuration. Raises ConfigError when no spelling of it can be read back."""
    refuse_controls(text, NOWHERE)
    if text and not any(char in _BLANKS or char in '#"' for char in text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
