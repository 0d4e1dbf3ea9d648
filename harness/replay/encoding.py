# SPDX-License-Identifier: Apache-2.0
"""Steps of a guest as its probe reads them: those of one command ``batch`` (docs/probe.md)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from harness.replay.script import GUESTS, Step
from harness.shmem.name_lists import encode_name
from harness.shmem.registers import FLAGS_OFFSET, PAGE_SIZE, PCI_COMMAND, PCI_STATUS

_FACTORY, _CONTROL, _DATA = 0, 1, 2
_WORD: Final = 8
MEET_OFFSET: Final = 16
"""Where in a region guests count who is there: a place that no step writes."""


def operation(step: Step, device: int, handle: int, pages: int, bounds: tuple[int, int, int]) -> str:
    """The step for a probe that knows the device and the connection by these numbers.

    ``pages`` is the size of the connection's region, ``bounds`` how few and how many interrupts there
    may be, and how many milliseconds are waited for them.
    """
    number = step.number
    match step.verb:
        case "attach":
            return _joined("a", device, handle, number("PAGES"), _name(step))
        case "request":
            return _joined("s", device, handle, number("PAGES"))
        case "wide":
            return _joined("v", device, handle, number("OFFSET"), number("VALUE"))
        case "find":
            return _joined("q", device, handle, number("NUMBER"))
        case "name":
            return _joined("t", device, _name(step))
        case "flags":
            return _joined("w", _FACTORY, device, FLAGS_OFFSET, 4, number("VALUE"))
        case "factory":
            return _joined("f", device)
        case "peek":
            return _joined("r", _FACTORY, device, number("OFFSET"), number("WIDTH"))
        case "poke":
            return _joined("w", _FACTORY, device, number("OFFSET"), number("WIDTH"), number("VALUE"))
        case "config":
            return _joined("h", device, number("OFFSET"), number("WIDTH"))
        case "configure":
            return _joined("k", device, number("OFFSET"), number("WIDTH"), number("VALUE"))
        case "asserted":
            return _joined("h", device, PCI_STATUS, 2)
        case "ones":
            return _joined("k", device, PCI_COMMAND, number("WIDTH"), (1 << 8 * number("WIDTH")) - 1)
        case "wait":
            return _joined("z", number("MILLISECONDS"))
        case "listen":
            return _joined("g", device, number("HOW"))
        case "pin":
            return _joined("p", device, number("ON"))
        case "interrupts":
            return _joined("i", device, *bounds)
        case _:
            return _about_connection(step, handle, pages)


def _about_connection(step: Step, handle: int, pages: int) -> str:
    number = step.number
    match step.verb:
        case "detach":
            return _joined("d", handle, number("OFFSET"), number("WIDTH"), number("VALUE"))
        case "notify":
            return _joined("n", handle, number("MASK"))
        case "status":
            return _joined("c", handle)
        case "write":
            return _joined("w", _DATA, handle, _page(step, pages), _WORD, number("VALUE"))
        case "read":
            return _joined("r", _DATA, handle, _page(step, pages), _WORD)
        case "mark":
            return _joined("m", handle, number("SEED"))
        case "edges":
            return _joined("e", handle)
        case "left":
            return _joined("l", handle, _tag(step))
        case "stale":
            return _joined("y", handle, number("OFFSET"), number("WIDTH"), number("VALUE"))
        case "beyond":
            return _joined("x", handle, _tag(step))
        case "load":
            return _joined("r", _CONTROL, handle, number("OFFSET"), number("WIDTH"))
        case _:
            return _joined("w", _CONTROL, handle, number("OFFSET"), number("WIDTH"), number("VALUE"))


def meeting(handle: int, number: int, clients: Iterable[int]) -> str:
    """Wait until these clients of the region are at the meeting of this number, which no earlier one of it has had."""
    return _joined("b", handle, MEET_OFFSET, number, sum(1 << client for client in clients))


def _name(step: Step) -> str:
    """The last field of a step may be empty, as no word of another command can."""
    return encode_name(step.name) if step.name else ""


def _tag(step: Step) -> int:
    """What a guest calls itself where no region is: no other one does, nor is it 0."""
    return 1 + GUESTS.index(step.actor)


def _page(step: Step, pages: int) -> int:
    return step.number("PAGE") % max(1, pages) * PAGE_SIZE


def _joined(letter: str, *fields: object) -> str:
    return ",".join([letter, *(f"{field:x}" if isinstance(field, int) else str(field) for field in fields)])
