# SPDX-License-Identifier: Apache-2.0
"""The nearest names on both sides of each rule and of each substitution."""

from __future__ import annotations

from collections.abc import Iterator

from harness.audit.analysis import Device
from harness.audit.names.dfa import BYTES
from harness.audit.names.patterns import Glob
from harness.audit.names.substitution import as_bytes
from harness.shmem.name_lists import Made, Name, NameItem
from harness.shmem.registers import MAX_NAME_LENGTH

_READABLE = b"abcdefghijklmnopqrstuvwxyz0123456789_-"
_CASE = 0x20


def covered(glob: Glob, repeated: int) -> bytes | None:
    """A name that the pattern covers, with so many bytes for each star; None when a set of it is empty."""
    name = bytearray()
    for item in glob.row:
        byte = next((byte for byte in (*_READABLE, *sorted(BYTES)) if item.takes(byte)), None)
        if byte is None:
            return None
        name += bytes([byte]) * (repeated if item.repeated else 1)
    return bytes(name)


def beside(name: bytes) -> Iterator[NameItem]:
    """The name, and what one change makes of it: a byte changed, left out, doubled, added, exchanged with the next."""
    if len(name) > MAX_NAME_LENGTH:
        return
    yield Name(name)
    yield from (Made("flip", name, 1), Made("flip", name, _CASE), Made("drop", name), Made("swap", name))
    if len(name) < MAX_NAME_LENGTH:
        yield from (Made("twice", name), Made("insert", name, ord("a")), Made("insert", name, ord("*")))


def at_the_longest(name: bytes) -> Iterator[NameItem]:
    """The name made as long as a name can be, and one byte shorter."""
    for length in (MAX_NAME_LENGTH - 1, MAX_NAME_LENGTH):
        if len(name) <= length:
            yield Name(name + b"z" * (length - len(name)))


def neighbours(device: Device) -> tuple[NameItem, ...]:
    """Around every pattern of the list, around the first field of every ``subst``, and around every ``create``."""
    found: dict[NameItem, None] = {}
    reach = device.reach
    bases = [covered(glob, count) for glob in reach.rules.globs for count in (0, 1, 3)]
    bases += [as_bytes(create.name) for create in reach.vdev.creates]
    originals = [as_bytes(subst.original) for subst in reach.vdev.substs]
    for name in dict.fromkeys(base for base in bases if base is not None):
        for item in (*beside(name), *at_the_longest(name)):
            found[item] = None
        for original in originals:
            around = (*beside(original + name), *beside(name + original), *at_the_longest(original + name))
            found |= dict.fromkeys(around)
    for subst in reach.vdev.substs:
        room = MAX_NAME_LENGTH - len(as_bytes(subst.prefix))
        for length in (room, room + 1):
            if 0 < length <= MAX_NAME_LENGTH:
                found[Name((as_bytes(subst.original) + b"z" * length)[:length])] = None
    if not bases:
        found |= dict.fromkeys((*beside(b"any-name"), *at_the_longest(b"")))
    return tuple(found)
