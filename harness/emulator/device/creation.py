# SPDX-License-Identifier: Apache-2.0
"""``create`` options: regions that are there before any code of the guest runs.

Source: QNX Hypervisor User's Guide, "Configuring the VMs" (memory sharing) and "vdev shmem" (7.0; 8.0 for MODE, GID,
``umask`` and ``gid``). Open questions: SHM-OPEN-09 to 12, SHM-PERM-03.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.emulator.device.names import check_legal
from harness.emulator.device.regions import DEFAULT_MODE, Client, Region, Registry, RequestFailed
from harness.emulator.device.requests import group_id
from harness.emulator.device.rules import Rules, as_bytes
from harness.shmem.config import ConfigError, Create, Gid, ShmemVdev, Subst, Umask
from harness.shmem.profile import Profile
from harness.shmem.registers import PAGE_SIZE, pages


@dataclass
class _Defaults:
    """What the options written so far mean for the next ``create``."""

    substitutions: list[Subst] = field(default_factory=list)
    umask: int = 0
    group: int | None = None


def create_configured(
    vdev: ShmemVdev,
    *,
    system: str,
    rules: Rules,
    registry: Registry,
    profile: Profile,
    max_pages: int,
    held: list[Client],
) -> None:
    """Make the regions. ``held`` gets qvm's own connections to them, if it holds any, one by one.

    Raises ConfigError, with the place of the option, for a region that cannot be made: the guest does not start.
    """
    before = _Defaults()
    for option in vdev.options:
        match option:
            case Subst():
                before.substitutions.append(option)
            case Umask(bits=bits):
                before.umask = bits
            case Gid(group=group):
                before.group = _group(group, option)
            case Create():
                region = _create(option, before, system, rules, registry, profile, max_pages)
                if profile.create_slot == "held":
                    held.append(_hold(region, option))
            case _:
                pass


def _hold(region: Region, create: Create) -> Client:
    try:
        return region.add("qvm", lambda: None)
    except RequestFailed as refusal:
        raise ConfigError(f"qvm cannot hold the region: {refusal}", create.position, found=create.name) from refusal


def _create(
    create: Create,
    before: _Defaults,
    system: str,
    rules: Rules,
    registry: Registry,
    profile: Profile,
    max_pages: int,
) -> Region:
    guest_name = as_bytes(create.name)
    count = pages(create.size_bytes)
    if count > max_pages:
        raise ConfigError(
            "the region is larger than this host can show to a guest",
            create.position,
            found=f"{create.size_bytes:#x} bytes",
            expected=f"up to {max_pages * PAGE_SIZE:#x}",
        )
    try:
        check_legal(guest_name.encode("latin-1"), profile)
        name = rules.created_name(guest_name, before.substitutions)
        check_legal(name.encode("latin-1"), profile)
        if profile.create_vs_rules == "obey" and not _guest_may(guest_name, rules, profile):
            raise ConfigError("the rules of this vdev refuse the region that it creates", create.position)
        mode, group = _mode(create, before, profile), before.group
        if create.gid is not None:
            group = _group(create.gid, create)
        existing = registry.find(name)
        if existing is not None:
            return _existing(existing, count, create, profile)
        lifetime = profile.create_lifetime
        return registry.create(name, count, creator=system, lifetime=lifetime, mode=mode, group=group)
    except RequestFailed as refusal:
        raise ConfigError(f"the region cannot be created: {refusal}", create.position, found=create.name) from refusal


def _guest_may(guest_name: str, rules: Rules, profile: Profile) -> bool:
    """Whether a request of the guest's own for that name would be permitted."""
    try:
        host_name = rules.host_name(guest_name)
        check_legal(host_name.encode("latin-1"), profile)
    except RequestFailed:
        return False
    return rules.permits(guest_name if profile.rules_see == "guest-name" else host_name)


def _existing(region: Region, count: int, create: Create, profile: Profile) -> Region:
    if region.pages != count and profile.create_existing == "rejected":
        raise ConfigError(
            "the region exists with another size", create.position, found=f"{count} pages", expected=f"{region.pages}"
        )
    return region


def _mode(create: Create, before: _Defaults, profile: Profile) -> int:
    """Permissions of the region: bits to read and write, never to execute, as the object carries more than the guest
    sees (8.0 manual)."""
    if create.mode is None:
        return DEFAULT_MODE & ~before.umask
    mask = before.umask if profile.umask_on_mode == "always" else 0
    return create.mode & ~mask & DEFAULT_MODE


def _group(group: str, option: Gid | Create) -> int:
    try:
        return group_id(group)
    except KeyError as error:
        raise ConfigError("no such group on this host", option.position, found=group) from error
