# SPDX-License-Identifier: Apache-2.0
"""Reading configurations: texts, files, and qvm's command line, which is the same language.

``@FILE`` where an option may stand reads that file in its place, relative to the current directory as qvm does
(User's Guide 7.1, "Starting VMs"). Contexts stay open across files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from harness.shmem.config.errors import NOWHERE, ConfigError, Position
from harness.shmem.config.model import VmConfig
from harness.shmem.config.reading.parser import Parser
from harness.shmem.config.reading.source import Source
from harness.shmem.config.words import Word, quote, refuse_controls, show, words

COMMAND_LINE: Final = "<command line>"
_MAX_FILE_BYTES: Final = 4 << 20
_MAX_DEPTH: Final = 32
_MAX_FILES: Final = 1000
_MAX_ROUNDS: Final = 4
"""How often a text is gone over: a variable may be set behind its use, by means of one that is set further on."""
_BYTE_ORDER_MARK: Final = "\ufeff"
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
_STREAMS: Final = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")
"""Where a file that is no regular one may be: a shell's ``<(command)``."""


class _Files:
    """Reads the files of one configuration, each of them once as far as the parser goes over the text again.

    ``directory`` is that of another process, whose configuration it is: relative paths start there.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory
        self._texts: dict[Path, str] = {}
        self._reading: list[Path] = []
        self._count = 0

    def read(self, parser: Parser, path: Path, position: Position) -> None:
        """Read the file at ``path``, named at ``position``. Raises ConfigError, also when it includes itself."""
        if self._directory is not None:
            if str(path).startswith(_STREAMS):
                raise ConfigError(
                    "this would be a stream of another process", position, found=show(f"@{path}"), expected="a file"
                )
            path = self._directory / path
        try:
            resolved = path.resolve()
        except (OSError, RuntimeError) as error:
            raise ConfigError(f"cannot read '{path}': {error}", _where(path, position)) from error
        if resolved in self._reading:
            raise ConfigError("file includes itself", position, found=show(f"@{path}"))
        self._count += 1
        if len(self._reading) >= _MAX_DEPTH or self._count > _MAX_FILES:
            raise ConfigError(
                "files include each other too often",
                _where(path, position),
                found=show(f"@{path}"),
                expected=f"at most {_MAX_DEPTH} inside each other and {_MAX_FILES} in all",
            )
        if resolved not in self._texts:
            # A link may lead to a descriptor as well; without the link there is no such file.
            self._texts[resolved] = text_of(path if self._directory is None else resolved, position)
        text = self._texts[resolved]
        if text.startswith(_BYTE_ORDER_MARK):
            parser.remarks.add(
                "the file begins with a byte-order mark, which is ignored here; save it without one, as another "
                "program may take it for a part of the first word",
                Position(str(path), 1, 1),
                "byte-order-mark",
            )
        found = tuple(words(text, str(path), utf_8=True))
        if not self._reading and not found:
            where = Position(str(path), 1, 1)
            parser.remarks.add("the file has no option: it describes no VM", where, "empty-file")
        source = Source(found, show(str(path)))
        self._reading.append(resolved)
        parser.feed(source)
        self._reading.pop()

    @property
    def paths(self) -> tuple[str, ...]:
        """The files that were read, without links."""
        return tuple(map(str, self._texts))

    def start_again(self) -> None:
        """Before the parser goes over the same files once more."""
        self._count = 0


def _where(path: Path, position: Position) -> Position:
    return Position(str(path), 1, 1) if position == NOWHERE else position


def text_of(path: Path, position: Position = NOWHERE) -> str:
    """The text of a file, with surrogates for bytes that are not UTF-8. Raises ConfigError for what is no text file."""
    where = _where(path, position)
    try:
        if path.exists() and not path.is_file() and not path.is_dir() and not str(path).startswith(_STREAMS):
            raise ConfigError("not a regular file", where, found=show(str(path)))
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(f"cannot read '{path}': {reason}", where) from error
    if len(data) > _MAX_FILE_BYTES:
        raise ConfigError("file is too large for a configuration", where, found=show(str(path)))
    if data.startswith(_UTF_16):
        raise ConfigError(
            "text is UTF-16, by its byte-order mark", Position(str(path), 1, 1), expected="UTF-8 without such a mark"
        )
    return data.decode("utf-8", "surrogateescape")


def _parsed(feed: Callable[[Parser], None], files: _Files, errors: list[ConfigError] | None = None) -> VmConfig:
    """The configuration that ``feed`` gives to a parser, which runs again when a variable was set after its use.

    ``errors`` collects the errors of the last run; without it the first error is raised.
    """
    defaults: dict[str, str] = {}
    for _ in range(_MAX_ROUNDS):
        if errors is not None:
            errors.clear()
        parser = Parser(defaults, files.read, errors)
        feed(parser)
        late = {name: parser.variables[name] for name in parser.without_value if name in parser.variables}
        config = parser.finish()
        if not late:
            break
        defaults |= late
        files.start_again()
    return replace(config, files=files.paths)


def parse(text: str, file: str = "<text>") -> VmConfig:
    """The configuration in ``text``; ``file`` names it in positions. Raises ConfigError."""
    source = tuple(words(text, file))
    name = "the text" if file == "<text>" else show(file)
    return _parsed(lambda parser: parser.feed(Source(source, name)), _Files())


def parse_file(path: str | Path) -> VmConfig:
    """The configuration in the file at ``path``. Raises ConfigError, also when the file cannot be read."""
    files = _Files()
    return _parsed(lambda parser: files.read(parser, Path(path), NOWHERE), files)


def errors_of_file(path: str | Path) -> list[ConfigError]:
    """Everything in the file at ``path`` that cannot be read, by file and line; empty if it can be parsed."""
    files = _Files()
    errors: list[ConfigError] = []
    try:
        _parsed(lambda parser: files.read(parser, Path(path), NOWHERE), files, errors)
    except ConfigError as error:
        errors.append(error)
    return sorted(errors, key=lambda error: (error.position.file, error.position.line, error.position.column))


def parse_arguments(arguments: Sequence[str], directory: Path | None = None) -> VmConfig:
    """The configuration that qvm's command line describes: options, arguments and ``@FILE``, one word per argument.

    ``directory`` is the current one of the process whose command line it is, when that is another one. Its streams, a
    shell's ``<(command)`` among them, cannot be read then.

    Positions in it have the file ``<command line>``, line 1, and the column in the line that a shell would need.
    """
    source = []
    column = 1
    for argument in arguments:
        position = Position(COMMAND_LINE, 1, column)
        refuse_controls(argument, position)
        source.append(Word(argument, position))
        column += len(quote(argument)) + 1
    return _parsed(lambda parser: parser.feed(Source(source, "the command line")), _Files(directory))
