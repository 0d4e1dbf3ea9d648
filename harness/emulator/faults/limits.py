# SPDX-License-Identifier: Apache-2.0
"""Faults that only show beyond a certain number, length or size, or between things that have nothing in common."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from harness.emulator.device.device import SharedMemoryDevice
from harness.emulator.device.regions import Client, Region, Registry
from harness.emulator.device.requests import Requests
from harness.emulator.device.rules import Rules
from harness.emulator.faults.catalogue import fault_in
from harness.shmem import registers as reg

_rule = partial(fault_in, Rules, "access")
_device = partial(fault_in, SharedMemoryDevice)

_CUT = 16
_FEW_RULES = 4
_LOW_INDICES = 8
_FIRST_MEGABYTE = 256


fault_in(
    Registry,
    "isolation",
    "names-cut",
    "names that begin with the same sixteen characters are one region",
    "find",
    lambda _: lambda self, name, pages=None: next((each for each in self if each.name[:_CUT] == name[:_CUT]), None),
)
_rule(
    "pattern-cut",
    "only the first sixteen characters of a pattern count",
    "matches",
    lambda was: (
        lambda self, rule, name: (
            fnmatchcase(name, rule.pattern[:_CUT]) if len(rule.pattern) > _CUT else was(self, rule, name)
        )
    ),
)
_rule(
    "rules-beyond-four-lost",
    "a list has four rules at most",
    "usable",
    lambda was: lambda self, rules: was(self, rules)[:_FEW_RULES],
)
fault_in(
    Region,
    "notification",
    "notify-low-indices-only",
    "signals to the upper half of the indices are lost",
    "selected",
    lambda was: lambda self, sender, mask: [each for each in was(self, sender, mask) if each.index < _LOW_INDICES],
)
_device(
    "lifecycle",
    "detach-only-by-one",
    "only a 1 written to detach leaves the region",
    "store_control",
    lambda was: (
        lambda self, number, offset, data: (
            None
            if offset == reg.CONTROL_DETACH_OFFSET and int.from_bytes(data[:4], "little") != 1
            else was(self, number, offset, data)
        )
    ),
)
fault_in(
    Requests,
    "registers",
    "size-eight-bits",
    "the size of a new region is taken modulo 256",
    "create",
    lambda was: lambda self, name, pages: was(self, name, (pages & 0xFF) or pages),
)
_device(
    "isolation",
    "first-megabyte-shared",
    "what lies beyond the first megabyte of a region is private memory",
    "show",
    lambda _: (
        lambda self, number, slot: self.window.show(number, slot.client.region.fd, min(slot.pages, _FIRST_MEGABYTE))
    ),
)
fault_in(
    Registry,
    "lifecycle",
    "end-takes-regions-along",
    "the end of a VM ends the regions that it made, although others are in them",
    "ended",
    lambda _: lambda self, system: [self.drop(each) for each in self if each.creator == system],
)


def _rules_of_first_device(was: Callable[..., None]) -> Callable[..., None]:
    def make(self: SharedMemoryDevice, *arguments: Any, **options: Any) -> None:
        was(self, *arguments, **options)
        others = options["others"]
        if others and others[0] is not self:
            self.requests.rules = others[0].requests.rules

    return make


_device(
    "placement",
    "second-device-rules",
    "every device of a VM has the rules of its first one",
    "__init__",
    _rules_of_first_device,
)


def _interrupt_strangers(was: Callable[..., None]) -> Callable[..., None]:
    def deliver(self: Region, sender: Client, client: Client) -> None:
        was(self, sender, client)
        for other in self.registry:
            if other is not self:
                for stranger in other.connected():
                    stranger.changed()

    return deliver


fault_in(
    Region,
    "notification",
    "strangers-interrupted",
    "a signal interrupts the clients of other regions, too",
    "deliver",
    _interrupt_strangers,
)
