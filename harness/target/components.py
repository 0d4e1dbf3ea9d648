# SPDX-License-Identifier: Apache-2.0
"""Resources and drivers of a target, checked against labgrid's classes: names, arguments, bindings, order."""

from __future__ import annotations

import abc
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import attr
from labgrid.driver import Driver
from labgrid.factory import target_factory
from labgrid.resource.common import Resource

from harness.target import arguments
from harness.target.problem import Fault, Where, hint
from harness.target.schema import shown

_FROM_LABGRID: Final = {"target", "name", "state"}
_REMOTE: Final = "RemotePlace"
_NEEDED: Final = {("RawSerialPort", "port")}
"""Arguments that labgrid gives a default, and then cannot do without."""


@dataclass(frozen=True)
class Component:
    """One resource or driver as the file has it; ``name`` is the one that bindings use."""

    cls: type[Any]
    name: str | None
    where: Where
    arguments: Mapping[str, Any]
    bindings: Mapping[str, Any]

    def argument(self, name: str) -> Any:
        """The value of an argument: the file's, or the class's default."""
        return self.arguments[name] if name in self.arguments else arguments.default(self.cls, name)

    def where_of(self, name: str) -> Where:
        """The way to an argument, or to the component when the argument is not written."""
        return (*self.where, name) if name in self.arguments else self.where


class Components:
    """The components of one target. ``faults`` has what was found wrong on the way."""

    def __init__(self, name: str, target: Mapping[str, Any]) -> None:
        self._where: Where = ("targets", name)
        self.faults: list[Fault] = []
        self._mentioned = list(_mentioned(target))
        self.unknown = False
        """Whether a class was not known, so that what it is for may seem to be missing."""
        self.resources = list(self._read(target, "resources", Resource))
        self.remote = any(component.cls.__name__ == _REMOTE for component in self.resources)
        """Whether a lab brings resources that the file does not name."""
        # A resource with a fault could not say what it brings.
        right = not self.faults
        self.provided = list(_provided(self.resources)) if right else []
        """Classes and names of resources that others bring with them."""
        self.drivers = list(self._read(target, "drivers", Driver))
        self._names()
        if right:
            self._bind()

    def of(self, base: type[Any]) -> list[Component]:
        """The resources and drivers of a class."""
        return [component for component in (*self.resources, *self.drivers) if issubclass(component.cls, base)]

    def _error(self, where: Where, text: str) -> None:
        self.faults.append(Fault(where, text))

    def _read(self, target: Mapping[str, Any], section: str, base: type[Any]) -> Iterator[Component]:
        """labgrid's two forms: a mapping by class, or a list of mappings with one class each."""
        entries, where = target.get(section, {}), (*self._where, section)
        if isinstance(entries, list):
            for number, element in enumerate(entries):
                yield from self._element((*where, number), element, base)
        elif isinstance(entries, dict):
            for name, given in entries.items():
                yield from self._part((*where, name), name, given, base)
        else:
            self._error(where, f"{section} is {shown(entries)}; expected a mapping by class, or a list of such")

    def _element(self, where: Where, element: Any, base: type[Any]) -> Iterator[Component]:
        if not isinstance(element, dict):
            self._error(where, f"an entry of this list is {shown(element)}; expected a mapping, CLASS: {{ARGUMENTS}}")
        elif "cls" in element:
            yield from self._part(where, element["cls"], element, base)
        elif len(element) == 1:
            ((name, given),) = element.items()
            yield from self._part((*where, name), name, given, base)
        else:
            what = ", ".join(element) or "none"
            self._error(where, f"an entry of this list must have exactly one class, and has: {what}")

    def _part(self, where: Where, key: Any, given: Any, base: type[Any]) -> Iterator[Component]:
        known = target_factory.resources if base is Resource else target_factory.drivers
        what = "resource" if base is Resource else "driver"
        # Wherever there is a cls, labgrid takes the class from it and not from the key.
        named = isinstance(given, dict) and "cls" in given
        class_name, place = (given["cls"], (*where, "cls")) if named else (key, where)
        cls = known.get(class_name) if isinstance(class_name, str) else None
        if cls is None:
            self.unknown = True
            if isinstance(class_name, str):
                self._error(place, f"there is no {what} class {class_name}{hint(class_name, known)}")
            else:
                self._error(place, f"cls is {shown(class_name)}; expected the name of a class, a text")
        elif not isinstance(given, dict):
            self._error(
                where, f"{class_name} is {shown(given)}; expected a mapping of arguments; without any, write {{}}"
            )
        else:
            written = {key: value for key, value in given.items() if key not in ("name", "bindings", "cls")}
            component = Component(cls, self._name(where, given), where, written, self._bindings(where, cls, given))
            self._arguments(component)
            yield component

    def _name(self, where: Where, given: Mapping[str, Any]) -> str | None:
        name = given.get("name")
        if "name" in given and not (isinstance(name, str) and name):
            self._error((*where, "name"), f"name is {shown(name)}; expected a text")
            return None
        return name

    def _bindings(self, where: Where, cls: type[Any], given: Mapping[str, Any]) -> Mapping[str, Any]:
        bindings = given.get("bindings", {})
        where = (*where, "bindings")
        if not isinstance(bindings, dict):
            self._error(where, f"bindings is {shown(bindings)}; expected a mapping, BINDING: NAME")
            return {}
        if bindings and not issubclass(cls, Driver):
            self._error(where, f"{cls.__name__} is a resource and has no bindings")
            return {}
        for name, chosen in bindings.items():
            if name not in cls.bindings:
                self._error((*where, name), f"{cls.__name__} has no binding {name}{hint(name, cls.bindings)}")
            elif not isinstance(chosen, str):
                self._error(
                    (*where, name), f"{name} is {shown(chosen)}; expected the name of a resource or driver, a text"
                )
        return {name: chosen for name, chosen in bindings.items() if isinstance(chosen, str)}

    def _arguments(self, component: Component) -> None:
        known = {
            field.name: field for field in attr.fields(component.cls) if field.init and field.name not in _FROM_LABGRID
        }
        for name, value in component.arguments.items():
            if name not in known:
                better = hint(name, known) or self._elsewhere(name) or f"; it has {', '.join(known) or 'none'}"
                self._error((*component.where, name), f"{component.cls.__name__} has no argument {name}{better}")
            elif words := arguments.complaint(component.cls, known[name], value):
                self._error((*component.where, name), words)
        for name, field in known.items():
            needed = field.default is attr.NOTHING or (component.cls.__name__, name) in _NEEDED
            if needed and name not in component.arguments:
                self._error(component.where, f"{component.cls.__name__} needs the argument {name}")

    def _elsewhere(self, name: str) -> str:
        """The end of a message: which other components of the target could have such an argument."""
        known = {**target_factory.resources, **target_factory.drivers}
        having = [
            called
            for called in self._mentioned
            if called in known and any(field.name == name for field in attr.fields(known[called]))
        ]
        return f"; {' and '.join(having)} could have it" if having and name not in _FROM_LABGRID else ""

    def _names(self) -> None:
        """Two components of a class need names of their own."""
        seen: set[tuple[type[Any], str | None]] = set()
        for component in (*self.resources, *self.drivers):
            if (component.cls, component.name) in seen:
                called = f"named {component.name}" if component.name else "without a name"
                self._error(
                    component.where, f"there is a {component.cls.__name__} {called} already: labgrid keeps one of them"
                )
            seen.add((component.cls, component.name))

    def _bind(self) -> None:
        """Does every driver find what it needs among what stands before it?"""
        before = [(component.cls, component.name) for component in self.resources] + self.provided
        for driver in self.drivers:
            for name, wanted in driver.cls.bindings.items():
                self._one_binding(driver, name, wanted, before)
            before.append((driver.cls, driver.name))

    def _one_binding(
        self, driver: Component, name: str, wanted: Any, before: list[tuple[type[Any], str | None]]
    ) -> None:
        kinds, optional = _kinds(wanted)
        chosen = driver.bindings.get(name)
        found = [
            (cls, own) for cls, own in before if issubclass(cls, tuple(kinds)) and (chosen is None or own == chosen)
        ]
        where = driver.where if chosen is None else (*driver.where, "bindings", name)
        words = " or ".join(sorted(kind.__name__ for kind in kinds))
        called = "" if chosen is None else f" named {chosen!r}"
        needed = chosen is not None or not optional
        if not found and needed and not (self.remote and any(issubclass(kind, Resource) for kind in kinds)):
            self._error(where, f"{driver.cls.__name__} needs a {words}{called} ({name}), and none is listed before it")
        elif len(found) > 1 and len({_priority(cls, kinds) for cls, _ in found}) < len(found):
            names = ", ".join(str(own) for _, own in found)
            text = f"{driver.cls.__name__} could use several of {words} ({names}): choose one under bindings: {name}"
            self._error(where, text)


def _mentioned(target: Mapping[str, Any]) -> Iterator[str]:
    """The classes of a target by their names, right or wrong."""
    for entries in (target.get("resources"), target.get("drivers")):
        parts = entries if isinstance(entries, list) else [entries]
        for part in parts:
            yield from (key for key in part if isinstance(key, str)) if isinstance(part, dict) else ()


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


def _provided(resources: list[Component]) -> Iterator[tuple[type[Any], str | None]]:
    """Resources that others bring with them (``provided`` of the class)."""
    for component in resources:
        provided = getattr(component.cls, "provided", None)
        if provided:
            fields = [
                field.name for field in attr.fields(component.cls) if field.init and field.name not in _FROM_LABGRID
            ]
            yield from provided(**{name: component.argument(name) for name in fields})
