# SPDX-License-Identifier: Apache-2.0
"""Plain data into classes by their annotations, strictly: nothing is converted, and every fault has its line.

cattrs does the work. A class whose fields say what a file may hold is the schema of that file: keys that it has not are
unknown, fields without a default are needed. YAML's kinds are kept apart: a number is no text and no boolean.
"""

from __future__ import annotations

import math
from collections import UserString
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final, Literal, NewType, TypeVar, get_args, get_origin

import cattrs
from cattrs.cols import list_structure_factory
from cattrs.errors import (
    AttributeValidationNote,
    BaseValidationError,
    ClassValidationError,
    ForbiddenExtraKeysError,
    IterableValidationError,
    IterableValidationNote,
)
from cattrs.gen import make_dict_structure_fn, mapping_structure_factory

from harness.target.problem import Fault, Where, hint

T = TypeVar("T")

Seconds = NewType("Seconds", float)
"""A time that a file gives."""

_SHOWN: Final = 60


class SchemaError(Exception):
    """The data are not what the schema says."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(fault.text for fault in faults))
        self.faults = faults


class NotExpectedError(Exception):
    """A value is not of its kind; the message is what is expected in its place. A part of a SchemaError."""


def register(cls: Any, hook: Callable[[Any, Any], Any]) -> None:
    """Let ``hook`` make values of a type; it raises NotExpectedError for what is none."""
    _converter.register_structure_hook(cls, hook)


def structure(data: object, cls: type[T], where: Where = ()) -> T:
    """An instance of ``cls`` from data that stand at ``where`` in their file. Raises SchemaError with every fault."""
    try:
        return _converter.structure(data, cls)
    except (BaseValidationError, NotExpectedError) as error:
        raise SchemaError(list(_faults(error, where, data))) from None


def named(where: Where) -> str:
    """A value's path in words: ``target desk: option linux.boot_seconds``."""
    words = ""
    if len(where) > 1 and where[0] == "targets":
        words, where = f"target {where[1]}: ", where[2:]
        if len(where) > 1 and where[0] == "options":
            words, where = f"{words}option ", where[1:]
    way = "".join(f".{part}" if isinstance(part, str) else f"[{part + 1}]" for part in where)
    return words + way.lstrip(".") if way else words.removesuffix(": ")


def shown(value: object) -> str:
    """A value in a message, cut where it is long."""
    if isinstance(value, UserString):
        return "a block of text (|)"
    text = repr(dict(value)) if isinstance(value, Mapping) else repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _faults(error: BaseException, where: Where, data: object) -> Iterator[Fault]:
    """Every fault in cattrs' tree of errors."""
    if isinstance(error, ForbiddenExtraKeysError):
        known = [field.name for field in fields(error.cl)]
        what = "option" if len(where) == 3 and where[2] == "options" else "key"
        place = named(where[:2]) if what == "option" else named(where)
        for name in sorted(error.extra_fields):
            words = f"unknown {what} {name}{hint(name, known)}; there are: {', '.join(known)}"
            yield Fault((*where, name), f"{place}: {words}" if place else words)
    elif isinstance(error, ClassValidationError | IterableValidationError):
        for inner in error.exceptions:
            step = _step(inner)
            inside = (*where, step) if step is not None else where
            yield from _faults(inner, inside, _entry(data, step) if step is not None else data)
    elif isinstance(error, NotExpectedError):
        yield Fault(where, f"{named(where) or 'the file'} is {shown(data)}; expected {error}")
    elif isinstance(error, KeyError):
        yield Fault(where[:-1], f"{named(where)} is missing")
    else:
        yield Fault(where, f"{named(where)} is {shown(data)}: {error}")


def _step(error: BaseException) -> str | int | None:
    for note in getattr(error, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            return note.name
        if isinstance(note, IterableValidationNote):
            return note.index if isinstance(note.index, str) else int(note.index)
    return None


def _entry(data: Any, step: str | int) -> Any:
    try:
        return data[step]
    except (LookupError, TypeError):
        return None


def _strict(kind: type[Any] | tuple[type[Any], ...], words: str) -> Callable[[Any, Any], Any]:
    def structure(value: Any, _cls: Any) -> Any:
        if not isinstance(value, kind) or isinstance(value, bool):
            raise NotExpectedError(words)
        return value

    return structure


def _number(words: str, above: float = -math.inf) -> Callable[[Any, Any], float]:
    def structure(value: Any, _cls: Any) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (is_number and value > above and math.isfinite(value)):
            raise NotExpectedError(words)
        return float(value)

    return structure


def _boolean(value: Any, _cls: Any) -> bool:
    if not isinstance(value, bool):
        raise NotExpectedError("true or false")
    return value


def _choice(value: Any, cls: Any) -> Any:
    choices = get_args(cls)
    if not isinstance(value, str) or value not in choices:
        words = ", ".join(choice if choice else repr(choice) for choice in choices)
        raise NotExpectedError(f"one of: {words}{hint(value, filter(None, choices))}")
    return value


def _list_factory(cls: Any, converter: Any) -> Callable[[Any, Any], Any]:
    inner = get_args(cls)[0]
    inside = list[inner]  # type: ignore[valid-type]
    # cattrs' own way for a list, which would take a text for a list of its letters.
    from_list = list_structure_factory(inside, converter)

    def structure(value: Any, _cls: Any) -> Any:
        if not isinstance(value, list):
            raise NotExpectedError(f"a list of {_words(inner)}")
        found = from_list(value, inside)
        for number, entry in enumerate(found):
            if entry in found[:number]:
                raise NotExpectedError("every entry once")
        return tuple(found)

    return structure


def _words(cls: Any) -> str:
    if get_origin(cls) is Literal:
        return "these: " + ", ".join(get_args(cls))
    if is_dataclass(cls):
        names = [field.name for field in fields(cls)]
        return f"mappings with the keys {', '.join(names)}"
    return "texts"


def _mapping_factory(cls: Any, converter: Any) -> Callable[[Any, Any], Any]:
    from_mapping = make_dict_structure_fn(
        cls, converter, _cattrs_forbid_extra_keys=True, _cattrs_detailed_validation=True
    )

    def structure(value: Any, of: Any) -> Any:
        if not isinstance(value, dict):
            raise NotExpectedError(f"a mapping with the keys {', '.join(field.name for field in fields(cls))}")
        return from_mapping(value, of)

    return structure


def _pairs_factory(cls: Any, converter: Any) -> Callable[[Any, Any], Any]:
    inside: Any = dict[get_args(cls)]  # type: ignore[misc]
    from_pairs: Any = mapping_structure_factory(inside, converter)

    def structure(value: Any, of: Any) -> Any:
        if not isinstance(value, dict):
            raise NotExpectedError("a mapping of keys")
        return from_pairs(value, of)

    return structure


def _made_from(origin: Any) -> Callable[[Any], bool]:
    """Whether a type is one of ``origin`` with parameters."""
    return lambda cls: get_origin(cls) is origin


def _new_converter() -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=True)
    converter.register_structure_hook(str, _strict(str, "a text"))
    converter.register_structure_hook(int, _strict(int, "a whole number"))
    converter.register_structure_hook(float, _number("a number"))
    converter.register_structure_hook(bool, _boolean)
    converter.register_structure_hook(Seconds, _number("a number above 0 (seconds)", above=0))
    converter.register_structure_hook_func(_made_from(Literal), _choice)
    converter.register_structure_hook_factory(is_dataclass, _mapping_factory)
    converter.register_structure_hook_factory(_made_from(tuple), _list_factory)
    converter.register_structure_hook_factory(_made_from(Mapping), _pairs_factory)
    return converter


_converter: Final = _new_converter()
