# SPDX-License-Identifier: Apache-2.0
"""Two VMs under every combination of readings of the documents.

The hypervisor has one reading of each open point, for all VMs, so two VMs are compared under one combination after the
other. Most combinations come to the same lists and the same translations, and those are compared once. A reading under
which nobody reaches more than under another one is left out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from harness.audit.names.dfa import Entangled
from harness.audit.names.lists import RulesList, rules_list
from harness.audit.names.meeting import Side, common_name
from harness.audit.names.reach import Mapping as NameMapping
from harness.audit.names.reach import mapping_of
from harness.shmem.config import ShmemVdev
from harness.shmem.profile import FIELDS, Profile

MOST: Final = 2_000
"""Pairs of lists and translations of two devices that are compared one by one."""

EXAMPLES: Final = 100
"""The same where they are too many, and not to prove anything but to find a combination to name."""

_LEGALITY: Final = (
    "name_control",
    "name_non_ascii",
    "name_slash",
    "name_leading_dot",
    "name_empty",
    "name_unterminated",
)

_NEVER_MORE: Final[Mapping[str, tuple[str, ...]]] = {
    "mixed_rules": ("rejected",),
    "subst_several": ("rejected",),
    "subst_unmatched": ("refused",),
    "overlong_host_name": ("illegal",),
    "name_unterminated": ("truncated",),
    "create_vs_rules": ("bypass", "obey"),
}
"""Readings that give a device no name that other readings of the same point do not give it. All others are tried."""

_MOST_BY_KIND: Final[Mapping[str, Mapping[str, str]]] = {
    "pattern_case": {"allow": "insensitive", "deny": "sensitive"},
    "pattern_slash": {"allow": "ordinary", "deny": "separator"},
    "pattern_dot": {"allow": "ordinary", "deny": "explicit"},
}
"""The reading under which a list of one kind permits most."""


def list_fields(vdev: ShmemVdev) -> list[str]:
    """The fields that can change what the device's list permits."""
    fields = []
    patterns = [rule.pattern for rule in vdev.rules]
    if len({rule.kind for rule in vdev.rules}) > 1:
        fields += ["mixed_rules", "mixed_tail"]
    if any(char in pattern for pattern in patterns for char in "?[\\"):
        fields.append("pattern_syntax")
    if any(char.isascii() and char.isalpha() for pattern in patterns for char in pattern):
        fields.append("pattern_case")
    if any(char in pattern for pattern in patterns for char in "*?["):
        fields += ["pattern_slash", "pattern_dot"]
    return fields


def translation_fields(vdev: ShmemVdev) -> list[str]:
    """The fields that can change which host-side names the permitted names give."""
    fields = []
    if any(subst.original for subst in vdev.substs):
        fields += ["subst_anchor", "subst_occurrences", "subst_unmatched"]
    if vdev.substs:
        fields += ["overlong_host_name", "name_unterminated"]
        fields += ["rules_see"] if vdev.rules else []
    if len(vdev.substs) > 1:
        fields.append("subst_several")
    if vdev.creates:
        fields.append("create_vs_rules")
    return fields


@dataclass(frozen=True)
class Found:
    """A region in which two devices can meet, and what has to be read otherwise for it.

    ``readings`` is None where the combinations are too many and were put together: then it may be that no single one
    gives the region to both.
    """

    name: bytes
    readings: Mapping[str, str] | None


class _Device:
    """A device under all readings; what was worked out once is kept."""

    def __init__(self, vdev: ShmemVdev) -> None:
        self.vdev = vdev
        self.list_fields = list_fields(vdev)
        self.translation_fields = translation_fields(vdev)
        self._numbers: dict[tuple[str, ...], int] = {}
        self._lists: dict[RulesList, int] = {}
        self._mappings: dict[NameMapping, int] = {}
        self._sides: dict[tuple[tuple[int, ...], int], Side] = {}

    def list_under(self, profile: Profile) -> int:
        """The number of its list."""
        key = ("list", *(getattr(profile, field) for field in self.list_fields))
        if key not in self._numbers:
            found = rules_list(self.vdev.rules, profile)
            self._numbers[key] = self._lists.setdefault(found, len(self._lists))
        return self._numbers[key]

    def mapping_under(self, profile: Profile) -> int:
        """The number of its translation."""
        key = ("mapping", *(getattr(profile, field) for field in (*self.translation_fields, *_LEGALITY)))
        if key not in self._numbers:
            found = mapping_of(self.vdev, profile)
            self._numbers[key] = self._mappings.setdefault(found, len(self._mappings))
        return self._numbers[key]

    def side(self, lists: Sequence[int], mapping: int) -> Side:
        """What it may do by these lists and this translation."""
        key = (tuple(lists), mapping)
        if key not in self._sides:
            every_list, every_mapping = list(self._lists), list(self._mappings)
            self._sides[key] = Side(tuple(every_list[number] for number in lists), every_mapping[mapping])
        return self._sides[key]

    def under(self, profile: Profile) -> Side:
        """What it may do under one profile."""
        return self.side([self.list_under(profile)], self.mapping_under(profile))


Pairs = dict[tuple[int, int], Profile]
"""Lists, or translations, that two devices have under one combination of readings, and such a combination."""


class Combinations:
    """The combinations of readings beside those of ``profile``."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._free = _read(profile, dict.fromkeys(_LEGALITY, "legal"))
        self._devices: dict[ShmemVdev, _Device] = {}
        self._profiles: dict[tuple[tuple[str, ...], tuple[str, ...]], Profile] = {}
        self._known: list[Mapping[str, str]] = []

    def meeting(self, one: Sequence[ShmemVdev], other: Sequence[ShmemVdev]) -> Found | None:
        """A region that a device of each VM can reach under one combination, or None. Raises Entangled."""
        entangled = False
        for pair in product(one, other):
            try:
                found = self._meeting(*map(self._device, pair))
            except Entangled:
                entangled = True
                continue
            if found is not None:
                return found
        if entangled:
            raise Entangled
        return None

    def _device(self, vdev: ShmemVdev) -> _Device:
        if vdev not in self._devices:
            self._devices[vdev] = _Device(vdev)
        return self._devices[vdev]

    def _meeting(self, one: _Device, other: _Device) -> Found | None:
        lists = self._pairs(one, other, [*one.list_fields, *other.list_fields], _Device.list_under)
        mappings = self._pairs(one, other, [*one.translation_fields, *other.translation_fields], _Device.mapping_under)
        every = [(listed, mapped) for mapped in mappings.items() for listed in lists.items()]
        in_all = self._of_all_lists(one, other, lists, mappings) if len(every) > MOST else None
        if len(every) > MOST and in_all is None:
            return None
        for ((my_list, their_list), listed), ((my_mapping, their_mapping), mapped) in (
            every if in_all is None else every[:EXAMPLES]
        ):
            if common_name(one.side([my_list], my_mapping), other.side([their_list], their_mapping)) is not None:
                readings = {field: getattr(listed, field) for field in (*one.list_fields, *other.list_fields)}
                return self._explained(one, other, _read(mapped, readings))
        return in_all

    def _of_all_lists(self, one: _Device, other: _Device, lists: Pairs, mappings: Pairs) -> Found | None:
        """A region that the devices reach if each has all that any reading of its list permits, or None.

        None says that there is none under any reading. Raises Entangled.
        """
        if len(mappings) > MOST:
            raise Entangled
        mine, theirs = (sorted({pair[side] for pair in lists}) for side in (0, 1))
        for my_mapping, their_mapping in mappings:
            name = common_name(one.side(mine, my_mapping), other.side(theirs, their_mapping))
            if name is not None:
                return Found(name, None)
        return None

    def _pairs(
        self, one: _Device, other: _Device, fields: Sequence[str], under: Callable[[_Device, Profile], int]
    ) -> Pairs:
        """What two devices have under all combinations of readings of the fields."""
        chosen = {field: self._choices(field, (one, other)) for field in fields}
        found: Pairs = {}
        for readings in product(*chosen.values()):
            key = (tuple(chosen), readings)
            if key not in self._profiles:
                self._profiles[key] = _read(self._free, dict(zip(chosen, readings, strict=True)))
            profile = self._profiles[key]
            found.setdefault((under(one, profile), under(other, profile)), profile)
        return found

    def _choices(self, field: str, devices: Sequence[_Device]) -> Sequence[str]:
        """The readings to look at, that of the profile first."""
        if field in _MOST_BY_KIND:
            rules = [rule for device in devices if field in device.list_fields for rule in device.vdev.rules]
            kinds = {rule.kind for rule in rules}
            # A set that is turned with '!' permits less when case does not matter.
            if len(kinds) == 1 and not (field == "pattern_case" and any("[" in rule.pattern for rule in rules)):
                return [_MOST_BY_KIND[field][kinds.pop()]]
        readings = [reading for reading in FIELDS[field].readings if reading not in _NEVER_MORE.get(field, ())]
        return sorted(readings, key=lambda reading: reading != getattr(self._profile, field))

    def _explained(self, one: _Device, other: _Device, combination: Profile) -> Found:
        """A region under the combination, with as few readings changed as one can do without one by one."""
        changed = dict(self._changes(combination, one, other))
        for known in self._known:
            if changed.items() >= known.items() and (name := self._common(one, other, known)) is not None:
                return Found(name, known)
        without = {field: reading for field, reading in changed.items() if field not in _LEGALITY}
        if self._common(one, other, without) is not None:
            changed = without
        for field in list(changed):
            fewer = {other_field: reading for other_field, reading in changed.items() if other_field != field}
            if getattr(self._profile, field) != "rejected" and self._common(one, other, fewer) is not None:
                changed = fewer
        name = self._common(one, other, changed)
        if name is None:
            raise Entangled
        self._known.append(changed)
        return Found(name, changed)

    def _changes(self, combination: Profile, *devices: _Device) -> Iterator[tuple[str, str]]:
        fields = dict.fromkeys(field for one in devices for field in (*one.list_fields, *one.translation_fields))
        for field in (*_LEGALITY, *fields):
            reading = getattr(combination, field)
            if reading != getattr(self._profile, field):
                yield field, reading

    def _common(self, one: _Device, other: _Device, readings: Mapping[str, str]) -> bytes | None:
        profile = _read(self._profile, readings)
        return common_name(one.under(profile), other.under(profile))


def _read(profile: Profile, readings: Mapping[str, str]) -> Profile:
    values: dict[str, Any] = dict(readings)
    return dataclasses.replace(profile, **values)
