# SPDX-License-Identifier: Apache-2.0
"""How long regions of ``create`` last, with their guest and others that come, go, end and start in a drawn order."""

from __future__ import annotations

import time
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
CREATED: Final = {"kept0": 1, "kept1": 3, "kept2": 20}
"""Pages of the regions that the first guest creates."""
OPTIONS: Final = " ".join(f"create {name},{pages * 4096}" for name, pages in CREATED.items())


class Life:
    """The two guests, who is in which region, and which regions have to be there."""

    def __init__(self, random: Random, deploy: Deploy, profile: Profile) -> None:
        self._random = random
        self._deploy = deploy
        self._by_clients = profile.create_lifetime == "last-client"
        self._maker, self._peer = deploy(OPTIONS, "")
        self._running = True
        self._held: dict[tuple[str, str], Region] = {}
        self.expected = dict.fromkeys(CREATED, bytes(8))
        """By name: the first bytes."""

    def _guests(self) -> dict[str, Guest]:
        return {"peer": self._peer, **({"maker": self._maker} if self._running else {})}

    def step(self) -> str:
        """Let something happen; what it was."""
        random = self._random
        who, guest = random.choice(list(self._guests().items()))
        name = random.choice(list(CREATED))
        kind = random.random()
        if kind < 0.12:
            return self._end() if self._running else self._start()
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
        self._held[who, name] = region = guest.attach(name, pages=7)
        assert region.pages == CREATED[name], f"{name} has been made anew"
        assert region.peek(0, 8) == self.expected[name], f"{name} has other bytes"
        return f"{who} joins {name}"

    def _end(self) -> str:
        how = self._random.choice((Guest.power_off, Guest.cut_power, Guest.kill))
        how(self._maker)
        self._running = False
        left = [name for who, name in self._held if who == "maker"]
        for name in left:
            del self._held["maker", name]
        for name in CREATED if not self._by_clients else left:
            self._left(name)
        return f"{how.__name__} of the guest that creates them"

    def _start(self) -> str:
        self._maker, self._peer = self._deploy(OPTIONS, "")
        self._running = True
        for name in CREATED:
            self.expected.setdefault(name, bytes(8))
        return "that guest starts again"

    def _left(self, name: str) -> None:
        """Somebody has left, or the guest that creates it has ended: the region goes when nothing keeps it."""
        kept = not self._by_clients and self._running
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
    life = Life(Random(f"created {number}"), deploy, profile)

    def there() -> set[str]:
        """Once they are as expected, or after a while: the host hears of a qvm's end when it was killed."""
        deadline = time.monotonic() + SECONDS
        while (names := set(host_regions()) & set(CREATED)) != set(life.expected) and time.monotonic() < deadline:
            pass
        return names

    for turn in range(TURNS):
        what = life.step()
        assert there() == set(life.expected), f"turn {turn}: {what}"
