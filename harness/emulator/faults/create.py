# SPDX-License-Identifier: Apache-2.0
"""Faults of regions that ``create`` options make, and of their size."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Final

from harness.emulator.device import creation
from harness.emulator.device.regions import Region
from harness.emulator.device.requests import Requests
from harness.emulator.faults.registration import fault
from harness.emulator.machine import devices
from harness.shmem import registers as reg


def _create_with_more_pages(original: Callable[..., Region], more: int) -> Callable[..., Region]:
    def create(option: Any, *arguments: Any) -> Region:
        size = max(reg.PAGE_SIZE, option.size_bytes + more * reg.PAGE_SIZE)
        return original(type(option)(option.name, size, option.mode, option.gid, option.position), *arguments)

    return create


fault(
    name="create-page-too-many",
    group="create",
    text="a created region has one page too many",
    replace={
        (creation, "_create"): lambda original: _create_with_more_pages(original, 1),
    },
)


fault(
    name="create-page-too-few",
    group="create",
    text="a created region has one page too few",
    replace={
        (creation, "_create"): lambda original: _create_with_more_pages(original, -1),
    },
)


fault(
    name="create-ignored",
    group="create",
    text="create has no effect",
    replace={
        (devices, "create_configured"): lambda _: lambda vdev, **_options: [],
    },
)


def _create_only_first_option(original: Callable[..., Any]) -> Callable[..., Any]:
    def create(vdev: Any, **options: Any) -> Any:
        later = set(vdev.creates[1:])
        return original(type(vdev)(tuple(option for option in vdev.options if option not in later)), **options)

    return create


fault(
    name="create-first-only",
    group="create",
    text="only the first create of a vdev counts",
    replace={
        (devices, "create_configured"): _create_only_first_option,
    },
)


def _shrink_region_on_attach(original: Callable[..., None]) -> Callable[..., None]:
    def check_attach(self: Requests, region: Region, pages: int) -> None:
        original(self, region, pages)
        region.pages = min(region.pages, pages)

    return check_attach


fault(
    name="attach-resizes",
    group="create",
    text="an attach with another page count changes the size that everybody reads",
    replace={
        (Requests, "check_attach"): _shrink_region_on_attach,
    },
)


_THIRTY_TWO_BITS: Final = 0xFFFF_FFFF


fault(
    name="create-size-32-bits",
    group="create",
    text="the size of a create is taken modulo 4 GiB where that leaves something",
    replace={
        (creation, "pages"): lambda original: (
            lambda size_bytes: original(size_bytes & _THIRTY_TWO_BITS) or original(size_bytes)
        ),
    },
)


def _keep_substitutions_of_first_create(original: Callable[..., Region]) -> Callable[..., Region]:
    def create(option: Any, before: Any, *arguments: Any) -> Region:
        first = vars(before).setdefault("first", list(before.substitutions))
        return original(option, dataclasses.replace(before, substitutions=first), *arguments)

    return create


fault(
    name="create-subst-of-first",
    group="create",
    text="a subst between two creates of a vdev does not count for the second",
    replace={
        (creation, "_create"): _keep_substitutions_of_first_create,
    },
)


def _keep_mode_of_last_create(original: Callable[..., Region]) -> Callable[..., Region]:
    def create(option: Any, before: Any, *arguments: Any) -> Region:
        if option.mode is not None:
            vars(before)["mode"] = option.mode
        return original(dataclasses.replace(option, mode=vars(before).get("mode")), before, *arguments)

    return create


fault(
    name="create-mode-sticks",
    group="create",
    text="a create without MODE has the MODE of the one before it",
    replace={
        (creation, "_create"): _keep_mode_of_last_create,
    },
)
