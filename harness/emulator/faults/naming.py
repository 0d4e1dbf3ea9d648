# SPDX-License-Identifier: Apache-2.0
"""Faults of substitution and of regions that are created at the start."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from harness.emulator import parts
from harness.emulator.device import creation
from harness.emulator.device.requests import Requests
from harness.emulator.faults.catalogue import Patches, fault, fault_in
from harness.emulator.regions import Region
from harness.emulator.rules import Rules
from harness.shmem import registers as reg

_rule = partial(fault_in, Rules, "access")
_request = partial(fault_in, Requests, "access")
_attach = partial(fault_in, Requests, "create")
_create = partial(fault_in, creation, "create")


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
    patches.replace(parts, "create_configured", lambda _: lambda vdev, **_options: [])


@fault("create-first-only", "create", "only the first create of a vdev counts")
def _create_first_only(patches: Patches) -> None:
    def make(was: Callable[..., Any]) -> Callable[..., Any]:
        def create(vdev: Any, **options: Any) -> Any:
            later = set(vdev.creates[1:])
            return was(type(vdev)(tuple(option for option in vdev.options if option not in later)), **options)

        return create

    patches.replace(parts, "create_configured", make)


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
