# SPDX-License-Identifier: Apache-2.0
"""Dataclasses to JSON values and back, with errors that say where a value is wrong.

Fields that the reader does not know are passed over, so that an older harness reads a newer report.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from harness.report.evidence.model import ReportError

T = TypeVar("T")


def encode(value: Any) -> Any:
    """A dataclass instance as dictionaries, lists and plain values."""
    return dataclasses.asdict(value)


def decode(cls: type[T], data: Any, where: str) -> T:
    """An instance of the dataclass ``cls`` from JSON ``data``; ``where`` names it in errors.

    Raises ReportError when a field is missing or of a wrong kind.
    """
    if not isinstance(data, dict):
        raise ReportError(f"{where}: found {_shown(data)}, expected an object")
    hints = _hints(cls)
    values: dict[str, Any] = {}
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        if field.name in data:
            values[field.name] = _value(hints[field.name], data[field.name], f"{where}.{field.name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ReportError(f"{where}: the field {field.name!r} is missing")
    return cls(**values)


# Finding the types out costs more than reading a record.
_hints: Callable[[type], dict[str, Any]] = cache(get_type_hints)


def _value(hint: Any, data: Any, where: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        inner = [choice for choice in get_args(hint) if choice is not type(None)]
        return None if data is None else _value(inner[0], data, where)
    if origin is Literal:
        if data not in get_args(hint):
            raise ReportError(f"{where}: found {_shown(data)}, expected one of {', '.join(map(str, get_args(hint)))}")
        return data
    if origin is list:
        _require(isinstance(data, list), data, "a list", where)
        (element,) = get_args(hint)
        return [_value(element, item, f"{where}[{index}]") for index, item in enumerate(data)]
    if origin is dict:
        _require(isinstance(data, dict), data, "an object", where)
        return {str(key): _value(get_args(hint)[1], item, f"{where}.{key}") for key, item in data.items()}
    if dataclasses.is_dataclass(hint):
        return decode(hint, data, where)  # type: ignore[arg-type]
    return _scalar(hint, data, where)


def _scalar(hint: type, data: Any, where: str) -> Any:
    if hint is float:
        _require(isinstance(data, int | float) and not isinstance(data, bool), data, "a number", where)
        return float(data)
    exact = isinstance(data, hint) and not (hint is int and isinstance(data, bool))
    _require(exact, data, {"str": "a text", "int": "a whole number", "bool": "true or false"}[hint.__name__], where)
    return data


def _require(condition: bool, data: Any, expected: str, where: str) -> None:
    if not condition:
        raise ReportError(f"{where}: found {_shown(data)}, expected {expected}")


def _shown(data: Any) -> str:
    text = repr(data)
    return text if len(text) <= 40 else f"{text[:37]}..."
