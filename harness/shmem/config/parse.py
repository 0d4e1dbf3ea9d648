# SPDX-License-Identifier: Apache-2.0
"""Reading configurations: texts, files, and qvm's command line, which is the same language.

``@FILE`` where an option may stand reads that file in its place, relative to the current directory as qvm does
(User's Guide 7.1, "Starting VMs"). Contexts stay open across files.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from harness.shmem.config import grammar
from harness.shmem.config.errors import NOWHERE, ConfigError, Position
from harness.shmem.config.grammar import Takes
from harness.shmem.config.model import Context, Cpu, Load, Option, Ram, Rom, Vdev, VmConfig
from harness.shmem.config.numbers import is_number, number
from harness.shmem.config.references import looks_like_location, parse_intr, parse_location
from harness.shmem.config.shmem import SHMEM, ShmemVdev
from harness.shmem.config.words import Word, quote, refuse_controls, show, words

COMMAND_LINE: Final = "<command line>"
_MAX_FILE_BYTES = 1 << 20


def _expected(choices: Iterable[str], found: str) -> str:
    """The close matches of ``found``, else the choices themselves as far as they fit in a message."""
    names = sorted(choices)
    close = difflib.get_close_matches(found, names, n=2, cutoff=0.6)
    if close:
        return " or ".join(f"'{name}'" for name in close)
    return "one of " + ", ".join(names)


class _Source:
    """The words of one file or of the command line, and the place reached."""

    def __init__(self, source: Sequence[Word], name: str) -> None:
        self._words = source
        self._name = name
        self._at = 0

    def peek(self) -> Word | None:
        """The next word, or None at the end."""
        return self._words[self._at] if self._at < len(self._words) else None

    def take(self) -> Word:
        """The next word; the caller has peeked."""
        word = self._words[self._at]
        self._at += 1
        return word

    def argument(self, option: Word, what: str) -> Word:
        """The argument of ``option``. Raises ConfigError at the end of the source."""
        if self.peek() is None:
            raise ConfigError(
                f"argument of '{option.text}' is missing",
                option.position,
                found=f"the end of {self._name}",
                expected=what,
            )
        return self.take()


@dataclass
class _Open:
    """The context that is open: its head, the options that it knows (None: unknown vdev) and those read so far.

    ``kind`` is that of a vdev, or the word before ``pass``.
    """

    word: str
    kind: str
    position: Position
    known: grammar.Options | None
    options: list[Option] = field(default_factory=list)


def _split_memory(word: Word, what: str) -> tuple[int | None, int]:
    fields = word.text.split(",")
    if len(fields) > 2:
        raise ConfigError(f"too many fields for '{what}'", word.position, found=show(word.text), expected="[ADDR,]LEN")
    length = number(fields[-1], word.position, f"length of '{what}'")
    return (number(fields[0], word.position, f"address of '{what}'") if len(fields) == 2 else None), length


class _Parser:
    """Builds a configuration from sources that are fed to it one after the other."""

    def __init__(self) -> None:
        self._system: Word | None = None
        self._cmdline: Word | None = None
        self._rams: list[Ram] = []
        self._roms: list[Rom] = []
        self._cpus: list[Cpu] = []
        self._loads: list[Load] = []
        self._vdevs: list[Vdev] = []
        self._contexts: list[Context] = []
        self._others: list[Option] = []
        self._open: _Open | None = None
        self._reading: list[Path] = []

    def feed(self, source: _Source) -> None:
        """Read a whole source."""
        while source.peek() is not None:
            word = source.take()
            if word.text.startswith("@") and not word.quoted:
                self.read(Path(word.text[1:]), word.position)
            else:
                self._statement(word, source)

    def read(self, path: Path, position: Position) -> None:
        """Read the file at ``path``, named at ``position``. Raises ConfigError, also when it includes itself."""
        resolved = path.resolve()
        if resolved in self._reading:
            raise ConfigError("file includes itself", position, found=show(f"@{path}"))
        self._reading.append(resolved)
        self.feed(_Source(tuple(words(_text_of(path, position), str(path))), show(str(path))))
        self._reading.pop()

    def finish(self) -> VmConfig:
        """The configuration that was read."""
        self._close()
        return VmConfig(
            system=self._system.text if self._system else None,
            system_position=self._system.position if self._system else NOWHERE,
            rams=tuple(self._rams),
            cpus=tuple(self._cpus),
            loads=tuple(self._loads),
            cmdline=self._cmdline.text if self._cmdline else None,
            vdevs=tuple(self._vdevs),
            others=tuple(self._others),
            contexts=tuple(self._contexts),
            roms=tuple(self._roms),
            cmdline_position=self._cmdline.position if self._cmdline else NOWHERE,
        )

    def _statement(self, word: Word, source: _Source) -> None:
        """Read one option; the open context's own options come before the VM's of the same name."""
        if not word.quoted and self._belongs_to_context(word):
            self._context_option(word, source)
            return
        if word.quoted or word.text not in grammar.TOP_LEVEL_WORDS:
            raise self._unknown(word)
        self._top_level(word, source)

    def _belongs_to_context(self, word: Word) -> bool:
        if self._open is None:
            return False
        if self._open.known is None:
            return word.text not in grammar.TOP_LEVEL_WORDS
        return word.text in self._open.known

    def _unknown(self, word: Word) -> ConfigError:
        choices = set(grammar.TOP_LEVEL_WORDS)
        where = ""
        if self._open is not None:
            choices |= set(self._open.known or ())
            words_of_head = (self._open.word, self._open.kind if self._open.word == "vdev" else "")
            where = f" in '{' '.join(filter(None, words_of_head))}'"
        return ConfigError(
            f"unknown option{where}", word.position, found=show(word.text), expected=_expected(choices, word.text)
        )

    def _top_level(self, word: Word, source: _Source) -> None:
        match word.text:
            case "system":
                self._system = self._once(self._system, word, source, "a name")
            case "cmdline":
                self._cmdline = self._once(self._cmdline, word, source, "the guest's command line")
            case "ram":
                address, length = _split_memory(source.argument(word, "[ADDR,]LEN"), "ram")
                self._rams.append(Ram(address, length, word.position))
            case "rom":
                address, length = _split_memory(source.argument(word, "[ADDR,]LEN"), "rom")
                self._roms.append(Rom(address, length, len(self._rams), word.position))
            case "vdev":
                kind = grammar.vdev_kind(source.argument(word, "the kind of the device").text)
                self._enter(_Open("vdev", kind, word.position, grammar.VDEVS.get(kind)))
            case "cpu":
                self._enter(_Open("cpu", "", word.position, grammar.CPU_OPTIONS))
            case "reserve":
                self._enter(_Open("reserve", "", word.position, grammar.RESERVE_OPTIONS))
            case "pass":
                self._enter(_Open("pass", "", word.position, grammar.PASS_OPTIONS))
            case text if text in grammar.FREE_STANDING:
                self._others.append(self._option(word, grammar.FREE_STANDING[text], source))
            case _:
                self._load(word, source)

    @staticmethod
    def _once(previous: Word | None, word: Word, source: _Source, what: str) -> Word:
        if previous is not None:
            raise ConfigError(f"'{word.text}' is given twice", word.position, found=f"the first at {previous.position}")
        argument = source.argument(word, what)
        return Word(argument.text, word.position)

    def _enter(self, context: _Open) -> None:
        self._close()
        self._open = context

    def _load(self, word: Word, source: _Source) -> None:
        """``load``, or a word that says what kind of data the ``load`` or ``pass`` behind it is about."""
        kind = ""
        if word.text != grammar.LOAD_WORD:
            kind = word.text
            following = source.argument(word, "'load' or 'pass'")
            if not following.quoted and following.text == "pass":
                self._enter(_Open("pass", kind, word.position, grammar.PASS_OPTIONS))
                return
            if following.quoted or following.text != grammar.LOAD_WORD:
                raise ConfigError(
                    f"'{kind}' stands alone",
                    following.position,
                    found=show(following.text),
                    expected="'load' or 'pass'",
                )
        argument = source.argument(word, "[ADDR,]FILE")
        first, comma, rest = argument.text.partition(",")
        address = number(first, argument.position, "address of 'load'") if comma and is_number(first) else None
        file = argument.text if address is None else rest
        if not file:
            raise ConfigError("'load' names no file", argument.position, found=show(argument.text))
        self._loads.append(Load(kind, address, file, word.position))

    def _context_option(self, word: Word, source: _Source) -> None:
        if self._open is None:
            raise self._unknown(word)
        if self._open.known is None:
            option = self._unknown_vdev_option(word, source)
        else:
            option = self._option(word, self._open.known[word.text], source)
        if self._open.word == "vdev" and self._open.known is not None and option.argument is not None:
            # The argument's form is the same for every known vdev; their 'loc' and 'intr' only differ in what is legal.
            if option.name == "intr":
                parse_intr(option.argument, option.argument_position)
            elif option.name == "loc":
                parse_location(option.argument, option.argument_position)
        self._open.options.append(option)

    @staticmethod
    def _option(word: Word, takes: Takes, source: _Source) -> Option:
        following = source.peek()
        if takes is Takes.NOTHING:
            return Option(word.text, None, word.position)
        if takes is Takes.MAYBE_LOCATION and (following is None or not looks_like_location(following.text)):
            return Option(word.text, None, word.position)
        first = source.argument(word, "an argument")
        extra = (source.argument(word, "two arguments").text,) if takes is Takes.TWO else ()
        return Option(word.text, first.text, word.position, first.position, extra)

    @staticmethod
    def _unknown_vdev_option(word: Word, source: _Source) -> Option:
        """Nothing says whether this option takes an argument, so what stands beside it in its line is the argument."""
        following = source.peek()
        same_line = following is not None and (following.position.file, following.position.line) == (
            word.position.file,
            word.position.line,
        )
        if following is None or not same_line:
            return Option(word.text, None, word.position)
        argument = source.take()
        return Option(word.text, argument.text, word.position, argument.position)

    def _close(self) -> None:
        """End the open context, if there is one, and keep what it says."""
        current, self._open = self._open, None
        if current is None:
            return
        options = tuple(current.options)
        if current.word == "cpu":
            self._cpus.append(Cpu(options, current.position))
        elif current.word == "vdev":
            vdev = Vdev(current.kind, options, current.position)
            if vdev.kind == SHMEM:
                ShmemVdev.of(vdev)
            self._vdevs.append(vdev)
        else:
            self._contexts.append(Context(current.word, options, current.kind, current.position))


def _text_of(path: Path, position: Position) -> str:
    where = Position(str(path), 1, 1) if position == NOWHERE else position
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise ConfigError("file is too large for a configuration", where, found=show(str(path)))
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(f"cannot read '{path}': {reason}", where) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        column = error.start - error.object.rfind(b"\n", 0, error.start)
        raise ConfigError(
            "text is not UTF-8",
            Position(str(path), line, column),
            found=f"byte 0x{error.object[error.start]:02x}",
        ) from error


def parse(text: str, file: str = "<text>") -> VmConfig:
    """The configuration in ``text``; ``file`` names it in positions. Raises ConfigError."""
    parser = _Parser()
    parser.feed(_Source(tuple(words(text, file)), "the text" if file == "<text>" else show(file)))
    return parser.finish()


def parse_file(path: str | Path) -> VmConfig:
    """The configuration in the file at ``path``. Raises ConfigError, also when the file cannot be read."""
    parser = _Parser()
    parser.read(Path(path), NOWHERE)
    return parser.finish()


def parse_arguments(arguments: Sequence[str]) -> VmConfig:
    """The configuration that qvm's command line describes: options, arguments and ``@FILE``, one word per argument.

    Positions in it have the file ``<command line>``, line 1, and the column in the line that a shell would need.
    """
    source = []
    column = 1
    for argument in arguments:
        position = Position(COMMAND_LINE, 1, column)
        refuse_controls(argument, position)
        source.append(Word(argument, position))
        column += len(quote(argument)) + 1
    parser = _Parser()
    parser.feed(_Source(source, "the command line"))
    return parser.finish()
