# SPDX-License-Identifier: Apache-2.0
"""The orders in which the VMs of a system may start, and the sizes that its regions have in each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Final

from harness.audit.analysis import Analysis

_ALL_UP_TO: Final = 4
_MOST_LAST: Final = 4

Order = tuple[str, ...]


def orders(vms: Sequence[str], analysis: Analysis) -> tuple[tuple[Order, ...], str]:
    """The orders to try, and in words which they are."""
    if len(vms) <= _ALL_UP_TO:
        return tuple(permutations(vms)), "every order of the VMs"
    chosen: dict[Order, None] = {tuple(vms): None, tuple(reversed(vms)): None}
    creators = dict.fromkeys(device.vm.name for device, _ in analysis.creations() if device.vm.name in vms)
    for last in list(creators)[:_MOST_LAST]:
        chosen[(*(vm for vm in vms if vm != last), last)] = None
    named = "the order of the files, the reverse of it, and VMs that create a region as the last one"
    return tuple(chosen), named


class Sizes:
    """Pages of the regions that there are, while VMs start and attach, and nobody leaves."""

    def __init__(self, analysis: Analysis) -> None:
        self._analysis = analysis
        self._keep = analysis.profile.create_existing == "keep"
        self.pages: dict[bytes, int] = {}

    def starts(self, vm: str) -> bool:
        """The VM starts and its ``create`` options make their regions; False when qvm refuses it for a size."""
        made = dict(self.pages)
        for device, creation in self._analysis.creations():
            if device.vm.name != vm:
                continue
            if creation.host_name is None:
                return False
            there = made.setdefault(creation.host_name, creation.pages)
            if there != creation.pages and not self._keep:
                return False
        self.pages = made
        return True

    def attached(self, host_name: bytes, pages: int) -> int:
        """The size of a region for a guest that asks for so many pages of it."""
        return self.pages.setdefault(host_name, pages)
