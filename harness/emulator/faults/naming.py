# SPDX-License-Identifier: Apache-2.0
"""Faults of substitution and of regions that are created at the start."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

from harness.emulator.device import creation
from harness.emulator.device.device import SharedMemoryDevice
from harness.emulator.device.names import legal_name
from harness.emulator.device.regions import Refused, Region
from harness.emulator.device.requests import Requests
from harness.emulator.device.rules import Rules, as_bytes
from harness.emulator.faults.catalogue import Patches, fault, fault_in, refuse
from harness.emulator.machine import devices
from harness.shmem import registers as reg
from harness.shmem.status import Status

_rule = partial(fault_in, Rules, "access")
_request = partial(fault_in, Requests, "access")
_attach = partial(fault_in, Requests, "create")
_create = partial(fault_in, creation, "create")

_THIRTY_TWO_BITS: Final = 0xFFFF_FFFF


_rule("subst-ignored", "the host sees the guest's name", "translated", lambda _: lambda self, name, substitutions: name)
_request(
    "subst-before-rules",
    "rules are matched against the host's name",
    "check_rules",
    lambda was: lambda self, guest_name, name: was(self, guest_name, self.rules.host_name(guest_name)),
)
_rule(
    "subst-every-occurrence",
    "every occurrence of the first field is replaced",
    "substituted",
    lambda was: (
        lambda self, name, entry: (
            name.replace(entry.original, entry.prefix) if entry.original else was(self, name, entry)
        )
    ),
)
_rule(
    "subst-unmatched-prefixed",
    "names without the first field get the prefix, too",
    "unmatched",
    lambda _: lambda self, name, prefix: prefix + name,
)
_rule(
    "subst-as-suffix",
    "the prefix is put behind the name",
    "substituted",
    lambda was: lambda self, name, entry: was(self, name, entry) if entry.original else name + entry.prefix,
)
_rule(
    "subst-keeps-original",
    "the first field stays in the name behind the prefix",
    "substituted",
    lambda was: lambda self, name, entry: entry.prefix + name if entry.original in name else was(self, name, entry),
)
_rule(
    "subst-collision",
    "the last character of a prefix is lost, so that VMs with numbered prefixes meet",
    "substituted",
    lambda _: lambda self, name, entry: name.replace(entry.original, entry.prefix[:-1], 1),
)
_rule(
    "subst-not-at-creation",
    "names of create options are not translated",
    "created_name",
    lambda _: lambda self, name, before: name,
)


_create(
    "create-page-too-many",
    "a created region has one page too many",
    "_create",
    lambda was: _with_more_pages(was, 1),
)
_create(
    "create-page-too-few", "a created region has one page too few", "_create", lambda was: _with_more_pages(was, -1)
)


def _with_more_pages(was: Callable[..., Region], more: int) -> Callable[..., Region]:
    def create(option: Any, *arguments: Any) -> Region:
        size = max(reg.PAGE_SIZE, option.size_bytes + more * reg.PAGE_SIZE)
        return was(type(option)(option.name, size, option.mode, option.gid, option.position), *arguments)

    return create


@fault("create-ignored", "create", "create makes nothing")
def _create_ignored(patches: Patches) -> None:
    patches.replace(devices, "create_configured", lambda _: lambda vdev, **_options: [])


@fault("create-first-only", "create", "only the first create of a vdev counts")
def _create_first_only(patches: Patches) -> None:
    def make(was: Callable[..., Any]) -> Callable[..., Any]:
        def create(vdev: Any, **options: Any) -> Any:
            later = set(vdev.creates[1:])
            return was(type(vdev)(tuple(option for option in vdev.options if option not in later)), **options)

        return create

    patches.replace(devices, "create_configured", make)


def _resizing(was: Callable[..., None]) -> Callable[..., None]:
    def check_attach(self: Requests, region: Region, pages: int) -> None:
        was(self, region, pages)
        region.pages = min(region.pages, pages)

    return check_attach


_attach(
    "attach-resizes",
    "an attach with another page count changes the size that everybody reads",
    "check_attach",
    _resizing,
)


def _longest_of_both(was: Callable[..., str]) -> Callable[..., str]:
    def substituted(self: Rules, name: str, entry: Any) -> str:
        original, prefix = as_bytes(entry.original), as_bytes(entry.prefix)
        if original and self.occurs(original, name) and len(prefix) + len(name) > reg.MAX_NAME_LENGTH:
            refuse(Status.ILLEGAL_NAME)
        return was(self, name, entry)

    return substituted


_rule(
    "subst-room-for-both",
    "a name is too long when it and the prefix do not fit together, although the first field goes away",
    "substituted",
    _longest_of_both,
)


def _leave_host_name(was: Callable[..., None]) -> Callable[..., None]:
    def failed(self: SharedMemoryDevice, status: Status, size_before: int) -> None:
        was(self, status, size_before)
        if status in (Status.UNKNOWN_FAILURE, Status.NOMEM, Status.CLIENT_MAX):
            with suppress(Refused):
                guest_name = legal_name(bytes(self.factory.name), self.profile)
                self.factory.set_name(self.requests.rules.host_name(guest_name))

    return failed


fault_in(
    SharedMemoryDevice,
    "access",
    "subst-left-by-failure",
    "a request that fails after the substitution leaves the host's name in the register, so the next one has it twice",
    "failed",
    _leave_host_name,
)
_create(
    "create-size-32-bits",
    "the size of a create is taken modulo 4 GiB where that leaves something",
    "pages",
    lambda was: lambda size_bytes: was(size_bytes & _THIRTY_TWO_BITS) or was(size_bytes),
)


def _frozen_by_first(was: Callable[..., Region]) -> Callable[..., Region]:
    def create(option: Any, before: Any, *arguments: Any) -> Region:
        first = vars(before).setdefault("first", list(before.substitutions))
        return was(option, dataclasses.replace(before, substitutions=first), *arguments)

    return create


_create(
    "create-subst-of-first",
    "a subst between two creates of a vdev does not count for the second",
    "_create",
    _frozen_by_first,
)


def _mode_of_last(was: Callable[..., Region]) -> Callable[..., Region]:
    def create(option: Any, before: Any, *arguments: Any) -> Region:
        if option.mode is not None:
            vars(before)["mode"] = option.mode
        return was(dataclasses.replace(option, mode=vars(before).get("mode")), before, *arguments)

    return create


_create(
    "create-mode-sticks",
    "a create without MODE has the MODE of the one before it",
    "_create",
    _mode_of_last,
)
