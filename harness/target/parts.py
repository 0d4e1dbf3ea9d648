# SPDX-License-Identifier: Apache-2.0
"""Resources and drivers of a target, checked against labgrid's classes: names, arguments, bindings, order."""

from __future__ import annotations

import abc
import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

import attr
from labgrid.driver import Driver
from labgrid.factory import target_factory
from labgrid.resource.common import Resource

from harness.target.document import Item, Problem

_FROM_LABGRID: Final = {"target", "name", "state"}
_REMOTE: Final = "RemotePlace"
_NEEDED: Final = {("RawSerialPort", "port")}
"""Arguments that labgrid gives a default, and then cannot do without."""


@dataclass(frozen=True)
class Part:
    """One resource or driver as the file has it; ``name`` is the one that bindings use."""

    cls: type[Any]
    name: str | None
    arguments: Item
    bindings: Item | None
    line: int

    def argument(self, name: str) -> Any:
        """The value of an argument: the file's, or the class's default."""
        item = self.arguments.get(name)
        if item is not None:
            return item.value
        default: Any = attr.fields_dict(self.cls)[name].default
        return default.factory() if hasattr(default, "factory") else default

    def line_of(self, name: str) -> int:
        """The line of an argument, or of the part when the argument is not written."""
        item = self.arguments.get(name)
        return self.line if item is None else item.line


class Parts:
    """The parts of one target. ``problems`` has what was found wrong on the way."""

    def __init__(self, file: str, target: Item) -> None:
        self._file = file
        self.problems: list[Problem] = []
        self.resources = list(self._read(target.get("resources"), Resource, "resource"))
        self.remote = any(part.cls.__name__ == _REMOTE for part in self.resources)
        """Whether a lab brings resources that the file does not name."""
        self.provided = list(_provided(self.resources))
        """Classes and names of resources that others bring with them."""
        self.drivers = list(self._read(target.get("drivers"), Driver, "driver"))
        self._bind()

    def of(self, base: type[Any]) -> list[Part]:
        """The resources and drivers of a class."""
        return [part for part in (*self.resources, *self.drivers) if issubclass(part.cls, base)]

    def _error(self, line: int, text: str) -> None:
        self.problems.append(Problem(self._file, line, text))

    def _read(self, section: Item | None, base: type[Any], what: str) -> Iterator[Part]:
        """labgrid's two forms: a mapping by class, or a list of mappings with one class each."""
        if section is None:
            return
        if section.is_list:
            for element in section:
                yield from self._element(element, base, what)
        elif section.is_mapping:
            for name, arguments in section.keys.items():
                yield from self._part(name, arguments, base, what)
        else:
            self._error(section.line, f"{what}s are a mapping or a list, not {section.value!r}")

    def _element(self, element: Item, base: type[Any], what: str) -> Iterator[Part]:
        if "cls" in element.keys:
            yield from self._part(str(element.keys["cls"].value), element, base, what)
        elif len(element.keys) == 1:
            ((name, arguments),) = element.keys.items()
            yield from self._part(name, arguments, base, what)
        else:
            self._error(element.line, f"an entry of this list has one {what} class, not {len(element.keys)}")

    def _part(self, class_name: str, arguments: Item, base: type[Any], what: str) -> Iterator[Part]:
        known = target_factory.resources if base is Resource else target_factory.drivers
        cls = known.get(class_name)
        if cls is None:
            self._error(arguments.line, f"there is no {what} class {class_name}{_hint(class_name, known)}")
        elif not arguments.is_mapping or arguments.value is None:
            self._error(arguments.line, f"{class_name} takes a mapping of arguments; without any, write {{}}")
        else:
            name = arguments.get("name")
            part = Part(cls, str(name.value) if name else None, arguments, arguments.get("bindings"), arguments.line)
            self._arguments(part)
            yield part

    def _arguments(self, part: Part) -> None:
        fields = {
            field.name: field for field in attr.fields(part.cls) if field.init and field.name not in _FROM_LABGRID
        }
        written = {key: item for key, item in part.arguments.keys.items() if key not in ("name", "bindings", "cls")}
        for name, item in written.items():
            if name not in fields:
                self._error(item.line, f"{part.cls.__name__} has no argument {name}{_hint(name, fields)}")
            elif complaint := _complaint(fields[name], item.value):
                self._error(item.line, f"{part.cls.__name__}: {name} is {item.value!r}: {complaint}")
        for name, field in fields.items():
            needed = field.default is attr.NOTHING or (part.cls.__name__, name) in _NEEDED
            if needed and name not in written:
                self._error(part.line, f"{part.cls.__name__} needs the argument {name}")

    def _bind(self) -> None:
        """Does every driver find what it needs among what stands before it?"""
        before = [(part.cls, part.name) for part in self.resources] + self.provided
        for driver in self.drivers:
            chosen = driver.bindings.keys if driver.bindings else {}
            for name, item in chosen.items():
                if name not in driver.cls.bindings:
                    self._error(item.line, f"{driver.cls.__name__} has no binding {name}")
            for name, wanted in driver.cls.bindings.items():
                self._one_binding(driver, name, wanted, chosen.get(name), before)
            before.append((driver.cls, driver.name))

    def _one_binding(
        self,
        driver: Part,
        name: str,
        wanted: Any,
        chosen: Item | None,
        before: list[tuple[type[Any], str | None]],
    ) -> None:
        kinds, optional = _kinds(wanted)
        found = [
            (cls, own)
            for cls, own in before
            if issubclass(cls, tuple(kinds)) and (chosen is None or own == str(chosen.value))
        ]
        line = chosen.line if chosen else driver.line
        words = " or ".join(sorted(kind.__name__ for kind in kinds))
        called = f" named {chosen.value!r}" if chosen else ""
        if not found and not optional and not (self.remote and any(issubclass(kind, Resource) for kind in kinds)):
            self._error(line, f"{driver.cls.__name__} needs a {words}{called} ({name}), and none stands before it")
        elif len(found) > 1 and len({_priority(cls, kinds) for cls, _ in found}) < len(found):
            names = ", ".join(str(own) for _, own in found)
            self._error(line, f"{driver.cls.__name__} finds several of {words} ({names}): choose with bindings: {name}")


def _complaint(field: Any, value: object) -> str:
    """What the class would say to a value; empty when it takes it."""
    if field.validator is None:
        return ""
    try:
        field.validator(None, field, value)
    except (TypeError, ValueError) as error:
        return str(error.args[0]) if error.args else "not of the right kind"
    return ""


def _kinds(wanted: Any) -> tuple[list[type[Any]], bool]:
    """Classes of a binding, and whether it may be missing."""
    if isinstance(wanted, Driver.NamedBinding):
        wanted = wanted.value
    several = wanted if isinstance(wanted, set | list | tuple) else {wanted}
    kinds = [
        target_factory.class_from_string(kind) if isinstance(kind, str) else kind
        for kind in several
        if kind is not None
    ]
    return kinds, None in several


def _priority(cls: type[Any], kinds: list[type[Any]]) -> int:
    """labgrid takes the driver with the highest priority for a protocol."""
    priorities = getattr(cls, "priorities", {})
    return max(
        (priorities.get(kind, 0) for kind in kinds if inspect.isclass(kind) and issubclass(kind, abc.ABC)), default=0
    )


def _provided(resources: list[Part]) -> Iterator[tuple[type[Any], str | None]]:
    """Resources that others bring with them (``provided`` of the class)."""
    for part in resources:
        provided = getattr(part.cls, "provided", None)
        if provided:
            fields = [field.name for field in attr.fields(part.cls) if field.init and field.name not in _FROM_LABGRID]
            yield from provided(**{name: part.argument(name) for name in fields})


def _hint(name: str, known: Iterable[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""
