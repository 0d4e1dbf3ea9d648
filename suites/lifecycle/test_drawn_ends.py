# SPDX-License-Identifier: Apache-2.0
"""Guests with several devices, some of them in regions and some not, that end in a drawn way, again and again."""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random
from typing import Final

import pytest

from fixtures.api import KILLS
from fixtures.bench import Bench
from fixtures.deployment import Deploy
from fixtures.guest import Guest, Region
from fixtures.settings import Setting

pytestmark = [pytest.mark.only(guest_image=["probe"]), pytest.mark.drawn]

ROUNDS: Final = 6
MOST_DEVICES: Final = 4
NAMES: Final = ("one", "two", "three", "four", "five", "six")
SECONDS: Final = 20.0
"""Longest time until the host knows of an end; it is only waited for when somebody stays."""
_ENDS: Final = (Guest.power_off, Guest.reboot, Guest.cut_power)


def ends(bench: Bench) -> list[Callable[[Guest], object]]:
    """The ways in which a guest can end there; where a kill is a power cut first, it is no way of its own."""
    with bench.host() as host:
        return [*_ENDS, Guest.kill] if KILLS in host.capabilities else [*_ENDS]


def _devices(bench: Bench, setting: Setting) -> tuple[str, ...]:
    most = min(MOST_DEVICES, len(bench.config.mmio)) if setting.placement == "mmio" else MOST_DEVICES
    return ("",) * most


def _come_and_go(random: Random, guest: Guest, regions: dict[str, Region]) -> None:
    """The guest joins some of the regions by some of its devices, and leaves a part of them."""
    devices = random.sample(range(len(guest.vdevs)), k=random.randint(1, len(guest.vdevs)))
    joined = [guest.attach(name, vdev=random.choice(devices)) for name in random.sample(NAMES, k=random.randint(1, 6))]
    for region in random.sample(joined, k=random.randrange(len(joined))):
        joined.remove(region)
        region.detach()
    for region in joined:
        assert {region.index} < region.members() <= {region.index, *(other.index for other in regions.values())}


def _with_others(regions: dict[str, Region]) -> list[str]:
    """The regions in which somebody else is, at once or after a while."""
    deadline = time.monotonic() + SECONDS
    while found := [name for name, region in regions.items() if region.members() != {region.index}]:
        if time.monotonic() > deadline:
            break
    return found


@pytest.mark.requirement("SHM-LIFE-03", "SHM-LIFE-04", "SHM-LIFE-05")
def test_whatever_its_devices_are_in_a_guest_leaves_all_of_it(deploy: Deploy, bench: Bench, setting: Setting) -> None:
    """A peer that stays finds itself alone in each region, and what it has written there."""
    random = Random(f"ends {setting.placement}")
    options = (_devices(bench, setting), "")
    guest, peer = deploy(*options)
    regions = {name: peer.attach(name, pages=pages) for pages, name in enumerate(NAMES, 1)}
    for number in range(ROUNDS):
        for seed, region in enumerate(regions.values(), number):
            region.fill(seed=seed)
        _come_and_go(random, guest, regions)
        random.choice(ends(bench))(guest)
        assert _with_others(regions) == [], f"round {number}"
        assert [region.differences(seed=seed) for seed, region in enumerate(regions.values(), number)] == [0] * 6
        guest, same = deploy(*options)
        assert same is peer
        assert guest.attached == []
