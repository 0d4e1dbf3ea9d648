# SPDX-License-Identifier: Apache-2.0
"""Arguments of labgrid's classes and ours: the class's own validators, and what these let through.

labgrid's validators know few kinds: a boolean passes for a number, and any text for an address.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attr
import labgrid.driver.power

from harness.target import values
from harness.target.problem import hint
from harness.target.schema import shown

_KINDS: Final[Mapping[type[Any], str]] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number with a decimal point (5.0)",
    str: "a text, in quotes where it looks like anything else",
    list: "a list",
    dict: "a mapping",
}


def complaint(cls: type[Any], field: Any, value: object) -> str:
    """What is wrong with the value of a field of a class; empty when nothing is."""
    name = field.name
    # Messages go into logs of a lab.
    front = f"{cls.__name__}: {name} is {'(not shown)' if name == 'password' else shown(value)}"
    expected = _not_of_kind(field, value)
    if expected:
        return f"{front}; expected {expected}"
    if words := _refused(field, value):
        if _of_texts(field.validator):
            return f"{front}; expected a list of texts"
        return f"{front}: {words}"
    for base in cls.__mro__:
        check = _CHECKS.get((base.__name__, name))
        if check:
            expected = check(value)
            return f"{front}; expected {expected}" if expected else ""
    return ""


def _not_of_kind(field: Any, value: object) -> str:
    """The kind that a field has, where a value is of none of its kinds."""
    if field.converter is not None:
        return ""
    choices = getattr(field.validator, "options", ())
    if choices and value not in choices:
        return f"one of: {', '.join(map(str, choices))}{hint(value, map(str, choices))}"
    kinds = tuple(_kinds(field.validator))
    if not kinds and isinstance(field.default, float):
        kinds = (int, float)
    elif not kinds and (field.validator is None or isinstance(field.default, int)) and type(field.default) in _KINDS:
        kinds = (type(field.default),)
    if kinds and (not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)):
        words = "a number" if kinds == (int, float) else " or ".join(_KINDS.get(kind, kind.__name__) for kind in kinds)
        return f"{words} of texts" if _of_texts(field.validator) else words
    if isinstance(value, float) and not math.isfinite(value):
        return "a number that is finite"
    return ""


def _kinds(validator: Any) -> Iterator[type[Any]]:
    """The classes that attrs' validator instance_of lets pass, wherever it is in others."""
    if validator is None:
        return
    for name in ("type", "validator", "iterable_validator", "_validators"):
        inside = getattr(validator, name, None)
        if isinstance(inside, type):
            yield inside
        elif isinstance(inside, tuple):
            for one in inside:
                yield from [one] if isinstance(one, type) else _kinds(one)
        elif inside is not None:
            yield from _kinds(inside)


def _of_texts(validator: Any) -> bool:
    return str in _kinds(getattr(validator, "member_validator", None))


def _refused(field: Any, value: object) -> str:
    """What the class itself would say."""
    try:
        if field.converter is not None:
            value = field.converter(value)
        if field.validator is not None:
            field.validator(None, field, value)
    except Exception as error:
        # A converter or a validator of anybody's may raise anything.
        if isinstance(error, TypeError) and isinstance(value, list | dict):
            return "one value is meant, no list and no mapping"
        return str(error.args[0]) if error.args else "not of the right kind"
    return ""


def _port(value: Any) -> str:
    return "" if isinstance(value, int) and 0 < value < 1 << 16 else "a port from 1 to 65535"


def _speed(value: Any) -> str:
    return "" if value > 0 else "a speed above 0"


def _not_negative(value: Any) -> str:
    return "" if value >= 0 else "0.0 or more"


def _positive(value: Any) -> str:
    return "" if value > 0 else "a number above 0"


def _address(value: Any) -> str:
    # Without one, the strategy finds it on the console.
    return values.host(value) if value else ""


def _filled(value: Any) -> str:
    return "" if str(value).strip() else "a text that is not empty"


def _device(value: Any) -> str:
    return "" if isinstance(value, str) and value.strip() else "the path of a serial port"


def _protocol(value: Any) -> str:
    return "" if value in ("rfc2217", "raw") else "rfc2217 or raw"


def _command(value: Any) -> str:
    try:
        return "" if shlex.split(value) else "a command"
    except ValueError as error:
        return f"a command as for a shell ({error})"


def _words(value: Any) -> str:
    return _command(value) if value else ""


def _power_host(value: Any) -> str:
    """The models that speak HTTP put the index into a place in the text."""
    if not value:
        return _filled(value)
    try:
        value.format(index="1")
    except (LookupError, ValueError, AttributeError, TypeError):
        return "an address in which {index} is all that stands in braces"
    return ""


def _power_model(value: Any) -> str:
    folder = Path(next(iter(labgrid.driver.power.__path__)))
    models = sorted(place.stem for place in folder.glob("*.py") if place.stem != "__init__")
    return "" if value in models else f"one of labgrid's models{hint(value, models)}"


_CHECKS: Final[Mapping[tuple[str, str], Callable[[Any], str]]] = {
    ("NetworkService", "address"): _address,
    ("NetworkService", "username"): values.account,
    ("NetworkService", "port"): _port,
    ("NetworkSerialPort", "port"): _port,
    ("NetworkSerialPort", "speed"): _speed,
    ("NetworkSerialPort", "protocol"): _protocol,
    ("NetworkSerialPort", "host"): values.host,
    ("PDUDaemonPort", "host"): values.host,
    ("NetworkPowerPort", "host"): _power_host,
    ("NetworkPowerPort", "model"): _power_model,
    ("RawSerialPort", "port"): _device,
    ("SerialPort", "speed"): _speed,
    ("SerialDriver", "txdelay"): _not_negative,
    ("SerialDriver", "txchunk"): _positive,
    ("SerialDriver", "timeout"): _positive,
    ("NetworkPowerDriver", "delay"): _not_negative,
    ("ExternalPowerDriver", "delay"): _not_negative,
    ("ExternalPowerDriver", "cmd_on"): _command,
    ("ExternalPowerDriver", "cmd_off"): _command,
    ("ExternalPowerDriver", "cmd_cycle"): _command,
    ("QEMUDriver", "extra_args"): _words,
    ("ShmemQnxHostDriver", "folder"): _filled,
    ("ShmemQnxHostDriver", "qvm"): _filled,
    ("ShmemBoardStrategy", "username"): _filled,
    ("ShmemBoardStrategy", "login_prompt"): values.pattern,
    ("ShmemBoardStrategy", "password_prompt"): values.pattern,
    ("ShmemBoardStrategy", "refused"): values.pattern,
    ("ShmemBoardStrategy", "shell_prompt"): values.pattern,
    ("ShmemBoardStrategy", "address_pattern"): lambda value: values.pattern(value, group=True),
}
"""By class and argument. A check sees only values that have passed the class's own."""


def default(cls: type[Any], name: str) -> Any:
    """The value of an argument that the file does not give."""
    value: Any = attr.fields_dict(cls)[name].default
    return value.factory() if hasattr(value, "factory") else value
