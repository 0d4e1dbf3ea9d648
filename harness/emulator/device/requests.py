# SPDX-License-Identifier: Apache-2.0
"""The requests of a factory page: create-or-attach, and find.

Source: QNX Hypervisor User's Guide, "vdev shmem" and "Virtual registers (guest_shm.h)"; comments of the sample guest
driver. Open questions: SHM-OPEN-12, SHM-OPEN-15, SHM-OPEN-24, SHM-OPEN-27, SHM-OPEN-33.
"""

from __future__ import annotations

import grp
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.emulator.device.factory import FactoryPage
from harness.emulator.device.names import check_legal, legal_name
from harness.emulator.device.regions import DEFAULT_MODE, Region, Registry, RequestFailed
from harness.emulator.device.rules import Rules, as_bytes
from harness.shmem.config import Gid, ShmemVdev, Umask
from harness.shmem.profile import Profile
from harness.shmem.status import Status

_PERMISSION_BITS = 0o666
_MOST_GROUP = 0xFFFFFFFE
"""Groups have 32 bits, and all ones is none."""


@dataclass(frozen=True)
class Wanted:
    """What a request comes to: a region, and whether it is to be connected once more."""

    region: Region
    again: bool


@dataclass
class Requests:
    """Evaluates requests for one device; connecting is the device's."""

    vdev: ShmemVdev
    system: str
    factory: FactoryPage
    rules: Rules
    registry: Registry
    profile: Profile
    max_pages: int
    has_room: Callable[[int], bool]
    """Whether the device can hold one more connection, of so many pages."""
    held_here: Callable[[], Sequence[Region]]
    """Regions to which this device is connected, by their numbers for find."""
    held_elsewhere: Callable[[], Sequence[Region]]
    """The same for the other devices of the VM."""

    # --- create or attach

    def open(self) -> Wanted:
        """Create or find the region that ``name`` and ``size`` ask for. Raises RequestFailed."""
        guest_name = legal_name(bytes(self.factory.name), self.profile)
        host_name = self.permitted(guest_name)
        pages = self.factory.size
        if pages == 0 and self.profile.size_zero == "one-page":
            pages = 1
        region = self.registry.find(host_name, pages)
        if region is None:
            return Wanted(self.create(host_name, pages), again=True)
        self.check_attach(region, pages)
        return Wanted(region, self.connects_again(region))

    def permitted(self, guest_name: str) -> str:
        """The host-side name of a region that the guest may use. Raises RequestFailed.

        The rules are asked before the translation where they see the guest's name, after it where they see the host's.
        """
        if self.profile.rules_see == "guest-name":
            self.check_rules(guest_name, guest_name)
            return self.translated(guest_name)
        host_name = self.translated(guest_name)
        self.check_rules(guest_name, host_name)
        return host_name

    def translated(self, guest_name: str) -> str:
        """The host-side name. Raises RequestFailed when there is no legal one."""
        host_name = self.rules.host_name(guest_name)
        check_legal(host_name.encode("latin-1"), self.profile)
        return host_name

    def check_rules(self, guest_name: str, name: str) -> None:
        """Refuse unless the guest may use the name. Raises RequestFailed."""
        if not self.may_use(guest_name, name):
            raise RequestFailed(self.rules.denied)

    def may_use(self, guest_name: str, name: str) -> bool:
        """Whether the restrictions list, or a ``create`` where that is an allowance, lets the guest."""
        created = guest_name in (as_bytes(entry.name) for entry in self.vdev.creates)
        return (self.profile.create_vs_rules == "implies-allow" and created) or self.rules.permits(name)

    def create(self, host_name: str, pages: int) -> Region:
        """A new region of the size that the guest asks for."""
        if pages == 0:
            raise RequestFailed(Status.UNKNOWN_FAILURE)
        if pages > self.max_pages or not self.has_room(pages):
            raise RequestFailed(Status.NOMEM)
        return self.registry.create(
            host_name,
            pages,
            creator=self.system,
            lifetime=self.profile.region_lifetime,
            mode=self.requested_mode(),
            group=self.group(),
        )

    def check_attach(self, region: Region, pages: int) -> None:
        """Whether a request of this size may attach to the region. Raises RequestFailed."""
        if pages == 0 and self.profile.size_zero == "refused":
            raise RequestFailed(Status.UNKNOWN_FAILURE)
        if pages not in (0, region.pages) and self.profile.size_mismatch == "refused":
            raise RequestFailed(Status.UNKNOWN_FAILURE)
        if region.pages > self.max_pages:
            raise RequestFailed(Status.NOMEM)
        if self.profile.flags == "creation-and-attach" and self.requested_mode() & ~region.mode:
            raise RequestFailed(Status.NO_PERMISSION)

    def connects_again(self, region: Region) -> bool:
        """Whether the request makes a connection, or gives the one that is there (SHM-OPEN-24)."""
        for held, reading in (
            (self.held_here(), self.profile.double_attach),
            (self.held_elsewhere(), self.profile.double_attach_other_vdev),
        ):
            if region in held and reading == "refused":
                raise RequestFailed(Status.UNKNOWN_FAILURE)
            if region in held and reading == "same-connection":
                return False
        return True

    # --- permissions, since 8.0

    def requested_mode(self) -> int:
        """Permissions that the guest asks for in ``flags``, less what ``umask`` takes away. Raises RequestFailed."""
        if self.profile.flags == "absent":
            return DEFAULT_MODE & ~self.umask()
        flags = self.factory.flags
        if flags & ~_PERMISSION_BITS and self.profile.flags_unknown_bits == "refused":
            raise RequestFailed(Status.UNKNOWN_FAILURE)
        if flags == 0 and self.profile.flags_zero == "default-mode":
            flags = DEFAULT_MODE
        return flags & _PERMISSION_BITS & ~self.umask()

    def umask(self) -> int:
        """The last ``umask`` of the vdev."""
        masks = [option.bits for option in self.vdev.options if isinstance(option, Umask)]
        return masks[-1] if masks else 0

    def group(self) -> int | None:
        """Group of what the guest creates: the last ``gid`` of the vdev, or qvm's own."""
        groups = [group_id(option.group) for option in self.vdev.options if isinstance(option, Gid)]
        return groups[-1] if groups else None

    # --- find

    def find(self) -> Region:
        """The region that the number in ``find`` selects (SHM-OPEN-27). Raises RequestFailed (DOES_NOT_EXIST)."""
        region = self.candidate()
        if region is None or not self.may_find(region):
            raise RequestFailed(Status.DOES_NOT_EXIST)
        return region

    def candidate(self) -> Region | None:
        """The region before the rules are asked."""
        match self.profile.find:
            case "by-name":
                return self.registry.find(self.host_name_for_find())
            case "host-regions":
                regions: Sequence[Region] = list(self.registry)
            case _:
                regions = self.held_here()
        return regions[self.factory.find] if self.factory.find < len(regions) else None

    def host_name_for_find(self) -> str:
        """The host-side name of what ``name`` names. Raises RequestFailed; a name that is refused finds nothing."""
        guest_name = legal_name(bytes(self.factory.name), self.profile)
        try:
            return self.rules.host_name(guest_name)
        except RequestFailed as refusal:
            if refusal.status == self.rules.denied:
                raise RequestFailed(Status.DOES_NOT_EXIST) from refusal
            raise

    def may_find(self, region: Region) -> bool:
        """Whether the rules let the guest know of the region. The guest has a name for it only in a find by name."""
        if self.profile.find_rules == "bypassed" or region in self.held_here():
            return True
        if self.profile.find != "by-name":
            return self.rules.permits(region.name)
        guest_name = legal_name(bytes(self.factory.name), self.profile)
        return self.may_use(guest_name, guest_name if self.profile.rules_see == "guest-name" else region.name)


def group_id(group: str) -> int:
    """A group by number, or by its name on this machine. Raises KeyError for one that no machine can have."""
    if group.isascii() and group.isdigit():
        if int(group) > _MOST_GROUP:
            raise KeyError(group)
        return int(group)
    return grp.getgrnam(group).gr_gid
