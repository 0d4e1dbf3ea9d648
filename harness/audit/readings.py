# SPDX-License-Identifier: Apache-2.0
"""Which answers of an audit rest on an open point of the documents, and which hold however it is read."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any, Final

from harness.audit.analysis import Analysis
from harness.audit.findings import Finding
from harness.audit.names.atoms import atoms
from harness.audit.names.describe import spelled
from harness.audit.names.dfa import NOTHING, Dfa, Entangled, both, either
from harness.audit.names.lists import rules_list
from harness.audit.names.reach import STATES, mapping_of
from harness.audit.system import System
from harness.shmem.config import ShmemVdev
from harness.shmem.profile import FIELDS, Profile
from harness.shmem.registers import NAME_SIZE

_LEGALITY: Final = (
    "name_control",
    "name_non_ascii",
    "name_slash",
    "name_leading_dot",
    "name_empty",
    "name_unterminated",
)


def _list_fields(vdev: ShmemVdev) -> list[str]:
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


def _translation_fields(vdev: ShmemVdev) -> list[str]:
    """The fields that can change which host-side names the permitted names give."""
    fields = []
    if vdev.substs:
        fields += ["subst_anchor", "subst_occurrences", "subst_unmatched", "overlong_host_name", "name_unterminated"]
        fields += ["rules_see"] if vdev.rules else []
    if len(vdev.substs) > 1:
        fields.append("subst_several")
    if vdev.creates:
        fields.append("create_vs_rules")
    return fields


def read_as(profile: Profile, readings: Mapping[str, str]) -> Profile:
    """The profile with other readings."""
    values: dict[str, Any] = {**dataclasses.asdict(profile), **readings}
    return Profile(**values)


def _readings(profile: Profile, fields: Sequence[str]) -> Iterator[Profile]:
    """The profile with every combination of readings of the fields."""
    for readings in product(*(FIELDS[field].readings for field in fields)):
        yield read_as(profile, dict(zip(fields, readings, strict=True)))


def widest(vdev: ShmemVdev, profile: Profile) -> Dfa:
    """What the device reaches under at least one combination of readings, or more. Raises Entangled.

    A larger list gives a larger set of host-side names, so what any reading of the list permits is put together first.
    Names are as legal as any reading has them.
    """
    free = read_as(profile, dict.fromkeys(_LEGALITY, "legal"))
    lists = dict.fromkeys(rules_list(vdev.rules, one) for one in _readings(free, _list_fields(vdev)))
    permitted = either([one.permitted(STATES) for one in lists], STATES)
    mappings = dict.fromkeys(mapping_of(vdev, one) for one in _readings(free, _translation_fields(vdev)))
    return either([one.image(permitted) for one in mappings], STATES)


def proved(system: System, profile: Profile, analysis: Analysis) -> Iterator[Finding]:
    """For each pair of VMs that cannot meet under ``profile`` whether that holds under every reading."""
    meet = {meeting.vms for meeting in analysis.meetings}
    sets: dict[str, Dfa | None] = {}
    for vm in system.vms:
        try:
            sets[vm.name] = either([widest(vdev, profile) for vdev in vm.devices] or [NOTHING], STATES)
        except Entangled:
            sets[vm.name] = None
    for pair in combinations([vm.name for vm in system.vms], 2):
        if pair in meet:
            continue
        one, other = sets[pair[0]], sets[pair[1]]
        if one is None or other is None:
            text = f"'{pair[0]}' and '{pair[1]}': too many combinations of readings to look at all of them"
            yield Finding("note", "depends-on-reading", text, vms=pair)
            continue
        witness = _shortest(both(one, other, STATES))
        if witness is not None:
            text = (
                f"'{pair[0]}' and '{pair[1]}' cannot meet under this profile, but could under another reading of the "
                f"documents, such as in {spelled(witness)}"
            )
            yield Finding("note", "depends-on-reading", text, vms=pair, witness=spelled(witness))


def _shortest(names: Dfa) -> bytes | None:
    return next((name for _, name in atoms([names], NAME_SIZE).holding(0)), None)


def variations(vdevs: Sequence[ShmemVdev], profile: Profile) -> Iterator[tuple[str, str, Profile]]:
    """Each relevant field with each other reading of it."""
    fields = dict.fromkeys(field for vdev in vdevs for field in (*_list_fields(vdev), *_translation_fields(vdev)))
    if any(vdev.substs and vdev.creates for vdev in vdevs):
        fields["subst_on_create"] = None
    for field in fields:
        for reading in FIELDS[field].readings:
            if reading != getattr(profile, field):
                yield field, reading, read_as(profile, {field: reading})
