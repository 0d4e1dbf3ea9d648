# SPDX-License-Identifier: Apache-2.0
"""A YAML document that remembers where everything is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

_TEMPLATE_TAG: Final = "!template"


@dataclass(frozen=True)
class Problem:
    """Something wrong, and the line that it is on. A warning is not an error but hardly meant."""

    file: str
    line: int
    text: str
    warning: bool = False

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {'warning' if self.warning else 'error'}: {self.text}"


class TargetFileError(Exception):
    """The file cannot be read any further."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass(frozen=True)
class Item:
    """A value with its line (from 1). ``value`` is what YAML makes of it; a ``!template`` is the text as written.

    ``keys`` are a mapping's entries, ``elements`` a sequence's; ``line`` of an entry is that of its key.
    """

    value: Any
    line: int
    keys: dict[str, Item] = field(default_factory=dict)
    elements: tuple[Item, ...] = ()

    @property
    def is_mapping(self) -> bool:
        """Whether it has keys; an empty value counts as a mapping without any."""
        return isinstance(self.value, dict) or self.value is None

    @property
    def is_list(self) -> bool:
        """Whether it is a sequence."""
        return isinstance(self.value, list)

    def get(self, key: str) -> Item | None:
        """The entry of that key."""
        return self.keys.get(key)

    def __iter__(self) -> Iterator[Item]:
        return iter(self.elements)


def read(path: Path) -> Item:
    """The document of a file. Raises TargetFileError with the line where YAML ends to be YAML, or says a key twice."""
    try:
        text = path.read_text()
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except OSError as error:
        raise TargetFileError(Problem(str(path), 1, f"cannot be read: {error.strerror}")) from error
    except UnicodeDecodeError as error:
        raise TargetFileError(Problem(str(path), 1, f"is no text: {error}")) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise TargetFileError(Problem(str(path), line, f"no YAML: {error.problem or error.context}")) from error
    if node is None:
        raise TargetFileError(Problem(str(path), 1, "is empty"))
    return _item(node, node.start_mark.line + 1, str(path))


def _item(node: yaml.Node, line: int, file: str) -> Item:
    if isinstance(node, yaml.MappingNode):
        keys: dict[str, Item] = {}
        for key_node, value_node in node.value:
            at = key_node.start_mark.line + 1
            key = str(key_node.value)
            if key in keys:
                raise TargetFileError(Problem(file, at, f"{key} is there twice, first on line {keys[key].line}"))
            keys[key] = _item(value_node, at, file)
        return Item({key: item.value for key, item in keys.items()}, line, keys)
    if isinstance(node, yaml.SequenceNode):
        elements = tuple(_item(element, element.start_mark.line + 1, file) for element in node.value)
        return Item([item.value for item in elements], line, {}, elements)
    if node.tag == _TEMPLATE_TAG:
        return Item(node.value, line)
    return Item(yaml.safe_load(yaml.serialize(node)), line)
