# SPDX-License-Identifier: Apache-2.0
"""A walk over a YAML document as two libraries read it: where everything is, and what no value may be."""

from __future__ import annotations

import math
import re
from collections import UserString
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any, Final

from ruamel.yaml.comments import TaggedScalar

from harness.target.problem import Problem, TargetFileError, Where

_MOST_VALUES: Final = 20_000
_LARGEST: Final = 1 << 64
_MARK: Final = re.compile(r"\bFILL[ _-]?IN\b")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_WORD: Final = re.compile(r"[^\s,#\]}]+")
_KNOWN_LATER: Final = "filled-in-later"


class Walk:
    """Compares the values that labgrid reads (``read``) with those that have positions (``placed``).

    ``lines`` has the line of every value, ``problems`` what is wrong with single ones, and ``marked`` the lines whose
    value is a FILL IN.
    """

    def __init__(self, path: Path, text: list[str], variables: Mapping[str, str] | None) -> None:
        self.lines: dict[Where, int] = {}
        self.problems: list[Problem] = []
        self.marked: list[int] = []
        self._file = str(path)
        self._text = text
        self._base = str(path.absolute().parent)
        self._variables = variables
        self._open: list[int] = []

    def value(self, where: Where, read: Any, placed: Any, line: int, column: int | None = None) -> Any:
        """The value as labgrid's configuration has it. Raises TargetFileError where no walk could go on."""
        self.lines[where] = line
        if len(self.lines) > _MOST_VALUES:
            raise self._stop(line, f"aliases make more than {_MOST_VALUES} values of this file")
        if isinstance(read, dict | list):
            if id(read) in self._open:
                raise self._stop(line, "an alias (*) is used inside the value that it names")
            self._open.append(id(read))
            value: Any
            if isinstance(read, dict):
                value = self._mapping(where, read, placed, line)
            else:
                value = self._list(where, read, placed, line)
            self._open.pop()
            return value
        return self._scalar(where, read, placed, line, column)

    def _mapping(self, where: Where, read: dict[Any, Any], placed: Any, line: int) -> dict[str, Any]:
        places = getattr(placed, "lc", None)
        both = list(placed.items()) if isinstance(placed, dict) else []
        found: dict[str, Any] = {}
        for number, (key, value) in enumerate(read.items()):
            own, beside = both[number] if len(both) == len(read) else (key, None)
            at = places.data[own] if places and places.data and own in places.data else None
            at_line = at[0] + 1 if at else line
            if not isinstance(key, str) or not isinstance(own, str):
                raise self._stop(at_line, f"the key {own} is not read as text: put it in quotes")
            if _CONTROL.search(key) or not key.strip():
                raise self._stop(at_line, f"{key!r} cannot be a key")
            same_line = at and at[2] == at[0]
            found[key] = self.value((*where, key), value, beside, at_line, at[3] if at and same_line else None)
        return found

    def _list(self, where: Where, read: list[Any], placed: Any, line: int) -> list[Any]:
        places = getattr(placed, "lc", None)
        found = []
        for number, value in enumerate(read):
            beside = placed[number] if isinstance(placed, list) and number < len(placed) else None
            at = places.data.get(number) if places and places.data else None
            at_line, column = (at[0] + 1, at[1]) if at else (line, None)
            found.append(self.value((*where, number), value, beside, at_line, column))
        return found

    def _scalar(self, where: Where, read: Any, placed: Any, line: int, column: int | None) -> Any:
        if isinstance(read, Template):
            text = self._filled_in(read, line)
            self._check_text(text, line)
            return _encodable(text)
        if read is None:
            # An empty file, and a list's empty entry, have no key.
            if where:
                name = where[-1] if isinstance(where[-1], str) else f"entry {where[-1] + 1} of the list"
                self._say(line, f"{name} has no value: write one, {{}} or [] for none, or remove the line")
        elif isinstance(read, str | UserString):
            self._check_text(str(read), line)
        elif isinstance(read, int) and abs(read) > _LARGEST:
            self._say(line, "the number does not fit into 64 bits")
            return 0
        if isinstance(placed, TaggedScalar):
            placed = placed.value
        if read is not None and not _same(read, placed):
            written = self._written(line, column) or str(placed)
            remedy = "true, false or text in quotes" if isinstance(read, bool) else "a plain number or text in quotes"
            if where and where[-1] == "password":
                # It is nobody's business who reads the output.
                self._say(line, "password is read as a number or another value that is no text: put it in quotes")
            else:
                self._say(
                    line, f"{written} is read as {read!r} by labgrid and as {placed!r} by YAML 1.2: write {remedy}"
                )
        return _encodable(read) if isinstance(read, str) else read

    def _check_text(self, text: str, line: int) -> None:
        if _CONTROL.search(text):
            self._say(line, f"the text has a control character: {text[:40]!r}")
        elif _MARK.search(text):
            self.marked.append(line)

    def _filled_in(self, template: Template, line: int) -> str:
        names = {"BASE": self._base, **(self._variables or {})}
        try:
            missing = {name: _KNOWN_LATER for name in template.get_identifiers() if name not in names}
            for name in missing:
                if not name.startswith("LG_"):
                    self._say(
                        line,
                        f"!template: unknown variable {name!r}; labgrid fills in BASE and names with LG_ in front",
                    )
                elif self._variables is not None:
                    self._say(line, f"!template: unknown variable {name!r}: it is not set in the environment")
            return template.substitute({**missing, **names})
        except ValueError:
            self._say(
                line, f"!template {template.template!r}: a $ has to be followed by a name; write $$ for a dollar sign"
            )
            return template.template

    def _written(self, line: int, column: int | None) -> str:
        """The text of a plain value."""
        if column is None or line > len(self._text):
            return ""
        match = _WORD.match(self._text[line - 1], column)
        return match[0] if match else ""

    def _say(self, line: int, text: str) -> None:
        self.problems.append(Problem(self._file, line, text))

    def _stop(self, line: int, text: str) -> TargetFileError:
        return TargetFileError(*self.problems, Problem(self._file, line, text))


def _encodable(text: str) -> str:
    """A text that can be a path and an argument. Reported errors in it must not stop the other checks."""
    return text.encode("utf-8", "replace").decode()


def _same(one: Any, other: Any) -> bool:
    """Whether two libraries read the same."""
    if isinstance(one, UserString):
        return str(one) == str(other)
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, bool) or isinstance(other, bool):
        return bool(one) == bool(other) and isinstance(one, bool) and isinstance(other, bool | int)
    return bool(one == other) and isinstance(one, str) == isinstance(other, str)
