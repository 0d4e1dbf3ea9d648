# SPDX-License-Identifier: Apache-2.0
"""The forms of arguments: a number or a place that cannot be read is an error, a form that is not known a remark."""

from __future__ import annotations

from harness.shmem.config import grammar
from harness.shmem.config.errors import ConfigError, Position
from harness.shmem.config.model import Option
from harness.shmem.config.numbers import is_number, number, two_readings
from harness.shmem.config.reading.remarks import Remarks
from harness.shmem.config.references import Location, is_space, parse_intr, parse_location
from harness.shmem.config.variables import is_open, references
from harness.shmem.config.words import Word, show


def split_memory(word: Word, what: str) -> tuple[int | None, int]:
    """Take ``[ADDR,]LEN`` apart. Raises ConfigError."""
    fields = word.text.split(",")
    if len(fields) > 2:
        raise ConfigError(f"too many fields for '{what}'", word.position, found=show(word.text), expected="[ADDR,]LEN")
    length = number(fields[-1], word.position, f"length of '{what}'")
    return (number(fields[0], word.position, f"address of '{what}'") if len(fields) == 2 else None), length


def look_at_number(what: str, argument: Word, remarks: Remarks) -> None:
    """Say that a number may be octal, unless the text is a variable, which is remarked on already."""
    if is_open(argument.text) and not references(argument.text):
        remarks.add(
            f"argument {show(argument.text)} of '{what}' is not understood: a number with a leading zero may be "
            "octal or decimal",
            argument.position,
        )


def look_at_value(option: Option, remarks: Remarks) -> None:
    """Look at an argument that is one of a few words. Raises ConfigError when it is the next option instead."""
    values = grammar.FREE_STANDING_VALUES.get(option.name)
    if values is None or option.text in values or references(option.text):
        return
    if option.text in grammar.STRUCTURE:
        expected = ", ".join(sorted(values))
        problem = f"argument of '{option.name}' is missing"
        raise ConfigError(problem, option.position, found=show(option.text), expected=expected)
    remarks.add(f"{option.name} {show(option.text)} is not understood; it is kept as it is", option.argument_position)


def look_at_size(option: Option, remarks: Remarks) -> None:
    """Look at the size of a ``create``."""
    if two_readings(option.text.partition(",")[2].partition(",")[0]):
        look_at_number("create", Word(option.text, option.argument_position), remarks)


def look_at_placement(option: Option, remarks: Remarks) -> None:
    """Look at an argument that says where a vdev is. Raises ConfigError."""
    text, where = option.text, option.argument_position
    if is_open(text):
        look_at_number(option.name, Word(text, where), remarks)
    elif option.name == "loc":
        space, colon, _ = text.partition(":")
        if colon and not is_space(space):
            remarks.add(f"location {show(text)} is not understood; it is kept as it is", where)
        else:
            _check_location(parse_location(text, where), where)
    else:
        for part in text.split(","):
            if parse_intr(part, where).pin:
                remarks.add(f"interrupt {show(part)} is not understood; it is kept as it is", where)


def look_at_passed(option: Option, remarks: Remarks) -> None:
    """Look at what ``pass`` and ``reserve`` name."""
    text, where = option.text, option.argument_position
    guest = text.partition("=")[0].split(",")[0]
    try:
        if is_open(guest):
            return
        if option.name == "loc":
            _check_location(parse_location(text.partition("=")[0], where), where)
            return
        form = parse_intr(guest, where)
        if not form.pin and not is_number(form.pic):
            return
    except ConfigError:
        pass
    remarks.add(f"{option.name} {show(text)} is not understood; it is kept as it is", where)


def _check_location(location: Location, position: Position) -> None:
    """Raise ConfigError when a length behind an address is no number."""
    length = location.rest.partition(",")[0]
    if location.space != "pci" and length[:1].isdigit() and not is_open(length):
        number(length, position, "length of 'loc'")
