# SPDX-License-Identifier: Apache-2.0
"""Records of annotated fields as JSON values and back, strictly: every error names the path to the value.

cattrs does the work. Kinds are kept apart: a number is no text, a boolean no number. Fields that a record does not have
are passed over, so that an older harness reads what a newer one has written. Bytes are base64.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final, Literal, TypeVar, get_args, get_origin

import cattrs
from cattrs.cols import list_structure_factory
from cattrs.errors import (
    AttributeValidationNote,
    BaseValidationError,
    ClassValidationError,
    IterableValidationError,
    IterableValidationNote,
)
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, mapping_structure_factory

T = TypeVar("T")

FLAT: Final[Mapping[str, bool]] = {"flat": True}
"""Metadata of a field that is a record: its fields stand among those of the record that has it."""

_SHOWN: Final = 40


class StructureError(Exception):
    """Data are not what a record says; the text has the path, what was found and what was expected."""


class _NotExpectedError(Exception):
    """A value is not of its kind; the text is what is expected, and ``found`` the value."""

    def __init__(self, found: object, expected: str) -> None:
        super().__init__(expected)
        self.found = found


def parse_plain(text: bytes) -> Any:
    """JSON as its specification has it, for what strangers say. Raises ValueError for everything else.

    Python takes NaN and Infinity for numbers, and a clock that is told to wait for one of them never rings again.
    """
    try:
        return json.loads(text.decode(), parse_constant=_no_number, parse_float=_finite)
    except RecursionError:
        raise ValueError("too many brackets inside each other") from None


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_number(text)


def structure(data: object, cls: Any, where: str) -> Any:
    """An instance of ``cls`` from JSON values; ``where`` names them in errors. Raises StructureError for the first."""
    try:
        return _converter.structure(data, cls)
    except (BaseValidationError, _NotExpectedError) as error:
        raise StructureError(_first(error, where)) from None


def unstructure(value: object) -> Any:
    """A record as dictionaries, lists and plain values."""
    return _converter.unstructure(value)


def _first(error: BaseException, where: str) -> str:
    """The first error in cattrs' tree of them."""
    if isinstance(error, ClassValidationError | IterableValidationError):
        inner = error.exceptions[0]
        if isinstance(inner, KeyError):
            return f"{where}: the field {inner.args[0]!r} is missing"
        flat = _flat(error.cl) if isinstance(error, ClassValidationError) else ()
        return _first(inner, where + _step(inner, flat))
    if isinstance(error, _NotExpectedError):
        return f"{where}: found {_text(error.found)}, expected {error}"
    return f"{where}: {error}"


def _step(error: BaseException, flat: tuple[str, ...]) -> str:
    for note in getattr(error, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            return "" if note.name in flat else f".{note.name}"
        if isinstance(note, IterableValidationNote):
            return f".{note.index}" if isinstance(note.index, str) else f"[{note.index}]"
    return ""


def _text(data: object) -> str:
    text = repr(data)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _flat(cls: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(cls) if field.metadata.get("flat"))


def _must_be(kind: type[Any] | tuple[type[Any], ...], expected: str) -> Callable[[Any, Any], Any]:
    def check(value: Any, _cls: Any) -> Any:
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise _NotExpectedError(value, expected)
        return float(value) if kind == (int, float) else value

    return check


def _choice(value: Any, cls: Any) -> Any:
    if value not in get_args(cls):
        raise _NotExpectedError(value, f"one of {', '.join(map(str, get_args(cls)))}")
    return value


def _bytes(value: Any, _cls: Any) -> bytes:
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError, ValueError):
        data = b""
    # The decoder passes over padding that is too much, and bits behind the last byte.
    if base64.b64encode(data).decode() != value:
        raise _NotExpectedError(value, "bytes as base64")
    return data


def _from_object(cls: Any, converter: Any) -> Callable[[Any, Any], Any]:
    make: Any = make_dict_structure_fn(cls, converter, _cattrs_detailed_validation=True)
    flat = _flat(cls)

    def from_object(value: Any, of: Any) -> Any:
        if not isinstance(value, dict):
            raise _NotExpectedError(value, "an object")
        return make({**value, **dict.fromkeys(flat, value)} if flat else value, of)

    return from_object


def _to_object(cls: Any, converter: Any) -> Callable[[Any], Any]:
    make: Any = make_dict_unstructure_fn(cls, converter)
    flat = _flat(cls)
    if not flat:
        return make  # type: ignore[no-any-return]

    def to_object(value: Any) -> dict[str, Any]:
        whole: dict[str, Any] = {}
        for name, inside in make(value).items():
            whole.update(inside if name in flat else {name: inside})
        return whole

    return to_object


def _from_list(cls: Any, converter: Any) -> Callable[[Any, Any], Any]:
    make = list_structure_factory(cls, converter)

    def from_list(value: Any, of: Any) -> Any:
        if not isinstance(value, list):
            raise _NotExpectedError(value, "a list")
        return make(value, of)

    return from_list


def _from_mapping(cls: Any, converter: Any) -> Callable[[Any, Any], Any]:
    make: Any = mapping_structure_factory(cls, converter)

    def from_mapping(value: Any, of: Any) -> Any:
        if not isinstance(value, dict):
            raise _NotExpectedError(value, "an object")
        return make(value, of)

    return from_mapping


def _made_from(origin: Any) -> Callable[[Any], bool]:
    return lambda cls: get_origin(cls) is origin


def _new_converter() -> cattrs.Converter:
    converter = cattrs.Converter(detailed_validation=True)
    converter.register_structure_hook(str, _must_be(str, "a text"))
    converter.register_structure_hook(int, _must_be(int, "a whole number"))
    converter.register_structure_hook(float, _must_be((int, float), "a number"))
    converter.register_structure_hook(bool, _must_be(bool, "true or false"))
    converter.register_structure_hook(bytes, _bytes)
    converter.register_structure_hook_func(_made_from(Literal), _choice)
    converter.register_structure_hook_factory(is_dataclass, _from_object)
    converter.register_structure_hook_factory(_made_from(list), _from_list)
    converter.register_structure_hook_factory(_made_from(dict), _from_mapping)
    converter.register_unstructure_hook(bytes, lambda value: base64.b64encode(value).decode())
    converter.register_unstructure_hook_factory(is_dataclass, _to_object)
    return converter


_converter: Final = _new_converter()
