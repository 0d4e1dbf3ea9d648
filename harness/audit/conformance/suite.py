# SPDX-License-Identifier: Apache-2.0
"""Names that try all transitions of an automaton: its state cover, times all bytes, times what identifies a state.

This is the method of Chow and Vasilevskii (W-method) with harmonised state identifiers. A device that answers these
names as the automaton does, and whose matcher has no more states, answers every name so: the cover with the identifiers
shows that its states are as many and which is which, and each byte with the identifiers of its target that the byte
leads there. What a name's greatest length leaves out is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from harness.audit.conformance.machine import Machine, machine_of
from harness.audit.names.dfa import Dfa
from harness.shmem.name_lists import Made, Name, NameItem
from harness.shmem.registers import MAX_NAME_LENGTH

MOST_STATES: Final = 600
"""States of an automaton beyond which no suite is derived."""
USUAL_NAMES: Final = 10_000
"""Names of a suite that take some seconds."""
MANY_NAMES: Final = 300_000
"""Names of a suite that take minutes."""
_LARGE: Final = 128
"""Bytes of a class from which on the guest is told to try all values, by one item."""


@dataclass(frozen=True)
class Suite:
    """The names, and what is known when a device has answered all of them as it should.

    ``tried`` of ``transitions`` were tried with every suffix that identifies their target; ``every_byte`` says that a
    transition is one of a byte and not of a class of bytes that the list treats alike. ``too_long`` is how many names
    were left out; ``refusals_whole`` is False for a list so large that transitions to a refusal have a few suffixes.
    """

    items: tuple[NameItem, ...]
    states: int
    transitions: int
    tried: int
    every_byte: bool
    too_long: int
    refusals_whole: bool = True

    @property
    def complete(self) -> bool:
        """Whether every transition was tried."""
        return self.tried == self.transitions > 0

    @property
    def left(self) -> str:
        """Why transitions were not tried, in words; empty when all were."""
        if self.complete:
            return ""
        if not self.transitions:
            return f"the list's automaton has {self.states} states, and at most {MOST_STATES} are taken on"
        if not self.refusals_whole:
            return "there are too many names that could be granted behind a refusal, so a few of them are tried"
        return f"{self.too_long} names would be longer than {MAX_NAME_LENGTH} bytes"

    @property
    def guarantee(self) -> str:
        """What the names prove, in words."""
        text = f"{self.tried} of {self.transitions} transitions of an automaton with {self.states} states"
        if not self.complete:
            text += f" ({self.left})"
        if not self.refusals_whole or not self.transitions:
            return f"{text}: no guarantee for the names that were not asked for"
        alike = "" if self.every_byte else ", and if it treats bytes alike that the list treats alike"
        return f"{text}: right for every name if the device's matcher has no more states{alike}"


def suite_of(dfa: Dfa, most: int = USUAL_NAMES) -> Suite:
    """The suite for a minimal automaton of the names that a device grants.

    If ``most`` names are not enough to try every byte for itself, one byte of each class is tried. If that are still
    too many names, what is refused is not looked at as closely as what is granted.
    """
    if len(dfa.accepting) > MOST_STATES:
        return Suite((), len(dfa.accepting), 0, 0, every_byte=False, too_long=0)
    machine = machine_of(dfa)
    every_byte = _count(machine) <= most
    return _Deriving(machine, every_byte=every_byte, whole=_count_by_class(machine) <= most).suite()


def _count(machine: Machine) -> int:
    return sum(len(machine.identifiers[target]) * len(members) for row in machine.targets
               for members, target in zip(machine.classes, row, strict=True))  # fmt: skip


def _count_by_class(machine: Machine) -> int:
    return sum(len(machine.identifiers[target]) for row in machine.targets for target in row)


class _Deriving:
    def __init__(self, machine: Machine, *, every_byte: bool, whole: bool) -> None:
        self._machine = machine
        self._whole = whole
        self._every_byte = every_byte
        self._too_long: set[bytes] = set()
        self._items: dict[NameItem, None] = {}

    def suite(self) -> Suite:
        machine = self._machine
        transitions = tried = 0
        for state, word in enumerate(machine.cover):
            known = self._add_all(word, machine.identifiers[state])
            onwards = next(iter(self._onwards(state, b"")), b"")
            for members, target in zip(machine.classes, machine.targets[state], strict=True):
                suffixes, few = machine.identifiers[target], not self._whole and self._refuses(target)
                if few:
                    # The end of a name that goes on here, with and without the byte that does not belong to it.
                    suffixes = tuple(dict.fromkeys((b"", onwards, onwards[1:])))
                whole = self._transition(word, members, suffixes) and not few
                count = len(members) if self._every_byte else 1
                transitions += count
                tried += count * (known and whole)
            if not self._every_byte:
                self._any_byte(state, word)
        items = tuple(sorted(self._items, key=_nearby))
        return Suite(items, machine.size, transitions, tried, self._every_byte, len(self._too_long), self._whole)

    def _refuses(self, state: int) -> bool:
        """Whether no name is granted from a state on."""
        return not self._machine.accepting[state] and set(self._machine.targets[state]) == {state}

    def _transition(self, word: bytes, members: bytes, suffixes: tuple[bytes, ...]) -> bool:
        """One class of bytes behind a word, with the suffixes of the state to which it leads."""
        if not self._every_byte:
            return self._add_all(word + members[:1], suffixes)
        if len(members) < _LARGE:
            every = [self._add_all(word + bytes([byte]), suffixes) for byte in members]
            return all(every)
        fits = [len(word) + 1 + len(suffix) <= MAX_NAME_LENGTH for suffix in suffixes]
        for suffix, short in zip(suffixes, fits, strict=True):
            name = word + members[:1] + suffix
            if short:
                self._items[Made("any", name, len(word))] = None
            else:
                self._too_long |= {word + bytes([byte]) + suffix for byte in members}
        return all(fits)

    def _add_all(self, word: bytes, suffixes: tuple[bytes, ...]) -> bool:
        """Whether all of the names are short enough."""
        short = [self._add(word + suffix) for suffix in suffixes]
        return all(short)

    def _add(self, name: bytes) -> bool:
        if len(name) > MAX_NAME_LENGTH:
            self._too_long.add(name)
            return False
        self._items[Name(name)] = None
        return True

    def _any_byte(self, state: int, word: bytes) -> None:
        """Every byte in the place of one that leads towards a name, so that no byte is untried here."""
        for name in self._onwards(state, word):
            if len(name) <= MAX_NAME_LENGTH:
                self._items[Made("any", name, len(word))] = None
                return

    def _onwards(self, state: int, word: bytes) -> Iterator[bytes]:
        """Names behind the word that are granted, the shortest first."""
        machine = self._machine
        reached = {state: word}
        front = [state]
        for at in front:
            for members, target in zip(machine.classes, machine.targets[at], strict=True):
                name = reached[at] + members[:1]
                if machine.accepting[target]:
                    yield name
                if target not in reached:
                    reached[target] = name
                    front.append(target)


def _nearby(item: NameItem) -> tuple[bool, bytes]:
    """An order in which names follow that have the same beginning: the device is then written the rest alone."""
    return isinstance(item, Name), item.name if isinstance(item, Name | Made) else b""


def every_name(items: tuple[NameItem, ...]) -> Iterator[bytes]:
    """All names of the items as a device reads them, up to a NUL."""
    for item in items:
        for name in item.names():
            yield name.partition(b"\0")[0]
