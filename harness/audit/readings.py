# SPDX-License-Identifier: Apache-2.0
"""Which answers of an audit rest on an open point of the documents, and which hold however it is read."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from harness.audit.analysis import Analysis
from harness.audit.combinations import Combinations, Found, list_fields, translation_fields
from harness.audit.findings import Finding
from harness.audit.names.describe import spelled
from harness.audit.names.dfa import Entangled
from harness.audit.system import System
from harness.shmem.config import ShmemVdev
from harness.shmem.profile import FIELDS, Profile


def read_as(profile: Profile, readings: Mapping[str, str]) -> Profile:
    """The profile with other readings."""
    values: dict[str, Any] = dict(readings)
    return dataclasses.replace(profile, **values)


def proved(system: System, profile: Profile, analysis: Analysis) -> Iterator[Finding]:
    """For each pair of VMs that cannot meet under ``profile`` whether that holds under every reading."""
    meet = {meeting.vms for meeting in analysis.meetings}
    looked_at = Combinations(profile)
    for one, other in combinations(system.vms, 2):
        pair = (one.name, other.name)
        if pair in meet:
            continue
        try:
            found = looked_at.meeting(one.devices, other.devices)
        except Entangled:
            text = f"'{pair[0]}' and '{pair[1]}': too many combinations of readings to try each; nothing is proved"
            yield Finding("note", "depends-on-reading", text, vms=pair)
            continue
        if found is not None:
            text = f"'{pair[0]}' and '{pair[1]}' cannot meet under this profile, {_otherwise(found)}"
            yield Finding("note", "depends-on-reading", text, vms=pair, witness=spelled(found.name))


def _otherwise(found: Found) -> str:
    if found.readings is None:
        return (
            "but may under other readings: there are too many combinations to try each, and what all of them permit "
            f"taken together has {spelled(found.name)} for both"
        )
    needed = " and ".join(
        f"{field} is {reading} (SHM-OPEN-{FIELDS[field].question.number:02})"
        for field, reading in found.readings.items()
    )
    return f"but could in {spelled(found.name)} if {needed}"


def variations(vdevs: Sequence[ShmemVdev], profile: Profile) -> Iterator[tuple[str, str, Profile]]:
    """Each relevant field with each other reading of it."""
    fields = dict.fromkeys(field for vdev in vdevs for field in (*list_fields(vdev), *translation_fields(vdev)))
    if any(vdev.substs and vdev.creates for vdev in vdevs):
        fields["subst_on_create"] = None
    for field in fields:
        for reading in FIELDS[field].readings:
            if reading != getattr(profile, field):
                yield field, reading, read_as(profile, {field: reading})
