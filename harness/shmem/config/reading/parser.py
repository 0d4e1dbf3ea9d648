# SPDX-License-Identifier: Apache-2.0
"""Words become a configuration. What is not known is kept, and a remark says so; it is never in the way of the rest.

An unknown word is delimited by its line: what follows it there, up to the next known word, belongs to it. It is an
option of the open context unless the indentation says otherwise: out of the context's options it is the VM's, and with
a deeper line below it opens a context of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from harness.narrow import present
from harness.shmem.config import grammar
from harness.shmem.config.errors import NOWHERE, ConfigError, Position
from harness.shmem.config.grammar import Takes
from harness.shmem.config.model import Context, Cpu, Load, Option, Ram, Rom, Vdev, VmConfig
from harness.shmem.config.numbers import is_number, number
from harness.shmem.config.reading.forms import (
    look_at_number,
    look_at_passed,
    look_at_placement,
    look_at_size,
    look_at_value,
    split_memory,
)
from harness.shmem.config.reading.opened import OpenContext
from harness.shmem.config.reading.remarks import Remarks, typing_hint
from harness.shmem.config.reading.source import Source
from harness.shmem.config.references import is_space, looks_like_location
from harness.shmem.config.shmem import SHMEM, ShmemVdev
from harness.shmem.config.variables import expand, is_open, references
from harness.shmem.config.words import Word, show

_DATA_WORDS = (grammar.LOAD_WORD, "pass")
_HEADS = frozenset({"allow", "create", "deny", "subst", *grammar.STRUCTURE})
_MOST_SUBSTITUTED = 16 << 20
"""Characters that all values of variables put into a text, so that a short file cannot fill the memory."""
_SHELL = ("|", ">|", "<|")


class Parser:
    """Builds a configuration from sources that are fed to it one after the other.

    ``defaults`` are values of variables that are used before they are set. ``read`` brings in a file. ``errors``
    collects what cannot be read, and the parser goes on in the next line; without it the first error is raised.
    """

    def __init__(
        self,
        defaults: Mapping[str, str],
        read: Callable[[Parser, Path, Position], None],
        errors: list[ConfigError] | None = None,
    ) -> None:
        self._defaults = defaults
        self._read = read
        self._errors = errors
        self.variables: dict[str, str] = {}
        self.without_value: dict[str, None] = {}
        self._substituted = 0
        self._several_values: set[str] = set()
        self._used: dict[str, Position] = {}
        self._system: Word | None = None
        self._cmdline: Word | None = None
        self._rams: list[Ram] = []
        self._roms: list[Rom] = []
        self._cpus: list[Cpu] = []
        self._loads: list[Load] = []
        self._vdevs: list[Vdev] = []
        self._contexts: list[Context] = []
        self._others: list[Option] = []
        self._open: OpenContext | None = None
        self._indent = 1
        self.remarks = Remarks()

    def feed(self, source: Source) -> None:
        """Read a whole source."""
        while source.peek() is not None:
            word = source.take()
            if word.first:
                self._indent = word.position.column
            try:
                if word.text.startswith("@") and not word.quoted:
                    self._read(self, Path(self._expanded(word).text[1:]), word.position)
                else:
                    self._statement(word, source)
            except ConfigError as error:
                self._collect(error)
                while source.peek_on_line() is not None:
                    source.take()

    def _collect(self, error: ConfigError) -> None:
        """Keep an error for the end. Raises it when nobody wants more than the first."""
        if self._errors is None:
            raise error
        self._errors.append(error)

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
            remarks=self.remarks.all(),
            unclear=tuple(used for used in self._used.items() if used[0] in self._several_values),
        )

    # Arguments and variables

    def _value_of(self, name: str, position: Position) -> str | None:
        value = self.variables.get(name, self._defaults.get(name))
        if value is None:
            self.without_value[name] = None
        if self._open is None or self._open.kind == "shmem":
            self._used.setdefault(name, position)
        self._substituted += len(value or "")
        if self._substituted > _MOST_SUBSTITUTED:
            raise ConfigError("the values of variables make the text too long", position, found=show(name))
        return value

    def _expanded(self, word: Word) -> Word:
        """The word with the values of its variables; one that has none is remarked on."""
        if "$" not in word.text:
            return word
        text = expand(word.text, lambda name: self._value_of(name, word.position))
        if not word.text.startswith(_SHELL):
            for reference in references(text):
                self.remarks.add(f"variable {show(reference)} is not understood: nothing sets it", word.position)
        return Word(text, word.position, word.quoted, word.first)

    def _argument(self, option: Word, source: Source, what: str) -> Word:
        """The argument of ``option``. Raises ConfigError at the end of the source."""
        if source.peek() is None:
            raise ConfigError(
                f"argument of '{option.text}' is missing",
                option.position,
                found=f"the end of {source.name}",
                expected=what,
            )
        argument = source.take()
        if argument.first and not argument.quoted and argument.text in _HEADS:
            text = f"the argument of '{option.text}' is the '{argument.text}' that begins the next line; is it missing?"
            self.remarks.add(text, option.position, "argument-missing")
        return self._expanded(argument)

    def _set(self, option: Option) -> None:
        """Give a variable its value; one that depends on a variable without a value has none either."""
        if option.name != "set" or option.argument is None or not option.extra or references(option.extra[0]):
            return
        name, value = option.argument, option.extra[0]
        if self.variables.get(name, value) != value:
            text = (
                f"'set' gives {show(name)} another value than before; here each use has the value that was set last "
                "in front of it, and the manual does not say which counts"
            )
            self.remarks.add(text, option.position, "set-again")
            self._several_values.add(name)
        self.variables[name] = value

    # Statements

    def _statement(self, word: Word, source: Source) -> None:
        """Read one option; the open context's own options come before the VM's of the same name."""
        if not word.quoted:
            if self._open is not None and word.text in self._open.known:
                self._context_option(word, source)
                return
            if self._is_top_level(word, source):
                self._top_level(word, source)
                return
        self._unknown(word, source)

    def _is_top_level(self, word: Word, source: Source) -> bool:
        if word.text in grammar.STRUCTURE:
            return True
        if word.text in grammar.LOAD_KINDS:
            following = source.peek()
            return following is not None and not following.quoted and following.text in _DATA_WORDS
        if word.text not in grammar.FREE_STANDING:
            return False
        # An unknown kind of context may have an option of any name; then it stands where its options stand.
        inside = self._open is not None and (not word.first or word.position.column > self._open.indent)
        return not (inside and self._open is not None and not self._open.is_known)

    def _top_level(self, word: Word, source: Source) -> None:
        match word.text:
            case "system":
                self._system = self._once(self._system, word, source, "a name")
            case "cmdline":
                self._cmdline = self._once(self._cmdline, word, source, "the guest's command line")
            case "ram" | "rom":
                self._memory(word, source)
            case "vdev":
                self._vdev(word, source)
            case "cpu":
                self._enter(OpenContext("cpu", "", word.position, grammar.CPU_OPTIONS, self._indent))
            case "reserve":
                self._enter(OpenContext("reserve", "", word.position, grammar.RESERVE_OPTIONS, self._indent))
            case "pass":
                self._enter(OpenContext("pass", "", word.position, grammar.PASS_OPTIONS, self._indent))
            case text if text in grammar.FREE_STANDING:
                option = self._option(word, grammar.FREE_STANDING[text], source)
                look_at_value(option, self.remarks)
                self._others.append(option)
                self._set(option)
            case grammar.LOAD_WORD:
                self._load("", word, source)
            case _:
                self._data(word, source)

    def _once(self, previous: Word | None, word: Word, source: Source, what: str) -> Word:
        if previous is not None:
            raise ConfigError(f"'{word.text}' is given twice", word.position, found=f"the first at {previous.position}")
        return Word(self._argument(word, source, what).text, word.position)

    def _memory(self, word: Word, source: Source) -> None:
        argument = self._argument(word, source, "[ADDR,]LEN")
        if is_open(argument.text):
            self._others.append(Option(word.text, argument.text, word.position, argument.position, understood=False))
            look_at_number(word.text, argument, self.remarks)
            return
        address, length = split_memory(argument, word.text)
        if word.text == "ram":
            self._rams.append(Ram(address, length, word.position))
        else:
            self._roms.append(Rom(address, length, len(self._rams), word.position))

    def _vdev(self, word: Word, source: Source) -> None:
        text = self._argument(word, source, "the kind of the device").text
        kind = grammar.vdev_kind(text)
        known = grammar.VDEVS.get(kind)
        if known is None:
            hint = typing_hint(grammar.vdev_word(text), grammar.VDEVS)
            self.remarks.add(
                f"vdev {show(text)} is not understood; its options are kept as their lines have them{hint}",
                word.position,
            )
        library = text if text != kind else ""
        options = grammar.UNKNOWN_OPTIONS if known is None else known
        self._enter(OpenContext("vdev", kind, word.position, options, self._indent, library))

    def _enter(self, context: OpenContext) -> None:
        self._close()
        self._open = context

    def _data(self, word: Word, source: Source) -> None:
        """A word that says what kind of data the ``load`` or ``pass`` behind it is about."""
        if source.take().text == "pass":
            self._enter(OpenContext("pass", word.text, word.position, grammar.PASS_OPTIONS, self._indent))
        else:
            self._load(word.text, word, source)

    def _load(self, kind: str, word: Word, source: Source) -> None:
        argument = self._argument(word, source, "[ADDR,]FILE")
        first, comma, rest = argument.text.partition(",")
        known = comma and is_number(first) and not is_open(first)
        address = number(first, argument.position, "address of 'load'") if known else None
        file = argument.text if address is None else rest
        if not file:
            raise ConfigError("'load' names no file", argument.position, found=show(argument.text))
        self._loads.append(Load(kind, address, file, word.position))

    # Options of contexts

    def _context_option(self, word: Word, source: Source) -> None:
        context = present(self._open)
        option = self._option(word, context.known[word.text], source)
        if option.name in ("intr", "loc") and option.argument is not None and context.is_known:
            look = look_at_placement if context.word == "vdev" else look_at_passed
            look(option, self.remarks)
        elif option.name == "create":
            look_at_size(option, self.remarks)
        context.keep(option, word)
        self._set(option)

    def _option(self, word: Word, takes: Takes, source: Source) -> Option:
        following = source.peek()
        if takes is Takes.NOTHING:
            return Option(word.text, None, word.position)
        if takes is Takes.MAYBE_LOCATION and (following is None or not looks_like_location(following.text)):
            return Option(word.text, None, word.position)
        first = self._argument(word, source, "an argument")
        extra: tuple[str, ...] = ()
        if takes is Takes.TWO:
            extra = (self._argument(word, source, "two arguments").text,)
        elif word.text == "loc" and is_space(first.text):
            extra = (self._argument(word, source, f"an address behind '{first.text}'").text,)
        return Option(word.text, first.text, word.position, first.position, extra)

    # What is not known

    def _unknown(self, word: Word, source: Source) -> None:
        if self._is_kind_of_data(word, source):
            self.remarks.add(f"kind of data {show(word.text)} is not understood; it is kept as it is", word.position)
            self._data(word, source)
            return
        rest = self._rest_of_line(source)
        following = source.peek()
        heads = word.first and following is not None and following.first and following.position.column > self._indent
        option = Option(
            word.text,
            rest[0].text if rest else None,
            word.position,
            rest[0].position if rest else NOWHERE,
            tuple(argument.text for argument in rest[1:]),
            understood=False,
        )
        context = self._open
        if context is not None and not context.is_left_by(word, heads=heads):
            if context.is_known:
                self.remarks.unknown_word(word, context.title, {**context.known, **grammar.FREE_STANDING})
            context.keep(option, word)
        elif heads:
            self.remarks.add(f"context {show(word.text)} is not understood; it is kept as it is", word.position)
            head = OpenContext(word.text, "", word.position, grammar.UNKNOWN_OPTIONS, self._indent)
            head.arguments, head.understood = tuple(argument.text for argument in rest), False
            self._enter(head)
        else:
            self.remarks.unknown_word(word, "", grammar.TOP_LEVEL_WORDS)
            self._others.append(option)

    @staticmethod
    def _is_kind_of_data(word: Word, source: Source) -> bool:
        """Whether the word begins a line such as ``dtb load FILE``."""
        if word.text in grammar.WORDS:
            return False
        following = source.peek_on_line()
        return (
            word.first
            and not word.quoted
            and following is not None
            and not following.quoted
            and following.text in _DATA_WORDS
        )

    def _rest_of_line(self, source: Source) -> list[Word]:
        """The words after an unknown word in its line, up to a known word."""
        known = self._open.known if self._open is not None else {}
        taken: list[Word] = []
        while (following := source.peek_on_line()) is not None:
            ends = following.text in known or following.text in grammar.STRUCTURE or following.text.startswith("@")
            if ends and not following.quoted:
                break
            taken.append(self._expanded(source.take()))
        return taken

    def _check_shmem(self, vdev: Vdev) -> None:
        try:
            ShmemVdev.of(vdev)
        except ConfigError as error:
            self._collect(error)

    def _close(self) -> None:
        """End the open context, if there is one, and keep what it says."""
        current, self._open = self._open, None
        if current is None:
            return
        options = tuple(current.options)
        if current.word == "cpu" and current.understood:
            self._cpus.append(Cpu(options, current.position))
        elif current.word == "vdev" and current.understood:
            vdev = Vdev(current.kind, options, current.position, current.library)
            if vdev.kind == SHMEM:
                self._check_shmem(vdev)
            self._vdevs.append(vdev)
        elif not current.understood and not options:
            # What stood below it belonged to the VM after all.
            first = current.arguments[0] if current.arguments else None
            extra = current.arguments[1:]
            self._others.append(Option(current.word, first, current.position, NOWHERE, extra, understood=False))
        else:
            self._contexts.append(
                Context(
                    current.word,
                    options,
                    current.kind,
                    current.position,
                    current.arguments,
                    understood=current.understood,
                )
            )
