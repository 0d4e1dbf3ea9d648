# SPDX-License-Identifier: Apache-2.0
"""A target file as labgrid reads it, with the line of every value.

labgrid's own loader (PyYAML, YAML 1.1) gives the values, ruamel.yaml (YAML 1.2) the lines. What the two read
differently is an error: ``port: 0022`` and ``name: on`` are not meant as 18 and True.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from labgrid.util.yaml import Loader
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, DocumentStartEvent, ScalarEvent
from ruamel.yaml.reader import ReaderError

from harness.target.problem import Fault, Problem, TargetFileError, Where
from harness.target.reading.walk import Walk
from harness.target.wording import explained

_MOST_BYTES: Final = 1 << 18
_DEEPEST: Final = 32
_TOO_DEEP: Final = f"values are nested more than {_DEEPEST} deep"
_OPENINGS: Final = re.compile(rf"(?:[\[{{]\s*){{{_DEEPEST + 1}}}")
_TEMPLATE: Final = "!template"
_STANDARD: Final = "tag:yaml.org,2002:"
_TAGS: Final = {None, "!", *(_STANDARD + name for name in ("str", "int", "float", "bool", "null", "map", "seq"))}
_WORD_BEHIND: Final = re.compile(r"[ \t]+#[^\s#!-]\S*")
_MARK: Final = re.compile(r"^\s*#+\s*FILL[ _-]IN\b|^\s*[^#\s].*\s#.*\bFILL[ _-]IN\b")


@dataclass(frozen=True)
class Document:
    """What a file says. ``problems`` are those of its single values; ``marks`` the lines left to be filled in."""

    path: Path
    data: Any
    problems: list[Problem]
    marks: list[Problem]
    _lines: dict[Where, int] = field(repr=False)

    def line(self, where: Where) -> int:
        """The line of a value (from 1); of a mapping's entry, that of its key. Of what is not there: what it is in."""
        while where not in self._lines:
            where = where[:-1]
        return self._lines[where]

    def problem(self, fault: Fault) -> Problem:
        """A fault with its line."""
        return Problem(str(self.path), self.line(fault.where), fault.text, fault.warning)


def read(path: Path, variables: Mapping[str, str] | None = None) -> Document:
    """Read a file. Raises TargetFileError when it is not YAML that labgrid takes, or has no end.

    ``variables`` are what ``!template`` may use; without them, those that labgrid knows (``LG_...``) have some value.
    """
    text = _text(path)
    _look_over(path, text)
    walk = Walk(path, text.splitlines(), variables)
    data = walk.value((), _labgrids(path, text), _placed(path, text), 1)
    marks = {
        number: Problem(str(path), number, "FILL IN is left here: fill in the value, then remove the mark")
        for number, line in enumerate(text.splitlines(), 1)
        if _MARK.search(line)
    }
    for number in walk.marked:
        marks.setdefault(number, Problem(str(path), number, "FILL IN is left here in place of a value"))
    if data is None:
        raise TargetFileError(Problem(str(path), 1, "is empty: there are no targets"))
    if not isinstance(data, dict):
        raise TargetFileError(
            Problem(str(path), walk.lines[()], "the file has to be a mapping: lines of the form 'key: value'")
        )
    return Document(path, data, walk.problems + list(_cut_off(path, text)), list(marks.values()), walk.lines)


def _cut_off(path: Path, text: str) -> Iterator[Problem]:
    """Values that end before a ``#`` with a word right behind it, which is hardly meant as a comment."""
    lines = text.splitlines()
    for token in yaml.scan(text):
        if isinstance(token, yaml.ScalarToken) and token.plain:
            number = token.end_mark.line
            behind = lines[number][token.end_mark.column :] if number < len(lines) else ""
            # Without the words: they may be the rest of a password.
            if _WORD_BEHIND.match(behind) and not _MARK.search(lines[number]):
                words = "the value ends before the #, which begins a comment: quotes make it part of the value"
                yield Problem(str(path), number + 1, words, warning=True)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) else error
        raise TargetFileError(Problem(str(path), 1, f"cannot be read: {words}")) from error
    if len(content) > _MOST_BYTES:
        raise TargetFileError(
            Problem(str(path), 1, f"is larger than {_MOST_BYTES >> 10} KiB, so it is not a target file")
        )
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise TargetFileError(Problem(str(path), 1, "is UTF-16 text: save it as UTF-8"))
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        text = f"is not UTF-8 text (byte {content[error.start]:#04x}): save it as UTF-8"
        raise TargetFileError(Problem(str(path), line, text)) from error


def _look_over(path: Path, text: str) -> None:
    """Refuse what no loader may begin with: it has no end, or labgrid does not support it. Raises TargetFileError."""
    openings = _OPENINGS.search(text)
    if openings:
        raise TargetFileError(Problem(str(path), text.count("\n", 0, openings.start()) + 1, _TOO_DEEP))
    depth = documents = 0
    for event in _events(path, text):
        complaint = ""
        if isinstance(event, CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                complaint = _TOO_DEEP
        elif isinstance(event, CollectionEndEvent):
            depth -= 1
        elif isinstance(event, DocumentStartEvent):
            documents += 1
            if event.version is not None:
                complaint = "labgrid always reads YAML 1.1: remove the %YAML line"
            if documents > 1:
                complaint = "a second document begins here (---), and a file has one: remove the line"
        elif isinstance(event, ScalarEvent) and event.value == "<<" and event.implicit[0] and event.tag is None:
            complaint = "labgrid does not support merge keys (<<): write the keys out"
        if isinstance(event, ScalarEvent | CollectionStartEvent) and not complaint:
            complaint = _tag_complaint(event)
        if complaint:
            raise TargetFileError(Problem(str(path), event.start_mark.line + 1, complaint))


def _tag_complaint(event: Any) -> str:
    tag = None if event.tag is None else str(event.tag)
    if tag in _TAGS or (tag == _TEMPLATE and isinstance(event, ScalarEvent)):
        return ""
    if tag == _TEMPLATE:
        return f"{_TEMPLATE} takes a text"
    return f'labgrid does not know the tag {tag}; it has {_TEMPLATE} "$LG_NAME" for variables of the environment'


def _events(path: Path, text: str) -> Iterator[Any]:
    with _translated(path, text):
        for event in YAML(pure=True).parse(text):
            if not isinstance(event, AliasEvent):
                yield event


def _placed(path: Path, text: str) -> Any:
    with _translated(path, text):
        return YAML(typ="rt", pure=True).load(text)


class _MarkedLoader(Loader):  # type: ignore[misc]
    """labgrid's loader; every complaint about a value has its line."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, ArithmeticError) as error:
            # A date without such a day, a number with too many digits.
            raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from error


def _labgrids(path: Path, text: str) -> Any:
    with _translated(path, text), warnings.catch_warnings():
        # ruamel.yaml refuses a key that is there twice; labgrid only warns.
        warnings.simplefilter("ignore")
        loader = _MarkedLoader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()


@contextmanager
def _translated(path: Path, text: str) -> Iterator[None]:
    """Turn exceptions of the YAML libraries into TargetFileError with a line."""
    try:
        yield
    except Exception as error:
        # The libraries have no class of errors in common, and ruamel.yaml lets those of Python through.
        line, words = 1, str(error)
        if isinstance(error, DuplicateKeyError):
            line, words = error.problem_mark.line + 1, f"{(error.problem or '').split(chr(34))[1]} is there twice"
        elif isinstance(error, MarkedYAMLError | yaml.MarkedYAMLError):
            line, words = explained(error, text)
            words = f"not valid YAML: {words}"
        elif isinstance(error, ReaderError | yaml.reader.ReaderError):
            line = text.count("\n", 0, error.position) + 1
            character = error.character
            shown = chr(character) if isinstance(character, int) else character
            words = f"not valid YAML: the character {shown!r} is not allowed"
        raise TargetFileError(Problem(str(path), line, " ".join(words.split()))) from error
