# SPDX-License-Identifier: Apache-2.0
"""How long regions of ``create`` last, with two guests that create them, come, go, end and start in a drawn order."""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random
from typing import Final

import pytest

from fixtures.bench import Bench
from fixtures.deployment import Deploy
from fixtures.guest import Guest, Region
from fixtures.hostside import HostRegions
from harness.shmem.profile import Profile

pytestmark = [pytest.mark.only(guest_image=["probe"]), pytest.mark.drawn]

ROUNDS: Final = 2
TURNS: Final = 40
SECONDS: Final = 20.0
"""Longest time until the host knows of an end; it is only waited for when a region stays or goes against the rules."""
CREATED: Final = {"maker": {"kept0": 1, "kept1": 3, "kept2": 20}, "second": {"kept1": 3, "kept2": 20, "kept3": 2}}
"""By guest, pages of the regions that it creates. Both name some of them."""
NAMES: Final = sorted({name for created in CREATED.values() for name in created})
PAGES: Final = CREATED["maker"] | CREATED["second"]
OPTIONS: Final = [
    " ".join(f"create {name},{pages * 4096}" for name, pages in created.items()) for created in CREATED.values()
]


class Life:
    """The two guests, who is in which region, who has made it, and which regions have to be there."""

    def __init__(self, random: Random, deploy: Deploy, host_regions: HostRegions, profile: Profile) -> None:
        self._random = random
        self._deploy = deploy
        self._by_clients = profile.create_lifetime == "last-client"
        self._guests = dict(zip(CREATED, deploy(*OPTIONS), strict=True))
        self._ended: str | None = None
        self._held: dict[tuple[str, str], Region] = {}
        self.expected = dict.fromkeys(NAMES, bytes(8))
        """By name: the first bytes."""
        self._maker = dict.fromkeys(CREATED["second"], "second") | dict.fromkeys(CREATED["maker"], "maker")
        self._see_who_was_first(host_regions)

    def _see_who_was_first(self, host_regions: HostRegions) -> None:
        """Both have started at once: what both name and is gone when the second one ends was made by that."""
        self._end("second", Guest.power_off)
        if not self._by_clients:
            for name in CREATED["second"]:
                if name not in host_regions():
                    self._maker[name] = "second"
                    self.expected.pop(name, None)
        self._start("second")

    def step(self) -> str:
        """Let something happen; what it was."""
        random = self._random
        who = random.choice([name for name in CREATED if name != self._ended])
        name = random.choice(NAMES)
        kind = random.random()
        if kind < 0.15:
            return self._end(who) if self._ended is None else self._start(self._ended)
        if (who, name) in self._held:
            if kind < 0.5:
                self._held.pop((who, name)).detach()
                self._left(name)
                return f"{who} leaves {name}"
            self.expected[name] = random.randbytes(8)
            self._held[who, name].poke(0, self.expected[name])
            return f"{who} writes to {name}"
        if name not in self.expected:
            return "nothing"
        self._held[who, name] = region = self._guests[who].attach(name, pages=7)
        assert region.pages == PAGES[name], f"{name} has been made anew"
        assert region.peek(0, 8) == self.expected[name], f"{name} has other bytes"
        return f"{who} joins {name}"

    def _end(self, who: str, how: Callable[[Guest], object] | None = None) -> str:
        how = how or self._random.choice((Guest.power_off, Guest.cut_power, Guest.kill))
        how(self._guests[who])
        self._ended = who
        left = [name for holder, name in self._held if holder == who]
        for name in left:
            del self._held[who, name]
        for name in left if self._by_clients else NAMES:
            self._left(name)
        return f"the end of {who}"

    def _start(self, who: str) -> str:
        self._guests = dict(zip(CREATED, self._deploy(*OPTIONS), strict=True))
        self._ended = None
        for name in CREATED[who]:
            if name not in self.expected:
                self.expected[name], self._maker[name] = bytes(8), who
        return f"{who} starts again"

    def _left(self, name: str) -> None:
        """Somebody has left, or a guest has ended: the region goes when nothing keeps it.

        That another guest names it in a ``create`` does not.
        """
        kept = not self._by_clients and self._maker[name] != self._ended
        if not kept and not any(held == name for _, held in self._held):
            self.expected.pop(name, None)


@pytest.mark.parametrize("number", range(ROUNDS))
@pytest.mark.requirement("SHM-PROF-10")
def test_regions_of_create_last_as_the_profile_says(
    deploy: Deploy, host_regions: HostRegions, bench: Bench, number: int
) -> None:
    """The host's list has them as long as something keeps them, and no longer."""
    profile = bench.profile
    if profile.create_lifetime == "host-reboot":
        pytest.skip(f"profile of bench {bench.name}: regions of create are there until the host restarts")
    if profile.new_content == "stale":
        pytest.skip(f"profile of bench {bench.name}: a new region has the bytes of an earlier one (new_content)")
    # Guests that no earlier test had.
    deploy()
    life = Life(Random(f"created {number}"), deploy, host_regions, profile)

    def there() -> set[str]:
        """Once they are as expected, or after a while: the host hears of a qvm's end when it was killed."""
        deadline = time.monotonic() + SECONDS
        while (names := set(host_regions()) & set(NAMES)) != set(life.expected) and time.monotonic() < deadline:
            pass
        return names

    for turn in range(TURNS):
        what = life.step()
        assert there() == set(life.expected), f"turn {turn}: {what}"
